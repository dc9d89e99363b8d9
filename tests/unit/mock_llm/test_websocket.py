"""The mock's WebSocket as the client of `websockets` sees it."""

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from llmchat.mock.faults import INSTEAD
from llmchat.mock.websocket import NOT_IN_A_HANDSHAKE
from llmchat.mock.websocket_faults import CLOSE_CODES, ONLY_HERE, SOCKET_MIDWAY, SOCKET_QUIRKS
from llmchat.mock.websocket_session import FRAGMENT_BYTES
from tests.raw_http import PATIENCE_SECONDS
from tests.unit.mock_llm.socket_client import ask, connected, ends, hear, plain, say
from tests.upstream import ENDLESS, Upstream, answer_text, mock_model

ENDLESS_HERE = ENDLESS | {"no-pong"}
STATUSES = (400, 401, 403, 404, 429, 500, 503)


@pytest.mark.parametrize("style", ["delta", "response", "token"])
async def test_a_streamed_answer(upstream: Upstream, style: str) -> None:
    told = await ask(upstream, tokens=3, reasoning=1, style=style)

    assert told.frames == [
        {"reasoning": "r0 ", "done": False},
        *({style: f"t{number} ", "done": False} for number in range(3)),
        {
            "model": f"story?tokens=3&reasoning=1&style={style}",
            "finish_reason": "stop",
            "tokens_used": 6,
            "done": True,
        },
    ]


async def test_an_answer_in_one_message(upstream: Upstream) -> None:
    told = await ask(upstream, stream=False, tokens=3, reasoning=1)

    assert told.frames == [
        {
            "response": "t0 t1 t2 ",
            "reasoning": "r0 ",
            "model": "story?tokens=3&reasoning=1",
            "finish_reason": "stop",
            "tokens_used": 6,
            "metadata": {},
        }
    ]


async def test_many_answers_over_one_connection_and_the_ledger(upstream: Upstream) -> None:
    async with connected(upstream) as socket:
        for number in (1, 2, 3):
            await say(socket, mock_model(tokens=number))
            assert (await hear(socket)).text() == answer_text(tokens=number)
        await say(socket, None)
        assert (await hear(socket)).text() == "hello there"

    (handshake,) = upstream.handshakes[:1]
    assert (handshake.method, handshake.path, handshake.finished) == ("GET", "/ws", True)
    assert [record.tokens_sent for record in upstream.completions] == [1, 2, 3, 2]
    assert all(record.finished and not record.client_gone for record in upstream.completions)
    assert upstream.completions[0].body["message"] == "hello there"


async def test_a_limit_and_a_beginning_are_heeded(upstream: Upstream) -> None:
    async with connected(upstream) as socket:
        question = {
            "model": mock_model(tokens=9),
            "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "content": "t0 t1 "},
            ],
            "settings": {"stream": True, "max_tokens": 2},
        }
        await socket.send(json.dumps(question))
        told = await hear(socket)
    assert told.text() == "t2 t3 "
    assert told.frames[-1]["finish_reason"] == "length"


async def test_what_cannot_be_read_is_an_error_and_no_end(upstream: Upstream) -> None:
    async with connected(upstream) as socket:
        for message in ("nonsense", '{"model": 1}', '{"model": "story?tokens=-1"}'):
            await socket.send(message)
            assert json.loads(await socket.recv())["error_code"] == 400
        await socket.send('{"model": "gpt"}')
        assert json.loads(await socket.recv())["error_code"] == 404
        await say(socket, mock_model(tokens=1))
        assert (await hear(socket)).text() == "t0 "


@pytest.mark.parametrize("fail", [f"http-{status}" for status in STATUSES])
async def test_a_handshake_may_be_refused(upstream: Upstream, fail: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connected(upstream, fail):
            pass
    response = caught.value.response
    assert response.status_code == int(fail.removeprefix("http-"))
    assert json.loads(response.body or b"{}")["error_code"] == response.status_code
    assert response.headers.get("retry-after") == ("1" if fail == "http-429" else None)
    assert upstream.handshakes[0].finished


async def test_a_handshake_may_be_anything_else(upstream: Upstream) -> None:
    with pytest.raises(InvalidStatus):
        async with connected(upstream, "html"):
            pass
    with pytest.raises(InvalidMessage):
        async with connected(upstream, "refuse"):
            pass
    with pytest.raises(InvalidStatus) as caught:
        async with connected(upstream, "nonsense"):
            pass
    assert caught.value.response.status_code == 400
    async with plain(upstream.websocket_url) as (reader, writer):
        writer.write(b"GET /ws HTTP/1.1\r\nHost: mock\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 426 ")


async def test_leaving_in_a_handshake_is_noticed(upstream: Upstream) -> None:
    async def wait_for_it() -> None:
        async with connected(upstream, "no-headers"):
            pass

    waiting = asyncio.create_task(wait_for_it())
    await upstream.until(lambda: bool(upstream.handshakes))
    waiting.cancel()
    await upstream.until(lambda: upstream.handshakes[0].client_gone)
    assert not upstream.handshakes[0].finished


@pytest.mark.parametrize("kind", sorted(ENDLESS_HERE))
@pytest.mark.parametrize("politely", [True, False])
async def test_leaving_an_answer_is_noticed_in_any_silence(
    upstream: Upstream, kind: str, politely: bool
) -> None:
    async with connected(upstream) as socket:
        await say(socket, mock_model(fail=kind, after=2))
        silent_after = 2 if kind in SOCKET_MIDWAY else 0
        await upstream.tokens_sent(silent_after)
        if politely and kind != "no-pong":
            await socket.close()
        else:
            socket.transport.abort()
        record = await upstream.client_gone()
    assert (record.tokens_sent, record.finished) == (silent_after, False)


def test_every_kind_is_tested_here() -> None:
    assert SOCKET_MIDWAY.keys() | INSTEAD.keys() >= ENDLESS_HERE
    codes = {f"close-{code}" for code in CLOSE_CODES}
    assert ONLY_HERE.keys() == {*codes, "no-pong", "plain-text", "junk"}
    assert set(SOCKET_QUIRKS) == {"binary", "fragments", "summary"}
    refused = {f"http-{status}" for status in STATUSES}
    assert INSTEAD.keys() - NOT_IN_A_HANDSHAKE == {"refuse", "no-headers", "html", *refused}


@pytest.mark.parametrize("code", CLOSE_CODES)
@pytest.mark.parametrize("after", [0, 3])
async def test_closing_with_a_code(upstream: Upstream, code: int, after: int) -> None:
    told = await ask(upstream, fail=f"close-{code}", after=after)

    assert (told.code, told.text()) == (code, answer_text(tokens=after))
    assert not upstream.completions[0].client_gone


@pytest.mark.parametrize("kind", ["truncate", "cut", "reset", "refuse"])
async def test_an_answer_breaks_off(upstream: Upstream, kind: str) -> None:
    told = await ask(upstream, fail=kind, after=3)

    assert told.text() == ("" if kind == "refuse" else answer_text(tokens=3))
    assert told.code == (1000 if kind == "truncate" else None)
    assert not any(map(ends, told.frames))
    record = upstream.completions[0]
    assert (record.finished, record.client_gone) == (kind == "truncate", False)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", ["error-200", "error-object", "error-frame", "http-503"])
async def test_an_error_is_a_frame(upstream: Upstream, kind: str, stream: bool) -> None:
    told = await ask(upstream, stream=stream, fail=kind, after=3)

    status = 503 if kind == "http-503" else 500
    assert told.frames[-1]["error"] == "server_error"
    assert told.frames[-1]["error_code"] == status
    assert told.code == 1000


async def test_an_error_then_done(upstream: Upstream) -> None:
    told = await ask(upstream, fail="error-then-done", after=0)
    assert [list(frame) for frame in told.frames] == [
        ["error", "error_code", "error_message"],
        ["done"],
    ]


@pytest.mark.parametrize(
    ("kind", "message"),
    [("plain-text", "just text"), ("bad-json", '{"done'), ("html", "<!doctype html>")],
)
async def test_a_message_is_not_json(upstream: Upstream, kind: str, message: str) -> None:
    told = await ask(upstream, tokens=5, fail=kind, after=2)

    (bad,) = [it for it in told.messages if isinstance(it, str) and not it.endswith("}")]
    assert bad.startswith(message)
    assert told.text() == ("" if kind == "html" else answer_text(tokens=5))


async def test_pings(upstream: Upstream) -> None:
    async with connected(upstream) as socket:
        await say(socket, mock_model(fail="silence", after=1))
        await upstream.tokens_sent(1)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await (await socket.ping())
    async with connected(upstream) as socket:
        await say(socket, mock_model(fail="no-pong", after=1))
        await socket.recv()
        pong = await socket.ping()
        # The goodbye comes behind the ping: when it is noticed, so was that.
        closing = asyncio.create_task(socket.close())
        await upstream.client_gone(attempt=1)
        with pytest.raises(ConnectionClosed):
            await pong
        await closing


async def test_junk_is_no_frame(upstream: Upstream) -> None:
    async with connected(upstream) as socket:
        await say(socket, mock_model(fail="junk", after=2))
        told = await hear(socket)
        assert isinstance(socket.protocol.parser_exc, Exception)
    assert told.text() == answer_text(tokens=2)


async def test_a_giant_frame_is_one_message(upstream: Upstream) -> None:
    size = 3_000_001
    told = await ask(upstream, tokens=2, fail="giant-line", after=1, size=size)
    assert told.text() == "t0 " + "x" * size + "t1 "


async def test_binary_frames_and_a_summary(upstream: Upstream) -> None:
    binary = await ask(upstream, tokens=2, fail="binary")
    assert all(isinstance(message, bytes) for message in binary.messages)
    assert binary.text() == answer_text(tokens=2)
    summed = await ask(upstream, tokens=2, fail="summary")
    assert summed.frames[-1]["response"] == summed.text() == answer_text(tokens=2)


async def test_fragments(upstream: Upstream) -> None:
    async with connected(upstream) as socket:
        await say(socket, mock_model(tokens=1, fail="fragments"))
        pieces = [piece async for piece in socket.recv_streaming()]
        await hear(socket)
    assert json.loads("".join(map(str, pieces))) == {"delta": "t0 ", "done": False}
    assert max(map(len, pieces)) == FRAGMENT_BYTES


@pytest.mark.parametrize("fail", ["", "surrogates", "split-utf8", "nul", "crlf", "multi-data"])
@pytest.mark.parametrize("split", [0, 1])
async def test_a_right_answer_is_right_in_any_pieces(
    upstream: Upstream, fail: str, split: int
) -> None:
    told = await ask(upstream, tokens=5, fail=fail, split=split)
    expected = "" if fail in {"crlf", "multi-data"} else fail
    assert told.text() == answer_text(tokens=5, fail=expected)


@pytest.mark.parametrize(
    ("kind", "done", "reason"), [("done-only", True, None), ("no-done", None, "stop")]
)
async def test_the_end_may_lack_a_half(
    upstream: Upstream, kind: str, done: bool | None, reason: str | None
) -> None:
    last = (await ask(upstream, tokens=1, fail=kind)).frames[-1]
    assert (last.get("done"), last.get("finish_reason")) == (done, reason)


@pytest.mark.parametrize("stream", [True, False])
async def test_calls_of_tools(upstream: Upstream, stream: bool) -> None:
    told = await ask(upstream, stream=stream, fail="tool-calls")
    calls = [call for frame in told.frames for call in frame.get("tool_calls", [])]
    assert {call["function"].get("name") for call in calls} >= {"weather", "clock"}
    assert told.frames[-1]["finish_reason"] == "tool_calls"
