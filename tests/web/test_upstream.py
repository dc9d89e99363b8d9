"""The blocking calls when the model's server fails, and when their own caller leaves."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.client import Client, Json, connect
from tests.raw_http import RawClient
from tests.upstream import OptionValue, Upstream, mock_model, mock_upstream
from tests.web.conftest import serving
from tests.web.shapes import problem_of

KEY = "sk-4f9a-quite-secret"


@dataclass(frozen=True, slots=True)
class World:
    """A service, the only model server that it has, and a client."""

    upstream: Upstream
    base_url: str
    client: Client

    async def blocking(self, model: str) -> list[httpx2.Response]:
        """The answers of all three calls that wait."""
        hello = [{"role": "user", "content": "hello"}]
        bodies: dict[str, Json] = {
            "/api/llm/generate": {"prompt": "hello"},
            "/api/llm/chat": {"messages": hello},
            "/api/llm/chat/session": {"session_id": model, "message": "hello"},
        }
        calls = [
            self.client.http.post(path, json={**body, "model": model})
            for path, body in bodies.items()
        ]
        return await asyncio.gather(*calls)


@pytest.fixture
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    settings: dict[str, Any] = {"max_attempts": 1, **getattr(request, "param", {})}
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(mock_upstream())
        provider = {"base_url": upstream.base_url, "api_key": KEY}
        service = serving(tmp_path, providers={"openai": provider}, **settings)
        base_url = await asyncio.to_thread(service.__enter__)
        stack.push_async_callback(asyncio.to_thread, service.__exit__, None, None, None)
        client = await stack.enter_async_context(connect(base_url))
        yield World(upstream, base_url, client)


def post(raw: RawClient, path: str, body: Json) -> None:
    """Ask, on a connection that can be left at any moment."""
    raw.send(f"POST {path} HTTP/1.1", json.dumps(body).encode(), "Content-Type: application/json")


def failing(kind: str, **options: OptionValue) -> str:
    return "openai/" + mock_model("story", **options | {"fail": kind})


async def test_blocking_calls_answer_with_what_the_model_said(world: World) -> None:
    generated, chatted, waited = await world.blocking("openai/" + mock_model(tokens=3))

    assert generated.json()["text"] == "t0 t1 t2 "
    assert generated.json()["model"].startswith("openai/story")
    assert chatted.json()["message"]["content"] == "t0 t1 t2 "
    assert waited.json()["response"] == "t0 t1 t2 "
    assert generated.json()["usage"]["output_tokens"] == 3
    assert generated.json()["usage"]["estimated"] is False


async def test_thinking_is_no_part_of_the_answer(world: World) -> None:
    model = "openai/" + mock_model(tokens=2, reasoning=2)
    body: Json = {"messages": [{"role": "user", "content": "hello"}], "model": model}

    said = (await world.client.http.post("/api/llm/chat", json=body)).json()["message"]
    body["params"] = {"skip_thinking": True}
    hidden = (await world.client.http.post("/api/llm/chat", json=body)).json()["message"]

    assert (said["content"], said["reasoning"]) == ("t0 t1 ", "r0 r1 ")
    assert (hidden["content"], hidden["reasoning"]) == ("t0 t1 ", "")


FAILURES = {
    "refuse": "upstream_unavailable",
    "http-500": "upstream_unavailable",
    "http-401": "upstream_unauthorized",
    "html": "upstream_malformed",
    "truncate": "upstream_truncated",
    "cut": "upstream_truncated",
    "reset": "upstream_truncated",
    "error-200": None,
    "error-frame": None,
    "bad-json-end": None,
}


async def test_a_model_server_that_fails_is_503(world: World) -> None:
    for kind, type_ in FAILURES.items():
        for response in await world.blocking(failing(kind, after=2)):
            problem = problem_of(response, 503)
            assert problem["type"].startswith("upstream_")
            assert type_ in (None, problem["type"]), kind
            assert int(response.headers["retry-after"]) >= 1
            assert KEY not in response.text


async def test_a_model_server_that_refuses_the_request_is_422(world: World) -> None:
    for kind in ("http-400", "http-404"):
        for response in await world.blocking(failing(kind)):
            assert problem_of(response, 422)["type"] == "upstream_rejected"


async def test_when_to_come_back_is_passed_on(world: World) -> None:
    for kind in ("http-429", "http-503"):
        for response in await world.blocking(failing(kind, retry_after="33")):
            problem = problem_of(response, 503)
            assert response.headers["retry-after"] == "33"
            assert problem["retry_after_seconds"] == 33


QUICK_CLOCKS = {"first_token_seconds": 0.5, "token_gap_seconds": 0.5}


@pytest.mark.parametrize("world", [QUICK_CLOCKS], indirect=True)
async def test_a_model_server_that_is_silent_is_504(world: World) -> None:
    for kind in ("no-headers", "silence-before", "silence", "pings"):
        for response in await world.blocking(failing(kind, after=2)):
            assert problem_of(response, 504)["type"] == "upstream_timeout"


async def test_a_failed_turn_is_in_the_sessions_history(world: World) -> None:
    body = {"session_id": "failed", "message": "hello", "model": failing("truncate", after=2)}

    problem = problem_of(await world.client.http.post("/api/llm/chat/session", json=body), 503)

    history = await world.client.http.get("/api/llm/chat/session/failed/history")
    question, answer = history.json()["messages"]
    assert question["content"] == "hello"
    assert (answer["status"], answer["content"]) == ("failed", "t0 t1 ")
    assert answer["error"]["type"] == problem["type"] == "upstream_truncated"


async def test_health_tells_which_model_server_is_down(world: World) -> None:
    listed = (await world.client.http.get("/api/llm/models")).json()
    assert "openai/story" in [model["id"] for model in listed["items"]]
    healthy = (await world.client.http.get("/api/llm/health")).json()

    await world.upstream.server.__aexit__(None, None, None)
    down = (await world.client.http.get("/api/llm/health")).json()

    before, after = (
        next(p for p in found["providers"] if p["provider"] == "openai")
        for found in (healthy, down)
    )
    assert (before["status"], before["detail"]) == ("healthy", None)
    assert (after["status"], after["latency_ms"], after["model"]) == ("down", None, None)
    assert after["detail"]
    assert down["success"] is True  # The demo models still answer.
    assert KEY not in json.dumps([healthy, down])


PLAIN: list[tuple[str, Json]] = [
    ("/api/llm/generate", {"prompt": "hello"}),
    ("/api/llm/chat", {"messages": [{"role": "user", "content": "hello"}]}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hello"}]}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "stream": True}),
    ("/v1/completions", {"prompt": "hello"}),
    ("/v1/completions", {"prompt": "hello", "stream": True}),
]


async def test_a_caller_that_leaves_stops_its_model_server(world: World) -> None:
    model = "openai/" + mock_model(tokens=1_000_000, rate=200)
    for attempt, (path, body) in enumerate(PLAIN):
        async with await RawClient.connect(world.base_url) as raw:
            post(raw, path, {**body, "model": model})
            await world.upstream.tokens_sent(3, attempt)

        record = await world.upstream.client_gone(attempt)
        assert record.tokens_sent < 1_000_000


async def test_a_caller_that_leaves_before_the_first_token_stops_it_too(world: World) -> None:
    kinds = product(PLAIN, ["no-headers", "silence-before"])
    for attempt, ((path, body), kind) in enumerate(kinds):
        async with await RawClient.connect(world.base_url) as raw:
            post(raw, path, {**body, "model": failing(kind)})
            await world.upstream.tokens_sent(0, attempt)

        assert (await world.upstream.client_gone(attempt)).tokens_sent == 0


async def test_a_caller_that_leaves_a_session_stops_nothing(world: World) -> None:
    body = {
        "session_id": "left",
        "message": "hello",
        "model": "openai/" + mock_model(tokens=40, rate=100),
    }
    async with await RawClient.connect(world.base_url) as raw:
        post(raw, "/api/llm/chat/session", body)
        await world.upstream.tokens_sent(3)

    await world.upstream.until(lambda: world.upstream.completions[0].finished)
    body = {"session_id": "left", "message": "again", "model": "openai/" + mock_model(tokens=1)}
    assert (await world.client.http.post("/api/llm/chat/session", json=body)).status_code == 200
    history = await world.client.http.get("/api/llm/chat/session/left")
    contents = [message["content"] for message in history.json()["messages"]]
    assert contents == ["hello", "".join(f"t{i} " for i in range(40)), "again", "t0 "]


async def test_a_caller_that_stays_is_not_taken_for_one_that_left(world: World) -> None:
    """Many calls at once over connections that are used again."""
    body = {"prompt": "x", "model": "openai/" + mock_model(tokens=20, rate=200)}

    answers = await asyncio.gather(
        *(world.client.http.post("/api/llm/generate", json=body) for _ in range(20))
    )

    assert {answer.status_code for answer in answers} == {200}
    assert not any(record.client_gone for record in world.upstream.completions)
