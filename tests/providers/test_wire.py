"""Answers that are right or wrong down to the byte, from a socket that sends just these bytes."""

from contextlib import aclosing
from dataclasses import dataclass

import httpx2
import orjson
import pytest

from llmchat.errors import (
    ProviderError,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTruncated,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from llmchat.events import Finished, ToolCall, Usage
from llmchat.mock.answer import Token, ToolCallPiece
from llmchat.mock.answer import Usage as MockUsage
from llmchat.mock.openai_wire import completion_json
from llmchat.providers.transport import AiohttpTransport, body_of
from tests.providers.asking import Heard, eventually, listen, openai_at, prompt
from tests.providers.wire import DONE, JSON, data, delta, finish, http, wire

TEXT = "one two"
ONE, TWO = delta(content="one "), delta(content="two")
USAGE = {"prompt_tokens": 3, "completion_tokens": 2}
STOP = Finished("complete", "stop")
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
COMPLETION = completion_json(
    "story", [Token("reasoning", "hm "), Token("answer", TEXT)], "stop", MockUsage(3, 2, 0)
)
CALLS = completion_json("story", [ToolCallPiece(0, "c", "clock", "{}")], "tool_calls", None)

FINE = {
    "no blank line at the end": http(ONE + TWO + finish().rstrip("\n")),
    "no line end behind DONE": http(ONE + TWO + "data: [DONE]"),
    "space behind DONE": http(ONE + TWO + "data: [DONE] \n\n"),
    "comments, blank lines and other fields": http(
        f"\n\n: hi\n\nid: 1\nretry: 5\n{ONE}:\n{TWO}:x\n{finish()}{DONE}"
    ),
    "events without data": http(f"{ONE}data:\n\nevent: ping\ndata\n\n{TWO}{finish()}{DONE}"),
    "null and empty deltas": http(
        data({"choices": [{"delta": None}]})
        + data({"choices": []})
        + data({"choices": None})
        + data({})
        + delta(role="assistant", content=None, tool_calls=None)
        + ONE
        + TWO
        + finish()
    ),
    "everything in one event": http(
        data({"choices": [{"delta": {"content": TEXT}, "finish_reason": "stop"}]})
    ),
    "no content type": http(ONE + TWO + finish(), content_type=""),
    "JSON for a content type, a stream for a body": http(ONE + TWO + finish(), content_type=JSON),
    "anything behind DONE": http(ONE + TWO + DONE + ONE + "data: {nonsense\n\n"),
    "cut in mid chunk, but behind the finish reason": CHUNKED
    + b"%x\r\n%b\r\n5\r\nda" % (len(ONE + TWO + finish()), (ONE + TWO + finish()).encode()),
    "bytes that are no UTF-8 in a field that nobody reads": http(
        ONE.encode() + b'data: {"x": "\xff\xfe"}\n\n' + (TWO + finish()).encode()
    ),
}
"""All of them say TEXT and end well."""


@pytest.mark.parametrize("name", FINE)
async def test_a_careless_server_is_understood(name: str) -> None:
    heard = await hear(FINE[name])

    assert heard.error is None
    assert heard.text == TEXT
    assert heard.finished == STOP


@dataclass(frozen=True, slots=True)
class Broken:
    answer: bytes
    error: type[ProviderError]
    says: str
    text: str = ""


BROKEN = {
    "not HTTP at all": Broken(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", UpstreamMalformed, "speak HTTP"),
    "a header of 100 KB": Broken(
        http(DONE, x_long="x" * 100_000), UpstreamMalformed, "does not speak HTTP as it should"
    ),
    "nothing": Broken(b"", UpstreamUnavailable, "broke the connection"),
    "half a head": Broken(b"HTTP/1.1 200 OK\r\ncontent-", UpstreamUnavailable, "connection"),
    "an empty stream": Broken(http(""), UpstreamTruncated, "no finish reason"),
    "half an event": Broken(http(ONE + TWO[:20]), UpstreamTruncated, "no finish", "one "),
    "half a completion": Broken(
        http(orjson.dumps(COMPLETION)[:-20], content_type=JSON), UpstreamTruncated, "no finish"
    ),
    "a chunk size that is none": Broken(CHUNKED + b"zz\r\n", UpstreamMalformed, "speak HTTP"),
    "a break that comes at once with what was before it": Broken(
        CHUNKED + b"%x\r\n%b\r\nff\r\nda" % (len(ONE), ONE.encode()),
        UpstreamTruncated,
        "broke the connection",
        "one ",
    ),
    "an error as a string": Broken(
        http('{"error": "model not loaded"}', content_type=JSON), UpstreamRejected, "not loaded"
    ),
    "an error of its own shape": Broken(
        http('{"detail": [{"msg": "no model"}]}', content_type=JSON), UpstreamRejected, "no model"
    ),
    "an error that says nothing": Broken(
        http('{"code": 503}', content_type=JSON), UpstreamUnavailable, "nothing that can be read"
    ),
    "an error by object": Broken(
        http(ONE + data({"object": "error", "message": "out of memory", "code": 500})),
        UpstreamUnavailable,
        "out of memory",
        "one ",
    ),
    "an error by nothing but its name": Broken(
        http(f"{ONE}event: error\n{data({'message': 'out of memory'})}{TWO}{finish()}"),
        UpstreamRejected,
        "out of memory",
        "one ",
    ),
    "a limit in the stream": Broken(
        http(ONE + data({"error": {"message": "slow", "type": "rate_limit_error"}})),
        UpstreamRateLimited,
        "slow",
        "one ",
    ),
    "a refused key in the stream": Broken(
        http(data({"error": {"message": "no", "code": "invalid_api_key"}})),
        UpstreamUnauthorized,
        "check the key",
    ),
    "a list instead of an object": Broken(http("data: [1]\n\n"), UpstreamMalformed, "no JSON obj"),
    "choices of another shape": Broken(
        http(data({"choices": "abc"})), UpstreamMalformed, "not the shape"
    ),
    "a number for a text": Broken(http(ONE + delta(content=7)), UpstreamMalformed, "int", "one "),
    "a web page": Broken(http("<html>Sign in"), UpstreamMalformed, "usually ends in /v1"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_answer_is_refused_with_the_reason(name: str) -> None:
    broken = BROKEN[name]
    heard = await hear(broken.answer)

    assert heard.text == broken.text
    assert isinstance(heard.error, broken.error)
    assert broken.says in heard.error.detail


@pytest.mark.parametrize("pretty", [False, True])
@pytest.mark.parametrize("lead_in", ["", "\n \r\n"])
async def test_a_server_that_does_not_stream_is_understood(pretty: bool, lead_in: str) -> None:
    indent = orjson.OPT_INDENT_2 if pretty else None
    body = lead_in.encode() + orjson.dumps(COMPLETION, option=indent)
    heard = await hear(http(body, content_type=JSON))

    assert (heard.reasoning, heard.text) == ("hm ", TEXT)
    assert heard.finished == Finished("complete", "stop", Usage(3, 2))


async def test_a_completion_may_be_nothing_but_tool_calls() -> None:
    heard = await hear(http(orjson.dumps(CALLS), content_type=JSON))

    assert heard.calls == [ToolCall(0, "c", "clock", "{}")]
    assert heard.finish_reason == "tool_calls"


async def test_tool_calls_without_numbers_are_told_apart() -> None:
    def call(id: str | None, arguments: object) -> str:
        return delta(tool_calls=[{"id": id, "function": {"name": "f", "arguments": arguments}}])

    heard = await hear(http(call("a", "{}") + call("b", {"x": 1}) + call(None, " ") + finish()))

    assert heard.calls == [ToolCall(0, "a", "f", "{}"), ToolCall(1, "b", "f", '{"x":1} ')]


async def test_usage_is_kept_when_it_is_one_and_left_out_when_it_is_not() -> None:
    wild = [-1, 2**63, 1.5, "3", None, [], {"a": 1}, True]
    for tokens in wild[:-1]:
        heard = await hear(http(ONE + finish(usage=USAGE | {"prompt_tokens": tokens})))
        assert heard.finished == STOP, tokens
    details = USAGE | {
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    heard = await hear(http(ONE + finish(usage=details)))
    assert heard.finished == Finished("complete", "stop", Usage(3, 2, 2, 1))


@pytest.mark.parametrize(
    "end", [finish(), DONE, finish() + DONE], ids=["finish reason", "done", "both"]
)
async def test_an_answer_ends_although_its_connection_never_does(end: str) -> None:
    async with wire(http(ONE + TWO + end), then_close=False) as upstream:
        provider = openai_at(upstream.base_url)
        heard = await listen(provider, prompt())
        await provider.aclose()

    assert heard.text == TEXT
    assert heard.finished == STOP


async def test_what_came_before_a_break_that_is_already_known_is_not_lost() -> None:
    """While nobody reads, aiohttp learns of the break, and would tell of nothing else."""
    answer = CHUNKED + b"%x\r\n%b\r\nff\r\nda" % (len(ONE), ONE.encode())
    async with wire(answer) as upstream:
        transport = AiohttpTransport(upstream.base_url, connect_seconds=5)
        response = await transport.handle_async_request(httpx2.Request("GET", upstream.base_url))
        content = response.extensions["aiohttp_answer"].content
        await eventually(lambda: content.exception() is not None)
        came = bytearray()
        with pytest.raises(httpx2.ReadError):
            await read_into(came, response)
        await response.aclose()
        await transport.aclose()

    assert came.startswith(ONE.encode())


async def read_into(came: bytearray, response: httpx2.Response) -> None:
    async with aclosing(body_of(response)) as pieces:
        async for piece in pieces:
            came += piece


async def hear(answer: bytes) -> Heard:
    async with wire(answer) as upstream:
        provider = openai_at(upstream.base_url)
        heard = await listen(provider, prompt())
        await provider.aclose()
    return heard
