"""The custom WebSocket model: the answers that are as they should be."""

from contextlib import aclosing
from typing import Any

import pytest

from llmchat.domain import Params
from llmchat.errors import UpstreamTruncated
from llmchat.events import Delta, Finished, ToolCall, Usage
from llmchat.mock.answer import TOOL_CALLS
from llmchat.providers.websocket_dialect import Dialect
from tests.providers.asking import ask, prompt
from tests.providers.socket_server import DONE, Message, hear, serving, socket_at
from tests.upstream import OptionValue, Upstream, answer_text

STOP = Finished("complete", "stop")


ENDS: dict[str, tuple[list[Message], Finished]] = {
    "done": ([{"done": True}], STOP),
    "done with a text": ([{"delta": "", "done": True, "finish_reason": "stop"}], STOP),
    "a finish reason": ([{"finish_reason": "length"}], Finished("complete", "length")),
    "done behind what means nothing": ([{"type": "ping"}, {}, "", " \n", {"done": True}], STOP),
    "tokens": (
        [{"done": True, "tokens_used": 12}],
        Finished("complete", "stop", Usage(0, 12)),
    ),
    "tokens that are none": ([{"done": True, "tokens_used": "many"}], STOP),
    "something behind it": ([{"done": True}, {"delta": "more"}, "nonsense"], STOP),
    "a summary": ([{"done": True, "response": "Hello"}], STOP),
    "a summary that is not the text": ([{"done": True, "response": "Hello!"}], STOP),
    "an error that is none": (
        [{"error": None, "error_code": 0, "error_message": ""}, {"error": False, "done": True}],
        STOP,
    ),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("style", ["delta", "token"])
@pytest.mark.parametrize("code", [1000, None], ids=["closes", "stays open"])
async def test_an_answer_streamed(style: str, end: str, code: int | None) -> None:
    messages, finished = ENDS[end]
    pieces = [{style: "Hel", "done": False}, {style: "lo", "done": False}]
    heard, _ = await hear(*pieces, *messages, code=code)

    assert heard.error is None
    assert (heard.text, heard.finished) == ("Hello", finished)


async def test_an_answer_streamed_as_responses() -> None:
    heard, _ = await hear({"response": "Hel"}, {"response": "lo", "done": False}, DONE)
    assert (heard.text, heard.finished) == ("Hello", STOP)


async def test_the_last_piece_may_be_in_the_last_frame() -> None:
    heard, _ = await hear({"delta": "Hel"}, {"delta": "lo", "done": True})
    assert (heard.text, heard.finished) == ("Hello", STOP)


async def test_a_summary_is_the_text_when_there_was_no_other() -> None:
    heard, _ = await hear({"delta": ""}, {"delta": "", "response": "Hello", "done": True})
    assert (heard.text, heard.finished) == ("Hello", STOP)


async def test_one_piece_by_two_names_is_one_piece() -> None:
    heard, _ = await hear({"delta": "a", "token": "a", "response": "a"}, DONE)
    assert heard.text == "a"


@pytest.mark.parametrize("streams", [True, False])
async def test_an_answer_in_one_frame(streams: bool) -> None:
    whole = {
        "response": "Hello",
        "tokens_used": 5,
        "model": "m",
        "finish_reason": "stop",
        "metadata": {},
    }
    heard, served = await hear(whole, streams=streams, code=None)
    assert (heard.text, heard.finished) == ("Hello", Finished("complete", "stop", Usage(0, 5)))
    assert served.requests[0]["settings"]["stream"] is streams


@pytest.mark.parametrize("text", ["Hello", ""])
async def test_an_answer_in_one_frame_without_a_word_of_its_end(text: str) -> None:
    heard, _ = await hear({"status": "thinking"}, {"response": text}, streams=False, code=None)
    assert (heard.text, heard.finished) == (text, STOP)


async def test_an_answer_in_one_frame_that_says_that_it_is_not_all_is_not_all() -> None:
    heard, _ = await hear({"response": "Hel", "done": False}, streams=False)
    assert heard.text == "Hel"
    assert isinstance(heard.error, UpstreamTruncated)
    heard, _ = await hear(
        {"response": "Hel", "done": False}, {"response": "lo", "done": True}, streams=False
    )
    assert (heard.text, heard.finished) == ("Hello", STOP)


async def test_an_answer_of_a_server_that_was_asked_to_stream_is_not_whole_by_itself() -> None:
    heard, _ = await hear({"response": "Hello"})
    assert heard.text == "Hello"
    assert isinstance(heard.error, UpstreamTruncated)
    assert "needs stream = false in the settings" in heard.error.detail


async def test_reasoning_has_a_channel_of_its_own() -> None:
    frames: list[Message] = [{"reasoning": "hm "}, {"reasoning": "so ", "delta": "Hi"}, DONE]
    heard, _ = await hear(*frames)
    assert (heard.reasoning, heard.text) == ("hm so ", "Hi")
    hidden, _ = await hear(*frames, to=prompt("m", Params(skip_thinking=True)))
    assert (hidden.reasoning, hidden.text) == ("", "Hi")


async def test_a_hidden_thought_is_a_sign_of_life() -> None:
    async with serving({"reasoning": "hm"}, code=None) as served:
        asked = prompt("m", Params(skip_thinking=True))
        async with aclosing(socket_at(served.url).stream(asked)) as batches:
            assert await anext(batches) == []


@pytest.mark.parametrize("streams", [True, False])
async def test_calls_of_tools(upstream: Upstream, streams: bool) -> None:
    heard = await ask(socket_at(upstream.websocket_url, streams=streams), fail="tool-calls")
    assert heard.calls == [ToolCall(number, *call) for number, call in enumerate(TOOL_CALLS)]
    assert heard.finish_reason == "tool_calls"


async def test_calls_without_numbers_are_told_apart() -> None:
    def call(id: str | None, arguments: object) -> dict[str, Any]:
        return {"tool_calls": [{"id": id, "function": {"name": "f", "arguments": arguments}}]}

    heard, _ = await hear(call("a", "{}"), call("b", {"x": 1}), call(None, " "), DONE)
    assert heard.calls == [ToolCall(0, "a", "f", "{}"), ToolCall(1, "b", "f", '{"x":1} ')]


async def test_an_answer_of_another_dialect_is_configuration() -> None:
    dialect = Dialect(
        delta="choices.0.text",
        token="",
        response="data.answer",
        reasoning="choices.0.thought",
        done="end.last",
        finish_reason="end.why",
        tokens="usage.total",
        input_tokens="usage.in",
        error="",
    )
    heard, _ = await hear(
        {"choices": [{"thought": "hm"}], "token": 5},
        {"choices": [{"text": "Hel"}], "delta": "no"},
        {"choices": [], "usage": {"total": 9, "in": 4}, "error": "not one"},
        {"choices": [{"text": "lo"}], "end": {"last": True, "why": "limit"}},
        dialect=dialect,
    )
    assert (heard.reasoning, heard.text) == ("hm", "Hello")
    assert heard.finished == Finished("complete", "limit", Usage(4, 5))

    whole, _ = await hear({"data": {"answer": "Hello"}}, dialect=dialect, streams=False)
    assert (whole.text, whole.finished) == ("Hello", STOP)


@pytest.mark.parametrize(
    ("numbers", "usage"),
    [
        ({"in": 3, "out": 4, "all": 9}, Usage(3, 4)),
        ({"in": 3, "out": 4}, Usage(3, 4)),
        ({"out": 4, "all": 9}, Usage(5, 4)),
        ({"in": 3, "all": 9}, Usage(3, 6)),
        ({"in": 3}, Usage(3, 0)),
        ({"in": 9, "all": 3}, Usage(9, 0)),
        ({"all": True}, None),
        ({"all": -1}, None),
        ({"all": 2**63}, None),
        ({"all": 1.5}, None),
    ],
)
async def test_tokens_are_counted_as_far_as_they_are_known(
    numbers: dict[str, Any], usage: Usage | None
) -> None:
    dialect = Dialect(tokens="all", input_tokens="in", output_tokens="out")
    heard, _ = await hear(numbers, DONE, dialect=dialect)
    assert heard.finished == Finished("complete", "stop", usage)


async def test_text_is_valid_unicode_whatever_is_sent() -> None:
    heard, _ = await hear(
        r'{"delta": "a\ud83d"}',
        r'{"delta": "\ude00b\u0000"}',
        r'{"reasoning": "\ud83d"}',
        r'{"delta": "\ud800"}',
        DONE,
    )
    assert heard.text == "a😀b��"
    assert heard.reasoning == "�"


@pytest.mark.parametrize(
    "messages",
    [
        [b'{"delta": "H\xc3\xa9"}', b'{"done": true}'],
        [['{"del', 'ta": "H', 'é"}'], ['{"done"', "", ": true}"]],
        [['{"delta": "Hé"}', ""], '\n {"done": true}\n'],
    ],
    ids=["binary", "fragments", "blanks"],
)
async def test_messages_may_be_of_any_make(messages: list[Message]) -> None:
    heard, _ = await hear(*messages)
    assert (heard.text, heard.finished) == ("Hé", STOP)


@pytest.mark.parametrize("style", ["delta", "response", "token"])
@pytest.mark.parametrize(
    "fail",
    ["", "binary", "fragments", "summary", "split-utf8", "surrogates", "u2028", "nul"],
)
@pytest.mark.parametrize("split", [0, 1, 7])
async def test_an_answer_of_the_mock_is_whole_in_any_pieces(
    upstream: Upstream, style: str, fail: str, split: int
) -> None:
    # A summary in a stream of the same would be one more piece.
    if (style, fail) == ("response", "summary"):
        return
    provider = socket_at(upstream.websocket_url)
    options: dict[str, OptionValue] = {"style": style, "split": split, "fail": fail}
    heard = await ask(provider, "story", tokens=7, reasoning=2, **options)

    whole = answer_text(tokens=7, fail=fail)
    assert heard.text == whole.replace("\0", "�")
    assert heard.reasoning == "r0 r1 "
    assert heard.finish_reason == "stop"


async def test_what_piles_up_is_one_batch() -> None:
    many = 1000
    pieces: list[Message] = [{"delta": f"{number} "} for number in range(many)]
    async with (
        serving(*pieces, DONE, code=None) as served,
        aclosing(socket_at(served.url).stream(prompt("m"))) as stream,
    ):
        batches = [await anext(stream)]
        await served.said.wait()
        batches += [batch async for batch in stream]
    texts = [event.text for batch in batches for event in batch if isinstance(event, Delta)]
    assert "".join(texts) == "".join(f"{number} " for number in range(many))
    assert len(batches) < many / 10
