"""Who did what: each action that counts leaves one row and one line."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.service import environment
from tests.web.locked import Locked, bearer, locked_service

LLMCHAT = Path(sys.executable).with_name("llmchat")
HOME = {"Sec-Fetch-Site": "same-origin"}
# In a process of its own: to close a file that SQLite has open here would take its locks away.
READ = """
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.row_factory = sqlite3.Row
print(json.dumps([dict(row) for row in connection.execute("SELECT * FROM audit ORDER BY seq")]))
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("locked")


@pytest.fixture(scope="module")
def service(data_dir: Path) -> Iterator[Locked]:
    with locked_service(data_dir, trusted_proxies="127.0.0.1") as service:
        yield service


@pytest.fixture
def ann(service: Locked) -> Mapping[str, Any]:
    return service.key("ann")


@pytest.fixture
def client(service: Locked, ann: Mapping[str, Any]) -> Iterator[httpx2.Client]:
    """Ann, behind a proxy."""
    headers = {**bearer(ann["secret"]), "X-Forwarded-For": "192.0.2.7", "X-Request-ID": "mine-1"}
    with httpx2.Client(base_url=service.base_url, headers=headers) as client:
        yield client


def rows(data_dir: Path, object_id: str | None = None) -> list[dict[str, Any]]:
    command = [sys.executable, "-c", READ, str(data_dir / "llmchat.db")]
    read = subprocess.run(command, check=True, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(read.stdout)
    return [row for row in found if object_id in (None, row["object_id"])]


def said(row: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(row[name] for name in ("action", "actor", "key_id", "address", "request_id"))


def test_the_first_key_is_the_operators(service: Locked, data_dir: Path) -> None:
    first = rows(data_dir)[0]

    assert said(first) == ("key.create", "(operator)", None, None, None)
    assert first["object_id"].startswith("key_")
    assert first["object_id"].removeprefix("key_") in service.admin


def test_keys_that_are_made_and_revoked(
    service: Locked, ann: Mapping[str, Any], data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    me = httpx2.get(f"{service.base_url}/api/me", headers=bearer(service.admin)).json()["key_id"]
    done = httpx2.delete(
        f"{service.base_url}/api/keys/{ann['id']}",
        headers={**bearer(service.admin), "X-Request-ID": "the-admin"},
    )
    made, revoked = rows(data_dir, ann["id"])

    assert done.status_code == 204
    assert said(made)[:4] == ("key.create", "admin", me, "127.0.0.1")
    assert made["request_id"].startswith("req_")
    assert said(revoked) == ("key.revoke", "admin", me, "127.0.0.1", "the-admin")
    (line,) = [record for record in caplog.records if record.getMessage() == "Audit"]
    told = {name: getattr(line, name) for name in ("action", "object_id", "user", "key_id")}
    assert told == {
        "action": "key.revoke",
        "object_id": ann["id"],
        "user": "admin",
        "key_id": me,
    }
    assert (vars(line)["address"], vars(line)["request_id"]) == ("127.0.0.1", "the-admin")


def test_the_command_is_the_operators(service: Locked, data_dir: Path) -> None:
    for arguments in (("create", "--user", "dora"), ("revoke", "…")):
        made = [row for row in rows(data_dir) if row["action"] == "key.create"][-1]["object_id"]
        given = [made if argument == "…" else argument for argument in arguments]
        done = subprocess.run(
            [LLMCHAT, "keys", *given, "--data-dir", data_dir],
            env=environment({"LLMCHAT_LOG_FORMAT": "json"}),
            cwd=data_dir,
            capture_output=True,
            text=True,
            check=True,
        )
        last = rows(data_dir)[-1]
        assert said(last) == (f"key.{arguments[0]}", "(operator)", None, None, None)
        (line,) = [line for line in done.stderr.splitlines() if '"Audit"' in line]
        assert json.loads(line)["object_id"] == last["object_id"]


def test_a_conversation_that_is_cleared_and_deleted(
    client: httpx2.Client, ann: Mapping[str, Any], data_dir: Path
) -> None:
    id = client.post("/api/conversations", json={}).json()["id"]
    assert client.delete(f"/api/conversations/{id}/messages").status_code == 204
    assert client.delete(f"/api/conversations/{id}").status_code == 204

    who = ("ann", ann["id"], "192.0.2.7", "mine-1")
    assert [said(row) for row in rows(data_dir, id)] == [
        ("conversation.clear", *who),
        ("conversation.delete", *who),
    ]


def test_a_session_that_is_cleared(client: httpx2.Client, data_dir: Path) -> None:
    body = {"session_id": "mine", "message": "hello", "model": "demo/echo"}
    client.post("/api/llm/chat/session", json=body).raise_for_status()
    (conversation,) = client.get("/api/conversations").json()["items"]
    assert client.delete("/api/llm/chat/session/mine").status_code == 204

    assert [row["action"] for row in rows(data_dir, conversation["id"])] == ["conversation.clear"]


def test_signing_in_and_out(service: Locked, ann: Mapping[str, Any], data_dir: Path) -> None:
    with httpx2.Client(base_url=service.base_url, headers=HOME) as page:
        page.post("/api/session", json={"key": ann["secret"]}).raise_for_status()
        page.delete("/api/session").raise_for_status()
    came, left = rows(data_dir)[-2:]

    assert said(came)[:4] == ("session.create", "ann", ann["id"], "127.0.0.1")
    # Only the key is known: nobody looks it up to let somebody go.
    assert said(left)[:4] == ("session.delete", None, ann["id"], "127.0.0.1")


def test_what_is_refused_leaves_nothing(
    service: Locked, client: httpx2.Client, data_dir: Path
) -> None:
    before = rows(data_dir)
    refused = [
        client.delete("/api/conversations/conv_none"),
        client.delete("/api/keys/key_none"),
        client.post("/api/keys", json={"name": "x"}),
        httpx2.post(f"{service.base_url}/api/session", json={"key": "sk-llmchat-no"}),
    ]
    # There was no session to leave.
    gone = httpx2.delete(f"{service.base_url}/api/session")

    assert [answer.status_code for answer in refused] == [404, 403, 403, 401]
    assert gone.status_code == 204
    assert rows(data_dir) == before


def test_sharing_leaves_a_row_for_each_step(client: httpx2.Client, data_dir: Path) -> None:
    id = client.post("/api/conversations", json={}).json()["id"]
    client.post(f"/api/conversations/{id}/members", json={"user": "bob", "role": "viewer"})
    client.delete(f"/api/conversations/{id}/members/bob")
    client.post(f"/api/conversations/{id}/link")
    client.delete(f"/api/conversations/{id}/link")

    found = [row for row in rows(data_dir) if id in str(row["object_id"])]
    assert [(row["action"], row["object_id"]) for row in found] == [
        ("member.add", f"{id}/bob"),
        ("member.remove", f"{id}/bob"),
        ("link.create", id),
        ("link.revoke", id),
    ]
