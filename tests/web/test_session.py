"""The page's cookie and the tickets: what they open, for whom, and for how long."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2
import pytest

from llmchat.access.signing import Signer
from tests.web.locked import Locked, bearer, locked_service

HOME = {"Sec-Fetch-Site": "same-origin"}
FOREIGN: list[Mapping[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "none", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "Same-Origin"},
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    with locked_service(tmp_path_factory.mktemp("locked")) as service:
        yield service


@pytest.fixture
def page(service: Locked) -> Iterator[httpx2.Client]:
    """A browser's page that has signed in as ann."""
    with httpx2.Client(base_url=service.base_url, headers=HOME) as client:
        done = client.post("/api/session", json={"key": service.key("ann")["secret"]})
        assert done.status_code == 200, done.text
        yield client


def test_a_key_is_exchanged_for_a_cookie_that_no_script_can_read(service: Locked) -> None:
    made = service.key("ann")
    answer = httpx2.post(f"{service.base_url}/api/session", json={"key": made["secret"]})

    assert answer.json() == {"user": "ann", "scopes": ["chat"], "key_id": made["id"]}
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert made["secret"] not in cookie


def test_over_tls_the_cookie_stays_on_tls(service: Locked) -> None:
    key = service.key("ann")["secret"]
    headers = {"Origin": "https://chat.example.com", "Host": "chat.example.com"}
    answer = httpx2.post(f"{service.base_url}/api/session", json={"key": key}, headers=headers)

    assert "Secure" in answer.headers["set-cookie"]


def test_the_page_does_everything_with_it(page: httpx2.Client) -> None:
    assert page.get("/api/me").json()["user"] == "ann"
    assert page.post("/api/conversations", json={}).status_code == 201


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_no_other_page_does_anything_with_it(
    page: httpx2.Client, headers: Mapping[str, str]
) -> None:
    del page.headers["Sec-Fetch-Site"]

    for method, path in [("GET", "/api/me"), ("POST", "/api/conversations")]:
        answer = page.request(method, path, json={}, headers=headers)
        assert answer.status_code == 403, (method, answer.text)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_no_other_page_signs_anybody_in_or_out(
    service: Locked, page: httpx2.Client, headers: Mapping[str, str]
) -> None:
    del page.headers["Sec-Fetch-Site"]
    key = service.key("mallory")["secret"]

    assert page.post("/api/session", json={"key": key}, headers=headers).status_code == 403
    assert page.delete("/api/session", headers=headers).status_code == 403


def test_signing_out_takes_it_back(page: httpx2.Client) -> None:
    assert page.delete("/api/session").status_code == 204

    assert page.get("/api/me").status_code == 401


def test_a_revoked_key_ends_its_sessions(service: Locked) -> None:
    made = service.key("ann")
    with httpx2.Client(base_url=service.base_url, headers=HOME) as client:
        client.post("/api/session", json={"key": made["secret"]})
        assert client.get("/api/me").status_code == 200
        service.revoke(made["id"])
        assert client.get("/api/me").status_code == 401


@pytest.mark.parametrize("key", ["sk-llmchat-no", "\\ud800", "é", "\\u0000"])
def test_a_wrong_key_gets_no_cookie(service: Locked, key: str) -> None:
    answer = httpx2.post(
        f"{service.base_url}/api/session",
        content=f'{{"key": "{key}"}}',
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("value", ["", "x", "a.b", ".", "é", "e30.e30", "x" * 5000])
def test_a_cookie_of_somebody_elses_making_is_nothing(service: Locked, value: str) -> None:
    cookie = f"llmchat_session={value}".encode()
    answer = httpx2.get(f"{service.base_url}/api/me", headers=[(b"Cookie", cookie)])

    assert answer.status_code == 401


def test_a_session_outlives_a_restart(tmp_path: Path) -> None:
    with locked_service(tmp_path) as first, httpx2.Client(headers=HOME) as page:
        page.post(f"{first.base_url}/api/session", json={"key": first.admin})
        with_cookie = dict(page.cookies)
    with locked_service(tmp_path) as second:
        answer = httpx2.get(f"{second.base_url}/api/me", cookies=with_cookie)

    assert answer.json()["user"] == "admin"
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


class TestTicket:
    @pytest.fixture
    def sent(self, page: httpx2.Client) -> Mapping[str, str]:
        conversation = page.post("/api/conversations", json={}).json()["id"]
        body = {"content": "hello", "model": "demo/echo"}
        answer = page.post(f"/api/conversations/{conversation}/messages", json=body).json()
        id = answer["generation"]["id"]
        return {"id": id, **page.post(f"/api/generations/{id}/ticket").json()}

    def test_opens_its_stream_to_whoever_has_it(
        self, service: Locked, sent: Mapping[str, str]
    ) -> None:
        answer = httpx2.get(service.base_url + sent["stream_url"])

        assert answer.status_code == 200
        assert "event: finished" in answer.text

    def test_opens_nothing_else(
        self, service: Locked, page: httpx2.Client, sent: Mapping[str, str]
    ) -> None:
        other = page.post("/api/conversations", json={}).json()["id"]
        body = {"content": "hello", "model": "demo/echo"}
        more = page.post(f"/api/conversations/{other}/messages", json=body).json()
        for path in (
            f"/api/generations/{more['generation']['id']}/stream",
            f"/api/generations/{sent['id']}",
            f"/api/conversations/{other}/stream",
            "/api/me",
        ):
            answer = httpx2.get(service.base_url + path, params={"ticket": sent["ticket"]})
            assert answer.status_code == 401, path

    @pytest.mark.parametrize("ticket", ["é", "%ED%A0%80.x", "%00", "x.%C3%A9", ""])
    def test_what_is_no_ticket_opens_nothing(
        self, service: Locked, sent: Mapping[str, str], ticket: str
    ) -> None:
        answer = httpx2.get(
            f"{service.base_url}/api/generations/{sent['id']}/stream?ticket={ticket}"
        )

        assert answer.status_code == 401

    def test_a_strangers_generation_has_none(
        self, service: Locked, sent: Mapping[str, str]
    ) -> None:
        answer = httpx2.post(
            f"{service.base_url}/api/generations/{sent['id']}/ticket",
            headers=bearer(service.key("bob")["secret"]),
        )

        assert answer.status_code == 404


class TestSigner:
    def test_reads_what_it_signed_for_the_same_purpose(self) -> None:
        signer = Signer(b"s" * 32)
        text = signer.sign("session", {"key": "key_1"}, seconds=60)

        assert signer.read("session", text) == {"key": "key_1"}
        assert signer.read("ticket", text) is None
        assert Signer(b"t" * 32).read("session", text) is None

    def test_nothing_lasts_beyond_its_time(self) -> None:
        signer = Signer(b"s" * 32)

        assert signer.read("session", signer.sign("session", {}, seconds=-1)) is None

    @pytest.mark.parametrize("text", ["é.é", "\ud800.x", "a.\udfff", "..", "\0"])
    def test_other_text_is_nothing(self, text: str) -> None:
        assert Signer(b"s" * 32).read("session", text) is None

    def test_no_byte_can_be_changed(self) -> None:
        signer = Signer(b"s" * 32)
        text = signer.sign("session", {"key": "key_1"}, seconds=60)
        for at in range(len(text)):
            other = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
            assert signer.read("session", other) is None, at
