"""A well-behaved answer, streamed on its schedule."""

import asyncio
import re
from collections.abc import Coroutine
from typing import Any

import pytest

from llmchat.mock.answer import Pace, words
from llmchat.mock.options import Options
from tests.raw_http import RawClient, ask
from tests.upstream import Upstream, answer_text, mock_model

STALL_SECONDS = 0.05


async def test_a_stream_is_spelt_as_openai_spells_it(upstream: Upstream) -> None:
    reply = await ask(
        upstream.base_url, mock_model(tokens=2), stream_options={"include_usage": True}
    )

    assert reply.status == 200
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    opening, first, second, finish, usage = reply.events
    assert re.fullmatch("chatcmpl-[0-9a-f]+", opening.pop("id"))
    assert isinstance(opening.pop("created"), int)
    assert opening == {
        "object": "chat.completion.chunk",
        "model": "story?tokens=2",
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": ""},
                "finish_reason": None,
                "logprobs": None,
            }
        ],
        "usage": None,
    }
    assert [event["choices"][0]["delta"] for event in (first, second)] == [
        {"content": "t0 "},
        {"content": "t1 "},
    ]
    assert finish["choices"][0] | {"delta": {}, "finish_reason": "stop"} == finish["choices"][0]
    assert usage["choices"] == []
    assert usage["usage"]["prompt_tokens"] == 2
    assert usage["usage"]["completion_tokens"] == 2
    assert usage["usage"]["total_tokens"] == 4
    assert reply.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("option", "asked", "sent"),
    [("asked", True, True), ("asked", False, False), ("on", False, True), ("off", True, False)],
)
async def test_usage_is_sent_when_wanted(
    upstream: Upstream, option: str, asked: bool, sent: bool
) -> None:
    model = mock_model(tokens=1, usage=option)
    reply = await ask(upstream.base_url, model, stream_options={"include_usage": asked})

    assert any(event["usage"] for event in reply.events) is sent


async def test_reasoning_comes_first_and_is_counted_apart(upstream: Upstream) -> None:
    reply = await ask(upstream.base_url, mock_model(tokens=1, reasoning=2, usage="on"))

    deltas = [event["choices"][0]["delta"] for event in reply.events[1:4]]
    assert deltas == [
        {"reasoning_content": "r0 "},
        {"reasoning_content": "r1 "},
        {"content": "t0 "},
    ]
    usage = reply.events[-1]["usage"]
    assert usage["completion_tokens"] == 3
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 2


@pytest.mark.parametrize(
    "text", ["", "one", " two  words\n", "é漢😀 \u2028x\u0085", "a\0b", "\tcode\n\n    more &=?#%+"]
)
async def test_text_is_answered_exactly(upstream: Upstream, text: str) -> None:
    assert (await ask(upstream.base_url, mock_model(text=text))).text == text
    assert "".join(words(text)) == text


async def test_a_token_limit_ends_the_answer_by_length(upstream: Upstream) -> None:
    limited = await ask(upstream.base_url, mock_model(tokens=5, reasoning=1), max_tokens=3)
    exact = await ask(upstream.base_url, mock_model(tokens=3), max_completion_tokens=3)

    assert (limited.text, limited.finish_reason) == ("t0 t1 ", "length")
    assert (exact.text, exact.finish_reason) == ("t0 t1 t2 ", "stop")


async def test_any_finish_reason_can_be_asked_for(upstream: Upstream) -> None:
    reply = await ask(upstream.base_url, mock_model(tokens=1, finish_reason="content_filter"))

    assert reply.finish_reason == "content_filter"


async def test_split_delivers_pieces_of_so_many_bytes(upstream: Upstream) -> None:
    reply = await ask(upstream.base_url, mock_model(tokens=3, split=1))

    assert {len(chunk) for chunk in reply.chunks} == {1}
    assert reply.reads > 10 * len(reply.events)
    assert reply.text == "t0 t1 t2 "


async def test_a_connection_serves_one_request_after_another(upstream: Upstream) -> None:
    async with await RawClient.connect(upstream.base_url) as client:
        for tokens in (1, 2, 3):
            client.ask(mock_model(tokens=tokens))
            assert (await client.reply()).text == answer_text(tokens=tokens)
        client.send("GET /v1/models HTTP/1.1", b"", "Connection: close")
        assert (await client.reply()).complete
        assert await client.reader.read() == b""


def sleeps(turn: Coroutine[Any, Any, None]) -> bool:
    try:
        turn.send(None)
    except StopIteration:
        return False
    turn.close()
    return True


async def test_a_late_token_does_not_delay_those_behind_it() -> None:
    pace = Pace(Options(rate=100 / STALL_SECONDS))
    await asyncio.sleep(STALL_SECONDS)

    assert not any(sleeps(pace.due(number)) for number in range(1, 32))
    assert sleeps(pace.due(1_000_000))


async def test_no_token_is_early(upstream: Upstream) -> None:
    clock = asyncio.get_running_loop().time
    started = clock()
    await ask(upstream.base_url, mock_model(tokens=5, rate=100, first_token_delay=0.05))

    assert clock() - started >= 0.05 + 4 / 100
