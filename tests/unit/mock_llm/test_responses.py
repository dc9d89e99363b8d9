"""The Responses API in background mode, as the openai client meets it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from llmchat.mock.background import RESPONSE_KINDS
from llmchat.mock.manual import manual
from tests.upstream import Upstream, answer_text, mock_model

TOKENS = 12
BREAKS = 5
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@pytest.fixture
async def client(upstream: Upstream) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=upstream.base_url, api_key="sk-test", max_retries=0) as opened:
        yield opened


async def created(client: AsyncOpenAI, model: str, **more: Any) -> list[Any]:
    """Every event of one stream in background mode."""
    stream = await client.responses.create(
        model=model, input="hello there", background=True, stream=True, **more
    )
    return [event async for event in stream]


async def read_on(client: AsyncOpenAI, id: str, after: int) -> list[Any]:
    stream = await client.responses.retrieve(id, stream=True, starting_after=after)
    return [event async for event in stream]


def text_of(events: list[Any]) -> str:
    return "".join(it.delta for it in events if it.type == "response.output_text.delta")


async def test_an_answer_is_streamed_in_numbered_events(client: AsyncOpenAI) -> None:
    events = await created(client, mock_model(tokens=TOKENS, reasoning=2))

    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:3] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
    ]
    assert kinds[-1] == "response.completed"
    assert text_of(events) == answer_text(tokens=TOKENS)
    for event in events:
        # The client itself takes nearly everything.
        EVENTS.validate_python(event.to_dict())
    response = events[-1].response
    assert response.status == "completed"
    assert response.output_text == answer_text(tokens=TOKENS)
    assert response.output[0].content[0].text == "r0 r1 "
    assert response.usage.input_tokens == 2
    assert response.usage.output_tokens == TOKENS + 2
    assert response.usage.output_tokens_details.reasoning_tokens == 2


async def test_every_cursor_gets_exactly_the_rest(client: AsyncOpenAI, upstream: Upstream) -> None:
    events = await created(client, mock_model(tokens=TOKENS))
    id = events[0].response.id
    for after in range(-1, len(events)):
        assert await read_on(client, id, after) == events[after + 1 :]
    assert len(upstream.ledger.responses) == 1


async def test_an_answer_goes_on_without_a_reader(client: AsyncOpenAI, upstream: Upstream) -> None:
    stream = await client.responses.create(
        model=mock_model(tokens=TOKENS, rate=100), input="hello", background=True, stream=True
    )
    first = await anext(aiter(stream))
    assert first.type == "response.created"
    assert first.response.status == "queued"
    await stream.close()
    [record] = upstream.ledger.responses
    await upstream.until(lambda: record.status == "completed")
    assert record.tokens == TOKENS
    kept = await client.responses.retrieve(first.response.id)
    assert kept.output_text == answer_text(tokens=TOKENS)


async def test_cancel_ends_it_and_can_be_repeated(client: AsyncOpenAI, upstream: Upstream) -> None:
    endless = mock_model(tokens=1_000_000, rate=100)
    begun = await client.responses.create(model=endless, input="hello", background=True)
    assert begun.status == "queued"
    [record] = upstream.ledger.responses
    await upstream.until(lambda: record.tokens > 2)
    reading = asyncio.create_task(read_on(client, begun.id, -1))
    for _ in range(2):
        assert (await client.responses.cancel(begun.id)).status == "cancelled"
    assert text_of(await reading) == answer_text(tokens=record.tokens)
    assert record.cancels == 2


async def test_tools_are_called_with_their_arguments_in_pieces(client: AsyncOpenAI) -> None:
    events = await created(client, mock_model(fail="tool-calls"))

    added = [it.item for it in events if it.type == "response.output_item.added"]
    assert [(item.call_id, item.name) for item in added] == [
        ("call_0", "weather"),
        ("call_1", "clock"),
    ]
    pieces: dict[int, str] = {}
    for event in events:
        EVENTS.validate_python(event.to_dict())
        if event.type == "response.function_call_arguments.delta":
            pieces[event.output_index] = pieces.get(event.output_index, "") + event.delta
    done = [it for it in events if it.type == "response.function_call_arguments.done"]
    assert [it.arguments for it in done] == list(pieces.values())
    assert [item.arguments for item in events[-1].response.output] == list(pieces.values())


async def test_one_key_makes_one_answer(client: AsyncOpenAI, upstream: Upstream) -> None:
    key = {"Idempotency-Key": "gen_1"}
    one, other = [await created(client, mock_model(tokens=3), extra_headers=key) for _ in range(2)]
    assert one == other
    assert len(upstream.ledger.responses) == 1


@pytest.mark.parametrize(
    ("options", "kind", "reason"),
    [
        ({"fail": "response-failed", "after": BREAKS}, "failed", None),
        ({"fail": "response-filtered", "after": BREAKS}, "incomplete", "content_filter"),
    ],
)
async def test_an_answer_fails(
    client: AsyncOpenAI, options: dict[str, Any], kind: str, reason: str | None
) -> None:
    events = await created(client, mock_model(tokens=TOKENS, **options))
    assert text_of(events) == answer_text(tokens=BREAKS)
    response = events[-1].response
    assert (events[-1].type, response.status) == (f"response.{kind}", kind)
    details = response.incomplete_details
    assert (details and details.reason) == reason
    assert (response.error is not None) == (kind == "failed")


async def test_an_answer_that_is_too_long_is_incomplete(client: AsyncOpenAI) -> None:
    events = await created(client, mock_model(tokens=TOKENS), max_output_tokens=BREAKS)
    assert text_of(events) == answer_text(tokens=BREAKS)
    assert events[-1].response.incomplete_details.reason == "max_output_tokens"


async def test_a_connection_breaks_and_its_answer_does_not(
    client: AsyncOpenAI, upstream: Upstream
) -> None:
    model = mock_model(tokens=TOKENS, fail="truncate", after=BREAKS, fail_times=1)
    broken = await created(client, model)
    assert text_of(broken) == answer_text(tokens=BREAKS)
    rest = await read_on(client, broken[0].response.id, broken[-1].sequence_number)
    assert text_of(broken + rest) == answer_text(tokens=TOKENS)
    assert rest[-1].type == "response.completed"


async def test_a_lost_answer_is_not_found(client: AsyncOpenAI, upstream: Upstream) -> None:
    with pytest.raises(openai.APIError):
        await created(client, mock_model(tokens=TOKENS, rate=200, fail="response-gone", after=2))
    [lost] = upstream.ledger.responses
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(lost.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.cancel(lost.id)


async def test_a_server_may_ignore_the_cursor_or_stream_nothing_again(client: AsyncOpenAI) -> None:
    whole = await created(client, mock_model(tokens=3, fail="ignore-cursor"))
    assert await read_on(client, whole[0].response.id, 4) == whole
    once = await created(client, mock_model(tokens=3, fail="no-replay"))
    with pytest.raises(openai.BadRequestError):
        await read_on(client, once[0].response.id, 4)
    assert (await client.responses.retrieve(once[0].response.id)).status == "completed"


def test_every_kind_stands_in_the_manual() -> None:
    assert all(f"  {kind} " in manual() for kind in RESPONSE_KINDS)
