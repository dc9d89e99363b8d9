"""What admins see of everybody, and what they stop; nobody else does."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.web.locked import Locked, bearer, locked_service
from tests.web.test_audit import rows

SLOW = {"model": "demo/story", "params": {"extra": {"tokens_per_second": 5}}}
SECRET_WORDS = "a canary that no admin may read"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("admin")


@pytest.fixture(scope="module")
def service(data_dir: Path) -> Iterator[Locked]:
    with locked_service(data_dir, tokens_per_day=1000) as service:
        yield service


@pytest.fixture
def ann(service: Locked) -> Mapping[str, Any]:
    return service.key("ann")


@pytest.fixture
def running(service: Locked, ann: Mapping[str, Any]) -> Iterator[Any]:
    """The answer to a send of Ann's, which is being written."""
    with httpx2.Client(base_url=service.base_url, headers=bearer(ann["secret"])) as client:
        id = client.post("/api/conversations", json={"title": SECRET_WORDS}).json()["id"]
        body = {"content": SECRET_WORDS, **SLOW}
        sent = client.post(f"/api/conversations/{id}/messages", json=body).json()
        yield sent
        client.delete(f"/api/conversations/{id}").raise_for_status()


def asked(service: Locked, path: str, secret: str | None = None) -> Any:
    answer = httpx2.get(
        f"{service.base_url}/api/admin/{path}", headers=bearer(secret or service.admin)
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def stop(service: Locked, secret: str, id: str) -> httpx2.Response:
    path = f"/api/admin/generations/{id}/stop"
    return httpx2.post(service.base_url + path, headers=bearer(secret))


def test_live_generations_are_shown_without_a_word_of_theirs(
    service: Locked, ann: Mapping[str, Any], running: Any
) -> None:
    id = running["generation"]["id"]
    seen: Any = {"output_tokens": 0}
    found: Any = None
    while not seen["output_tokens"]:
        found = asked(service, "generations")
        (seen,) = [item for item in found["items"] if item["id"] == id]

    assert (seen["user"], seen["owner"], seen["key_id"]) == ("ann", "ann", ann["id"])
    assert (seen["model"], seen["status"], seen["here"]) == ("demo/story", "streaming", True)
    assert seen["process"].startswith("worker_")
    assert SECRET_WORDS not in json.dumps([found, asked(service, "users")])


def test_an_admin_stops_anybodys_and_it_is_noted(
    service: Locked, ann: Mapping[str, Any], running: Any, data_dir: Path
) -> None:
    id = running["generation"]["id"]

    done = stop(service, service.admin, id)

    assert done.status_code == 200, done.text
    assert done.json()["status"] == "stopped"
    again = stop(service, service.admin, id)
    assert again.json() == done.json()
    detail = httpx2.get(
        f"{service.base_url}/api/generations/{id}", headers=bearer(ann["secret"])
    ).json()
    assert (detail["status"], detail["last_event_id"]) == ("stopped", done.json()["last_event_id"])
    assert [item for item in asked(service, "generations")["items"] if item["id"] == id] == []
    noted = rows(data_dir, id)
    assert {row["action"] for row in noted} == {"generation.stop"}
    assert {row["actor"] for row in noted} != {"ann"}


def test_nobody_else_sees_or_stops_them(
    service: Locked, ann: Mapping[str, Any], running: Any, data_dir: Path
) -> None:
    id = running["generation"]["id"]
    for secret in (ann["secret"], service.key("bob", "read", "chat")["secret"]):
        assert stop(service, secret, id).status_code == 403
        for path in ("generations", "users"):
            url = f"{service.base_url}/api/admin/{path}"
            assert httpx2.get(url, headers=bearer(secret)).status_code == 403
    assert rows(data_dir, id) == []
    assert id in {item["id"] for item in asked(service, "generations")["items"]}


def test_what_is_not_there_cannot_be_stopped(service: Locked, data_dir: Path) -> None:
    assert stop(service, service.admin, "gen_none").status_code == 404
    assert stop(service, service.admin, "a b").status_code == 422
    assert rows(data_dir, "gen_none") == []


def test_users_are_those_with_keys_and_those_who_spent(service: Locked) -> None:
    cleo = service.key("cleo")
    spent = httpx2.post(
        f"{service.base_url}/api/llm/generate",
        json={"prompt": "hello there", "model": "demo/echo"},
        headers=bearer(cleo["secret"]),
    )
    assert spent.status_code == 200
    service.revoke(service.key("cleo")["id"])

    found = asked(service, "users")
    (seen,) = [item for item in found["items"] if item["user"] == "cleo"]
    assert (seen["keys"], seen["input_tokens"], seen["output_tokens"]) == (1, 2, 4)
    assert (seen["generations"], seen["live"]) == (1, 0)
    assert found["month"].endswith("-01")

    by_user = httpx2.get(
        f"{service.base_url}/api/usage?all=true&group_by=user", headers=bearer(service.admin)
    ).json()
    (sums,) = [item for item in by_user["items"] if item["user"] == "cleo"]
    assert (sums["input_tokens"], sums["output_tokens"]) == (2, 4)


def test_everybody_sees_what_they_have_left(service: Locked) -> None:
    dan = service.key("dan", tokens_per_month=500, usd_per_day=2.5)
    url = f"{service.base_url}/api/usage/allowances"

    found = httpx2.get(url, headers=bearer(dan["secret"])).json()["items"]

    assert [(it["whose"], it["unit"], it["period"], it["left"]) for it in found] == [
        ("user", "tokens", "day", 1000),
        ("key", "tokens", "month", 500),
        ("key", "usd", "day", 2.5),
    ]
    assert {it["used"] for it in found} == {0}
