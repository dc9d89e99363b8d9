"""A sender that stops in the middle of its body is told so, and its connection is closed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmchat.app import create_app
from llmchat.settings import Settings
from llmchat.web.wire import BoundedHttp
from tests.client import Client, connect
from tests.raw_http import RawClient, RawReply
from tests.web.conftest import serve, serving
from tests.web.locked import locked_service

HEAD = b"POST /api/conversations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
KIB = 1024


@pytest.fixture
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(BoundedHttp, "header_seconds", 0.5)
    with serving(tmp_path, body_seconds=0.3) as url:
        yield url


async def closed(raw: RawClient) -> RawReply:
    """The answer, and nothing behind it but the end of the connection."""
    reply = await raw.reply()
    try:
        assert await raw.reader.read() == b""
    except ConnectionResetError:
        reply.reset = True
    return reply


@pytest.mark.parametrize(
    "begun",
    [
        b"Content-Length: 100\r\n\r\n",
        b'Content-Length: 100\r\n\r\n{"title": "half',
        b"Transfer-Encoding: chunked\r\n\r\n",
        b'Transfer-Encoding: chunked\r\n\r\n9\r\n{"title"',
        b'Transfer-Encoding: chunked\r\n\r\n9\r\n{"title":\r\n4\r\n "x"\r\n',
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: x",
        b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    ],
)
async def test_a_body_that_stops_is_408(hasty: str, begun: bytes) -> None:
    async with await RawClient.connect(hasty) as raw:
        raw.writer.write(HEAD + begun)
        if b"Expect" in begun:
            await raw.until(b"100 Continue\r\n\r\n")
        reply = await closed(raw)

    problem = json.loads(reply.body)
    assert (reply.status, problem["type"]) == (408, "body_timeout")
    assert "LLMCHAT_BODY_SECONDS" in problem["detail"]
    assert reply.headers["connection"] == "close"
    assert reply.headers["x-request-id"] == problem["request_id"]


async def test_a_body_that_stops_behind_its_answer_gets_no_second_one(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path, discover=False, auth="keys"))
    with serve(app, body_seconds=0.3) as (url, _):
        async with await RawClient.connect(url) as raw:
            raw.writer.write(HEAD + b'Content-Length: 100\r\n\r\n{"title": "half')
            assert (await closed(raw)).status == 401


async def test_a_broken_body_behind_its_answer_gets_no_second_one(tmp_path: Path) -> None:
    with locked_service(tmp_path) as service:
        async with await RawClient.connect(service.base_url) as raw:
            raw.writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
            assert (await raw.reply()).status == 401
            raw.writer.write(b"zz\r\n")
            assert await raw.reader.read() == b""


async def test_a_stream_lasts_longer_than_the_patience_with_bodies(hasty: str) -> None:
    async with connect(hasty) as client:
        sent = await client.send(await client.conversation(), "x " * 30, model="demo/echo")
        read = client.reader(sent.generation_id)
        # 32 tokens at 30 a second outlast it by far.
        await read.read_on()

    assert read.status == "complete"


async def test_extensions_of_a_chunk_without_end_are_refused(base_url: str) -> None:
    async with await RawClient.connect(base_url) as raw:
        raw.writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;x=" + b"x" * 1024 * KIB)
        assert (await closed(raw)).status == 431


async def test_headers_behind_a_body_without_end_are_refused(base_url: str) -> None:
    async with await RawClient.connect(base_url) as raw:
        raw.writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
        raw.writer.write(b"X-Trailer: " + b"x" * 1024 * KIB)
        assert (await closed(raw)).status == 431


async def test_a_body_of_many_small_chunks_is_taken(client: Client, base_url: str) -> None:
    body = json.dumps({"title": "x", "system_prompt": "y" * 30 * KIB}).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    async with await RawClient.connect(base_url) as raw:
        raw.writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert (await raw.reply()).status == 201


async def test_no_header_behind_a_body_lets_anybody_in(tmp_path: Path) -> None:
    with locked_service(tmp_path) as service:
        trailer = f"Authorization: Bearer {service.admin}\r\n".encode()
        body = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
        async with await RawClient.connect(service.base_url) as raw:
            raw.writer.write(HEAD + trailer + body + b"\r\n")
            assert (await raw.reply()).status == 201
            raw.writer.write(HEAD + body + trailer + b"\r\n")
            assert (await raw.reply()).status == 401
