"""Requests per minute, and keys that are wrong: refused with when to come back."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx2
import pytest

from tests.service import LOOK_SECONDS
from tests.web.conftest import serving
from tests.web.locked import Locked, bearer, locked_service
from tests.web.test_authorization import ROWS

LIMIT = 3
CHANGING = [at for at, row in ROWS.items() if at[0] != "get"]
USERS = count()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    """One that lets a caller do three things a minute; its admin is one as well."""
    folder = tmp_path_factory.mktemp("limited")
    with locked_service(folder) as open_handed:
        admin = open_handed.admin
        secrets = [open_handed.key(f"user{number}", "admin")["secret"] for number in range(60)]
    with locked_service(folder, requests_per_minute=LIMIT) as service:
        yield Locked(service.base_url, admin, tuple(secrets))


def somebody(service: Locked) -> dict[str, str]:
    """A caller who has not called yet."""
    return bearer(service.spare[next(USERS)])


@pytest.mark.parametrize(("method", "path"), CHANGING)
def test_the_limit_bites_on_every_route_that_changes_something(
    service: Locked, method: str, path: str
) -> None:
    headers = somebody(service)
    url = service.base_url + path.format(id="none", user="guest", item_id="none", name="none")
    with httpx2.Client(headers=headers) as client:
        before = [client.request(method, url, content=b"{").status_code for _ in range(LIMIT)]
        answer = client.request(method, url, content=b"{")

    assert 429 not in before
    assert answer.status_code == 429
    if path.startswith("/v1/"):
        assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    else:
        assert answer.json()["type"] == "rate_limited"
    assert answer.headers["ratelimit-limit"] == str(LIMIT)
    assert answer.headers["ratelimit-remaining"] == "0"
    assert 0 < int(answer.headers["ratelimit-reset"]) <= 60
    assert 0 < int(answer.headers["retry-after"]) <= 60


def test_to_read_is_not_counted(service: Locked) -> None:
    headers = somebody(service)
    answers = [httpx2.get(f"{service.base_url}/api/me", headers=headers) for _ in range(LIMIT + 2)]

    assert {answer.status_code for answer in answers} == {200}


def test_what_is_left_is_told(service: Locked) -> None:
    headers = somebody(service)
    url = f"{service.base_url}/api/conversations"
    answers = [httpx2.post(url, json={}, headers=headers) for _ in range(LIMIT)]

    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0"]


def test_all_keys_of_a_user_count_together(tmp_path: Path) -> None:
    with locked_service(tmp_path) as first:
        keys = [first.key("ann")["secret"] for _ in range(2)]
    with locked_service(tmp_path, requests_per_minute=2) as service:
        url = f"{service.base_url}/api/conversations"
        sent = [httpx2.post(url, json={}, headers=bearer(key)) for key in [*keys, *keys]]

    assert [answer.status_code for answer in sent] == [201, 201, 429, 429]


def test_callers_of_an_open_service_are_told_apart_by_their_addresses(tmp_path: Path) -> None:
    proxies = ["127.0.0.1"]
    with serving(tmp_path, requests_per_minute=1, trusted_proxies=proxies) as url:
        sent = [
            httpx2.post(f"{url}/api/conversations", json={}, headers={"X-Forwarded-For": address})
            for address in ["10.0.0.1", "10.0.0.2", "10.0.0.1", "1.1.1.1, 10.0.0.2"]
        ]

    assert [answer.status_code for answer in sent] == [201, 201, 429, 429]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_300_wrong_keys_from_rotating_forwarded_addresses_are_throttled(
    tmp_path: Path, header: str
) -> None:
    with locked_service(tmp_path) as service, httpx2.Client(base_url=service.base_url) as client:
        statuses = [
            client.get(
                "/api/me", headers={**bearer("sk-llmchat-no"), header: f"10.0.{i // 250}.{i % 250}"}
            ).status_code
            for i in range(300)
        ]
        alive = client.get("/health/live").status_code

    assert statuses[0] == 401
    assert statuses.count(429) >= 260
    assert statuses[-1] == 429
    assert alive == 200


def test_whoever_is_known_is_let_in_from_the_same_address(tmp_path: Path) -> None:
    with locked_service(tmp_path) as service, httpx2.Client(base_url=service.base_url) as client:
        known, unknown = service.key("ann")["secret"], service.key("bob")["secret"]
        assert client.get("/api/me", headers=bearer(known)).status_code == 200
        for _ in range(40):
            client.get("/api/me", headers=bearer("sk-llmchat-no"))

        assert client.get("/api/me", headers=bearer(known)).status_code == 200
        assert client.get("/api/me", headers=bearer(unknown)).status_code == 429


def test_signing_in_is_no_way_around(tmp_path: Path) -> None:
    with locked_service(tmp_path) as service, httpx2.Client(base_url=service.base_url) as client:
        statuses = [
            client.post("/api/session", json={"key": f"sk-llmchat-{i}"}).status_code
            for i in range(60)
        ]

    assert statuses[-1] == 429


STORY = {"content": "hello", "model": "demo/story"}
SLOW = {**STORY, "params": {"extra": {"tokens": 10_000, "tokens_per_second": 5}}}


async def test_a_caller_has_so_many_answers_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, max_live_generations=3) as url:
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
            made = [(await client.post("/api/conversations", json={})).json() for _ in range(12)]
            sent = await asyncio.gather(
                *(client.post(f"/api/conversations/{m['id']}/messages", json=SLOW) for m in made)
            )
            plain = await client.post(
                "/api/llm/generate", json={"prompt": "x", "model": "demo/echo"}
            )
            taken = [answer.json() for answer in sent if answer.status_code == 202]
            await client.post(f"/api/generations/{taken[0]['generation']['id']}/stop")
            again = await client.post(f"/api/conversations/{made[0]['id']}/messages", json=SLOW)
            refused = [made[i]["id"] for i, answer in enumerate(sent) if answer.status_code == 429]
            kept = [
                (await client.get(f"/api/conversations/{id}/messages")).json() for id in refused
            ]

    assert sorted(answer.status_code for answer in sent) == [202] * 3 + [429] * 9
    assert plain.status_code == 429
    assert "3 answers that are being written" in plain.json()["detail"]
    assert again.status_code in (202, 409)
    stored = [page["items"] for page, id in zip(kept, refused, strict=True) if id != made[0]["id"]]
    assert stored == [[]] * len(stored)


@pytest.mark.parametrize("setting", ["max_streams", "max_streams_per_caller"])
async def test_so_many_streams_are_open_at_once(tmp_path: Path, setting: str) -> None:
    with serving(tmp_path, **{setting: 2}) as url:
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
            made = (await client.post("/api/conversations", json={})).json()["id"]
            path = f"/api/conversations/{made}/stream"
            sent = (await client.post(f"/api/conversations/{made}/messages", json=SLOW)).json()
            async with client.stream("GET", path), client.stream("GET", sent["stream_url"]):
                over = [await client.get(at) for at in (path, sent["stream_url"])]
            # Those two were left: their places are free as soon as the server has seen it.
            async with asyncio.timeout(30):
                while (await _status(client, path)) != 200:  # noqa: ASYNC110 - only asking tells
                    await asyncio.sleep(LOOK_SECONDS)

    assert [answer.status_code for answer in over] == [429, 429]
    assert "2 streams open" in over[0].json()["detail"]
    assert over[0].headers["ratelimit-limit"] == "2"


async def test_a_stream_that_cannot_begin_takes_no_place(tmp_path: Path) -> None:
    with serving(tmp_path, max_streams=1) as url:
        async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
            for _ in range(3):
                missing = await client.get("/api/generations/gen_none/stream")
                assert missing.status_code == 404


async def _status(client: httpx2.AsyncClient, path: str) -> int:
    async with client.stream("GET", path) as answer:
        return answer.status_code
