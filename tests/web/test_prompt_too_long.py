"""A prompt that cannot fit is refused before its model's server is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client, Json, connect
from tests.upstream import Upstream, mock_model, mock_upstream
from tests.web.conftest import UNPACED, serving
from tests.web.shapes import problem_of

WINDOW = 200
SMALL = "small/" + mock_model(tokens=3)
SLOW = "small/" + mock_model(tokens=1_000_000, rate=100)
TOO_LONG = "word " * 1000


@asynccontextmanager
async def served(
    folder: Path, window: int | None = WINDOW, **settings: Any
) -> AsyncIterator[tuple[Client, Upstream]]:
    """A service with the demo models and one whose window is small."""
    async with mock_upstream() as upstream:
        small = {"base_url": upstream.base_url, "context_window": window}
        with serving(folder, providers={"small": small}, **settings) as base_url:
            async with connect(base_url) as client:
                yield client, upstream


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[tuple[Client, Upstream]]:
    async with served(tmp_path) as found:
        yield found


async def count_messages(client: Client, conversation: str) -> int:
    page = await client.http.get(f"/api/conversations/{conversation}/messages")
    return len(page.json()["items"])


async def test_a_send_is_refused_and_nothing_is_stored(small: tuple[Client, Upstream]) -> None:
    client, upstream = small
    conversation = await client.conversation(model=SMALL)

    problem = problem_of(await client.try_send(conversation, TOO_LONG), 422)

    assert problem["type"] == "prompt_too_long"
    assert f"the context window of {SMALL} holds {WINDOW}." in problem["detail"]
    assert await count_messages(client, conversation) == 0
    assert list(upstream.completions) == []
    sent = await client.send(conversation, "short")
    assert (await client.read(sent.generation_id)).status == "complete"


async def test_a_long_system_prompt_is_refused_like_a_long_message(
    small: tuple[Client, Upstream],
) -> None:
    client, upstream = small
    conversation = await client.conversation(model=SMALL, system_prompt=TOO_LONG)

    assert problem_of(await client.try_send(conversation, "hi"), 422)["type"] == "prompt_too_long"
    assert list(upstream.completions) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/llm/generate", {"prompt": TOO_LONG}),
        ("/api/llm/chat", {"messages": [{"role": "user", "content": "word " * 500}] * 2}),
        ("/api/llm/chat/session", {"session_id": "x", "message": TOO_LONG}),
    ],
)
async def test_calls_that_wait_are_refused(
    small: tuple[Client, Upstream], path: str, body: Json
) -> None:
    client, upstream = small
    response = await client.http.post(path, json={**body, "model": SMALL})

    assert problem_of(response, 422)["type"] == "prompt_too_long"
    assert list(upstream.completions) == []


async def test_a_model_that_cannot_take_the_question_fails_without_being_asked(
    small: tuple[Client, Upstream],
) -> None:
    client, upstream = small
    conversation = await client.conversation(model="demo/echo")
    sent = await client.send(conversation, TOO_LONG, params={"extra": UNPACED})
    await client.read(sent.generation_id)

    again = await client.http.post(
        f"/api/messages/{sent.reply_id}/regenerate", json={"model": SMALL}
    )
    reader = await client.read(again.json()["generation"]["id"])

    assert reader.status == "failed"
    assert reader.terminal is not None
    assert reader.terminal.data["problem"]["type"] == "prompt_too_long"
    message = await client.message(conversation, again.json()["reply"]["id"])
    assert message["error"]["type"] == "prompt_too_long"
    assert list(upstream.completions) == []


async def test_what_was_queued_is_looked_at_again_when_its_turn_comes(
    small: tuple[Client, Upstream],
) -> None:
    client, upstream = small
    conversation = await client.conversation(model=SMALL)
    first = await client.send(conversation, "first", model=SLOW)
    await upstream.tokens_sent(1)
    queued = await client.send(conversation, "second", on_busy="queue")
    longer = {"system_prompt": TOO_LONG}
    changed = await client.http.patch(f"/api/conversations/{conversation}", json=longer)
    assert changed.status_code == 200
    await client.stop(first.generation_id)

    reader = await client.read(queued.generation_id)

    assert reader.terminal is not None
    assert reader.terminal.data["problem"]["type"] == "prompt_too_long"
    assert len(upstream.completions) == 1


async def test_history_is_left_out_before_anything_is_refused(
    small: tuple[Client, Upstream],
) -> None:
    client, upstream = small
    conversation = await client.conversation(model=SMALL)
    for number in range(8):
        sent = await client.send(conversation, f"{number} " + "word " * 100)
        assert (await client.read(sent.generation_id)).status == "complete"

    lengths = [len(record.body["messages"]) for record in upstream.completions]
    assert lengths == [1] * 8


async def test_the_operators_limit_is_refused_whatever_the_window(tmp_path: Path) -> None:
    async with served(tmp_path, window=None, max_history_tokens=300) as (client, upstream):
        conversation = await client.conversation(model=SMALL)
        problem = problem_of(await client.try_send(conversation, TOO_LONG), 422)
        assert problem["type"] == "prompt_too_long"
        assert "LLM_MAX_HISTORY_TOKENS allows 300." in problem["detail"]
        assert list(upstream.completions) == []


async def test_without_any_limit_nothing_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path, window=None) as (client, upstream):
        sent = await client.send(await client.conversation(model=SMALL), TOO_LONG * 100)
        assert (await client.read(sent.generation_id)).status == "complete"
        assert len(upstream.completions) == 1


@pytest.mark.parametrize("text", ["1" * 512 * 1024, "漢" * 300_000, "😀" * 200_000])
async def test_the_longest_message_fits_into_the_demo_models(client: Client, text: str) -> None:
    listed = (await client.http.get("/api/llm/models")).json()["items"]
    assert {model["context_window"] for model in listed} == {1_000_000}
    body = {"prompt": text, "model": "demo/echo", "params": {"extra": UNPACED, "max_tokens": 2}}
    response = await client.http.post("/api/llm/generate", json=body)
    assert response.status_code == 200, response.text


async def test_usage_that_nobody_reports_is_counted(small: tuple[Client, Upstream]) -> None:
    client, _ = small
    model = "small/" + mock_model(text="considerably longer answers", usage="off")
    body = {"prompt": "a question of some length", "model": model}
    usage = (await client.http.post("/api/llm/generate", json=body)).json()["usage"]
    assert usage["estimated"] is True
    assert 4 < usage["input_tokens"] < 20
    assert 2 < usage["output_tokens"] < 10
