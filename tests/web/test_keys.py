"""API keys over HTTP and on the command line: shown once, scoped, gone when revoked."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.client import Json
from tests.service import PATIENCE_SECONDS, environment
from tests.web.locked import SECRET, Locked, bearer, locked_service

# More than anybody waits for.
LONG = {
    "content": "go on",
    "model": "demo/story",
    "params": {"extra": {"tokens": 100_000, "tokens_per_second": 20}},
}
LLMCHAT = Path(sys.executable).with_name("llmchat")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("locked")


@pytest.fixture(scope="module")
def service(data_dir: Path) -> Iterator[Locked]:
    with locked_service(data_dir) as service:
        yield service


def get(service: Locked, path: str, secret: str) -> httpx2.Response:
    return httpx2.get(service.base_url + path, headers=bearer(secret))


def llmchat(data_dir: Path, *arguments: str) -> str:
    done = subprocess.run(
        [LLMCHAT, *arguments, "--data-dir", data_dir],
        env=environment({}),
        cwd=data_dir,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_first_start_makes_an_admins_key(service: Locked) -> None:
    assert SECRET.fullmatch(service.admin)
    me = get(service, "/api/me", service.admin).json()
    assert (me["user"], me["scopes"]) == ("admin", ["admin"])


def test_a_second_start_makes_none(tmp_path: Path) -> None:
    with locked_service(tmp_path) as first:
        assert first.admin
    with locked_service(tmp_path) as second:
        assert get(second, "/api/me", first.admin).status_code == 200
        keys = get(second, "/api/keys", first.admin).json()["items"]
    assert len(keys) == 1


def test_a_secret_is_shown_once_and_kept_nowhere(service: Locked, data_dir: Path) -> None:
    made = service.key("ann", "read")
    secret = made["secret"]
    listed = get(service, "/api/keys", service.admin)

    assert SECRET.fullmatch(secret)
    (found,) = [key for key in listed.json()["items"] if key["id"] == made["id"]]
    assert "secret" not in found
    assert secret not in listed.text
    # What follows the id is the secret's own part. Not read here: to close a file that SQLite has
    # open in this process would take its locks away.
    own = secret.split("-", 3)[3]
    grep = ["grep", "-rlF", "--", own, data_dir]
    found_in = subprocess.run(grep, check=False, capture_output=True, text=True)
    assert (found_in.returncode, found_in.stdout) == (1, "")


def test_a_wrong_key_is_told_what_to_send(service: Locked) -> None:
    answer = httpx2.get(service.base_url + "/api/me")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="llmchat"'
    assert answer.json()["type"] == "unauthenticated"
    assert "Authorization: Bearer sk-llmchat-" in answer.json()["detail"]


@pytest.mark.parametrize(
    "header", ["Basic YTpi", "Bearer", "Bearer é", "Bearer a b", "Bearer " + "x" * 600]
)
def test_a_header_of_another_form_is_nobodys(service: Locked, header: str) -> None:
    answer = httpx2.get(
        service.base_url + "/api/me", headers=[(b"Authorization", header.encode("latin-1"))]
    )

    assert answer.status_code == 401


def test_nobodys_body_is_not_even_read(service: Locked) -> None:
    answer = httpx2.post(service.base_url + "/api/llm/generate", content=b"{no json")

    assert answer.status_code == 401


def test_a_revoked_key_opens_nothing_any_more(service: Locked) -> None:
    made = service.key("ann")
    assert get(service, "/api/me", made["secret"]).status_code == 200
    service.revoke(made["id"])

    assert get(service, "/api/me", made["secret"]).status_code == 401


@pytest.mark.parametrize("path", ["/api/conversations/{id}/stream", "{stream_url}"])
@pytest.mark.parametrize("as_page", [False, True], ids=["key", "cookie"])
def test_a_revoked_keys_open_streams_end(service: Locked, path: str, *, as_page: bool) -> None:
    key = service.key("ann")
    with httpx2.Client(base_url=service.base_url, timeout=PATIENCE_SECONDS) as http:
        if as_page:
            http.post("/api/session", json={"key": key["secret"]}).raise_for_status()
        else:
            http.headers.update(bearer(key["secret"]))
        made = http.post("/api/conversations", json={}).json()
        sent = http.post(f"/api/conversations/{made['id']}/messages", json=LONG).json()
        with http.stream("GET", path.format(**made, **sent)) as stream:
            lines = stream.iter_lines()
            assert any(line == "event: delta" for line in lines)
            service.revoke(key["id"])
            assert "event: finished" not in list(lines)
        assert http.get(path.format(**made, **sent)).status_code == 401
    other = service.key("ann")
    stop = f"{service.base_url}/api/generations/{sent['generation']['id']}/stop"
    stopped = httpx2.post(stop, headers=bearer(other["secret"])).json()
    assert stopped["status"] == "stopped", "it went on without its readers"


def test_a_missing_scope_is_named(service: Locked) -> None:
    secret = service.key("ann", "read")["secret"]
    answer = httpx2.post(service.base_url + "/api/conversations", json={}, headers=bearer(secret))

    assert answer.status_code == 403
    assert "the scope chat, and the key has read" in answer.json()["detail"]


def test_one_users_keys_open_the_same_conversations(service: Locked) -> None:
    one, two = service.key("carl")["secret"], service.key("carl", "read")["secret"]
    made = httpx2.post(service.base_url + "/api/conversations", json={}, headers=bearer(one)).json()

    assert get(service, f"/api/conversations/{made['id']}", two).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["root"]},
        {"name": "x", "scopes": ["chat"] * 4},
        {"name": "x", "user": "../ann"},
        {"name": "x", "user": ""},
        {"name": "x", "expires_in_days": 0},
    ],
)
def test_a_key_that_cannot_be_is_refused(service: Locked, body: Json) -> None:
    answer = httpx2.post(service.base_url + "/api/keys", json=body, headers=bearer(service.admin))

    assert answer.status_code == 422, answer.text


def test_the_command_works_beside_the_service(service: Locked, data_dir: Path) -> None:
    secret = llmchat(data_dir, "keys", "create", "--user", "dora", "--scope", "read")
    me = get(service, "/api/me", secret).json()
    listed = llmchat(data_dir, "keys", "list")
    revoked = llmchat(data_dir, "keys", "revoke", me["key_id"])

    assert (me["user"], me["scopes"]) == ("dora", ["read"])
    assert f"{me['key_id']}  dora" in listed
    assert secret not in listed
    assert "is revoked" in revoked
    shown = json.loads(get(service, "/api/keys", service.admin).text)["items"]
    assert [key["revoked_at"] for key in shown if key["id"] == me["key_id"]] != [None]


def test_an_open_service_looks_at_no_key(base_url: str) -> None:
    answer = httpx2.get(base_url + "/api/me", headers=bearer("sk-of-somebody-else"))

    assert answer.json() == {"user": "local", "scopes": ["admin", "chat", "read"], "key_id": None}
