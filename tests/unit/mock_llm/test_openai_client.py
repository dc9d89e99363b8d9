"""The mock through the openai client, unmodified, and the command's own entry."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionContentPartTextParam,
    ChatCompletionUserMessageParam,
)

from llmchat.mock.options import Options
from llmchat.mock.server import serve
from tests.raw_http import PATIENCE_SECONDS
from tests.upstream import Upstream, answer_text, mock_model

HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "hello there"}]
TEXT_PART: ChatCompletionContentPartTextParam = {"type": "text", "text": "two"}


@pytest.fixture
async def client(upstream: Upstream) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=upstream.base_url, api_key="none", max_retries=0, timeout=PATIENCE_SECONDS
    ) as openai_client:
        yield openai_client


async def streamed(client: AsyncOpenAI, model: str) -> list[ChatCompletionChunk]:
    stream = await client.chat.completions.create(
        model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    return [chunk async for chunk in stream]


def content(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


async def test_openai_streams_a_story(client: AsyncOpenAI) -> None:
    chunks = await streamed(client, mock_model(tokens=50, reasoning=2))

    assert content(chunks) == answer_text(tokens=50)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 52


async def test_openai_gets_a_whole_answer(client: AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(
        model="any/provider/echo", messages=HELLO, max_completion_tokens=1
    )

    (choice,) = completion.choices
    assert (choice.message.content, choice.finish_reason) == ("hello ", "length")
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (2, 1)


async def test_openai_echo_takes_what_a_tool_said_behind_it(client: AsyncOpenAI) -> None:
    call = {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said: Any = [
        {"role": "user", "content": "How warm is it?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_a", "content": "21 degrees"},
    ]
    completion = await client.chat.completions.create(model="echo", messages=said)

    assert completion.choices[0].message.content == "21 degrees"


async def test_openai_echo_takes_the_last_user_message(client: AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(
        model="echo",
        messages=[
            {"role": "user", "content": "first"},
            {"role": "user", "content": [{"type": "text", "text": "one 漢 "}, TEXT_PART]},
            {"role": "assistant", "content": "not this"},
        ],
    )

    assert completion.choices[0].message.content == "one 漢 two"


async def test_openai_lists_the_models(client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["story", "echo"]


async def test_openai_puts_tool_calls_together(client: AsyncOpenAI) -> None:
    async with client.chat.completions.stream(
        model=mock_model(fail="tool-calls"), messages=HELLO
    ) as stream:
        async for _ in stream:
            pass
        streamed_message = (await stream.get_final_completion()).choices[0]
    whole = await client.chat.completions.create(
        model=mock_model(fail="tool-calls"), messages=HELLO
    )

    for choice in (streamed_message, whole.choices[0]):
        assert choice.finish_reason == "tool_calls"
        assert [
            (call.id, call.function.name, json.loads(call.function.arguments))
            for call in choice.message.tool_calls or []
            if call.type == "function"
        ] == [
            ("call_0", "weather", {"city": "Zürich", "days": 3}),
            ("call_1", "clock", {"zone": "Europe/Zurich"}),
        ]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
async def test_openai_knows_the_errors(
    client: AsyncOpenAI, status: int, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        await streamed(client, mock_model(fail=f"http-{status}"))

    assert caught.value.status_code == status
    assert caught.value.request_id is not None


async def test_openai_raises_an_error_from_inside_a_stream(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.APIError, match="The server had an error"):
        await streamed(client, mock_model(fail="error-object"))


@pytest.mark.parametrize("kind", ["refuse", "cut", "reset"])
@pytest.mark.parametrize("stream", [True, False])
async def test_openai_loses_the_connection(client: AsyncOpenAI, kind: str, stream: bool) -> None:
    model = mock_model(fail=kind)
    with pytest.raises((openai.APIConnectionError, httpx2.TransportError)):
        await (streamed(client, model) if stream else whole_answer(client, model))


async def whole_answer(client: AsyncOpenAI, model: str) -> ChatCompletion:
    return await client.chat.completions.create(model=model, messages=HELLO)


async def test_openai_retries_what_fails_once(client: AsyncOpenAI, upstream: Upstream) -> None:
    model = mock_model(tokens=2, fail="http-429", fail_times=2, retry_after="0.01")
    chunks = await streamed(client.with_options(max_retries=2), model)

    assert content(chunks) == answer_text(tokens=2)
    assert [record.finished for record in upstream.completions] == [True, True, True]


async def test_closing_an_openai_stream_is_seen(client: AsyncOpenAI, upstream: Upstream) -> None:
    stream = await client.chat.completions.create(
        model=mock_model(fail="silence", after=1), messages=HELLO, stream=True
    )
    async for chunk in stream:
        if content([chunk]):
            break
    await stream.close()

    assert (await upstream.client_gone()).tokens_sent == 1


async def test_serve_says_where_and_stops_when_cancelled() -> None:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve("127.0.0.1", 0, Options(tokens=1), on_ready=ready.set_result)
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        base_url = await ready
        async with AsyncOpenAI(base_url=base_url, api_key="none") as client:
            assert content(await streamed(client, "story")) == "t0 "
        serving.cancel()
        await asyncio.wait([serving])
    assert serving.cancelled()
