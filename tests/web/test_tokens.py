"""A service that takes the tokens of an issuer beside its API keys."""

from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any

import httpx2
import pytest

from tests.issuer import AUDIENCE, Issuer, issuing, jwk_of, rsa_key
from tests.web.conftest import UNPACED
from tests.web.locked import Locked, bearer, locked_service


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Locked]:
    with _service(tmp_path_factory.mktemp("tokens"), issuer) as service:
        yield service


def _service(data_dir: Path, issuer: Issuer, **settings: Any) -> Any:
    return locked_service(data_dir, oidc_issuer=issuer.url, oidc_audience=AUDIENCE, **settings)


def _me(service: Locked, token: str) -> httpx2.Response:
    return httpx2.get(f"{service.base_url}/api/me", headers=bearer(token), timeout=30)


def test_a_token_opens_what_is_its_users(service: Locked, issuer: Issuer) -> None:
    token = issuer.token(scope="openid chat", note="x" * 5000)

    assert _me(service, token).json() == {"user": "oidc:ann", "scopes": ["chat"], "key_id": None}
    assert _me(service, service.admin).json()["user"] == "admin"


def test_everything_wrong_has_the_same_words(service: Locked, issuer: Issuer) -> None:
    answers = [
        _me(service, token)
        for token in (
            issuer.token(exp=1_700_000_000),
            issuer.token(aud="another"),
            issuer.token(sub=7),
            issuer.token(rsa_key(9)),
            issuer.token(headers={"kid": "unknown"}),
            "a.b.c",
        )
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert {answer.headers["www-authenticate"] for answer in answers} == {'Bearer realm="llmchat"'}


def test_a_token_without_end_is_refused(service: Locked, issuer: Issuer) -> None:
    answer = _me(service, issuer.token(note="x" * 40_000))

    assert answer.status_code == 401
    answer = _me(service, issuer.token(note="x" * 100_000))
    assert answer.status_code in {400, 401, 431}


def test_a_scope_that_is_missing_is_named(service: Locked, issuer: Issuer) -> None:
    answer = _me(service, issuer.token(scope="openid"))

    assert answer.status_code == 403
    assert answer.json()["detail"] == (
        "This takes the scope read, and the token has none. Its issuer gives scopes."
    )


def test_wrong_tokens_are_counted_as_wrong_keys(tmp_path: Path, issuer: Issuer) -> None:
    with _service(tmp_path, issuer, wrong_keys_per_minute=3) as service:
        known = issuer.token()
        assert _me(service, known).status_code == 200
        told = [_me(service, issuer.token(exp=number)).status_code for number in range(1, 6)]

        assert told == [401, 401, 401, 429, 429]
        assert _me(service, issuer.token(sub="bob")).status_code == 429
        assert _me(service, known).status_code == 200


def test_a_token_makes_no_session(service: Locked, issuer: Issuer) -> None:
    for token in (issuer.token(), "a.b.c"):
        answer = httpx2.post(f"{service.base_url}/api/session", json={"key": token})
        assert answer.status_code in {401, 422}
        assert "set-cookie" not in answer.headers


def test_an_admin_by_token_makes_a_key_of_their_own(service: Locked, issuer: Issuer) -> None:
    made = httpx2.post(
        f"{service.base_url}/api/keys",
        json={"name": "mine", "scopes": ["read"]},
        headers=bearer(issuer.token(scope="admin")),
    ).json()
    assert _me(service, made["secret"]).json()["user"] == "oidc:ann"

    body = {"name": "x", "user": "oidc:ann"}
    answer = httpx2.post(f"{service.base_url}/api/keys", json=body, headers=bearer(service.admin))
    assert answer.status_code == 422


class TestTicket:
    def _said(self, service: Locked, token: str) -> str:
        """A generation of whoever has the token."""
        with httpx2.Client(base_url=service.base_url, headers=bearer(token)) as client:
            conversation = client.post("/api/conversations", json={}).json()["id"]
            body = {"content": "hello", "model": "demo/echo", "params": {"extra": UNPACED}}
            sent = client.post(f"/api/conversations/{conversation}/messages", json=body)
            return str(sent.json()["generation"]["id"])

    @pytest.mark.parametrize("user", ["ann", '"' * 255, "é" * 127])
    def test_of_a_token_opens_its_stream(self, service: Locked, issuer: Issuer, user: str) -> None:
        token = issuer.token(sub=user)
        id, other = self._said(service, token), self._said(service, token)
        made = httpx2.post(
            f"{service.base_url}/api/generations/{id}/ticket", headers=bearer(token)
        ).json()

        answer = httpx2.get(service.base_url + made["stream_url"])
        assert answer.status_code == 200
        assert "event: finished" in answer.text
        for path in (f"/api/generations/{other}/stream", f"/api/generations/{id}", "/api/me"):
            answer = httpx2.get(service.base_url + path, params={"ticket": made["ticket"]})
            assert answer.status_code == 401, path

    def test_ends_with_the_token(self, service: Locked, issuer: Issuer) -> None:
        token = issuer.token(exp=int(time()) - 5)
        id = self._said(service, token)
        made = httpx2.post(
            f"{service.base_url}/api/generations/{id}/ticket", headers=bearer(token)
        ).json()

        assert httpx2.get(service.base_url + made["stream_url"]).status_code == 401

    def test_is_nothing_where_tokens_are_taken_no_more(
        self, tmp_path: Path, issuer: Issuer
    ) -> None:
        with _service(tmp_path, issuer) as service:
            token = issuer.token()
            url = f"/api/generations/{self._said(service, token)}"
            made = httpx2.post(f"{service.base_url}{url}/ticket", headers=bearer(token)).json()
        with locked_service(tmp_path) as service:
            assert httpx2.get(service.base_url + made["stream_url"]).status_code == 401


def test_a_new_key_of_the_issuer_is_good_at_once(tmp_path: Path) -> None:
    with issuing() as issuer, _service(tmp_path, issuer) as service:
        assert _me(service, issuer.token()).status_code == 200
        issuer.keys[:] = [jwk_of(rsa_key(1), "second")]

        token = issuer.token(rsa_key(1), headers={"kid": "second"})
        assert _me(service, token).status_code == 200
        assert _me(service, issuer.token()).status_code == 401


def test_an_issuer_that_was_never_there_is_no_fault_of_the_callers(tmp_path: Path) -> None:
    with issuing() as issuer:
        issuer.status = 500
        with _service(tmp_path, issuer) as service:
            answer = _me(service, issuer.token())
            by_key = _me(service, service.admin)

    assert answer.status_code == 503
    assert answer.json()["type"] == "issuer_unavailable"
    assert int(answer.headers["retry-after"]) > 0
    assert by_key.status_code == 200


def test_without_an_issuer_a_token_is_a_wrong_key(tmp_path: Path, issuer: Issuer) -> None:
    with locked_service(tmp_path) as service:
        assert _me(service, issuer.token()).status_code == 401
