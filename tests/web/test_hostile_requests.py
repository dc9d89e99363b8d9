"""Nothing on the wire is an error of the server: paths, headers, methods, and what is no HTTP."""

import asyncio
from itertools import product

import pytest

from llmchat.web.wire import BoundedHttp
from tests.client import Client
from tests.raw_http import PATIENCE_SECONDS, RawClient, RawReply

MIB = 1 << 20
JSON = b"Content-Type: application/json"


async def asked(base_url: str, request: bytes) -> RawReply:
    async with await RawClient.connect(base_url) as raw:
        raw.writer.write(request)
        return await raw.reply()


def assert_is_a_problem(reply: RawReply, *statuses: int) -> None:
    assert reply.status in statuses, (reply.status, reply.body[:300])
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-request-id"].encode() in reply.body


PATHS = [
    "%00",
    "%2f",
    "..%2f..%2f",
    "%2e%2e/",
    "%ff",
    "%ed%a0%80",
    "%F0%9F%98%80",
    "%",
    "%zz",
    "%u0041",
    "a%0d%0ab",
    "a;b=c",
    "a,b",
    "~!@$&'()*+,;=:",
    "a%3Fb",
    "a%23b",
    "null",
    "-1",
    "x" * 65,
    "x" * 60_000,
    "%20",
    "{id}",
    "*",
]


TEMPLATES = [
    "/{}",
    "/api/conversations/{}",
    "/api/conversations/{}/messages",
    "/api/conversations/{}/stream",
    "/api/generations/{}",
    "/api/generations/{}/stream",
    "/api/llm/chat/session/{}",
    "/api/llm/chat/session/{}/history",
    "/static/{}",
    "/static/swagger/{}",
]


@pytest.mark.parametrize("template", TEMPLATES)
async def test_no_path_is_an_error_of_the_server(base_url: str, template: str) -> None:
    for path in PATHS:
        line = f"GET {template.replace('{}', path)} HTTP/1.1\r\nHost: x\r\n\r\n"
        assert_is_a_problem(await asked(base_url, line.encode()), 400, 404, 422)


QUERIES = [
    "limit=%00",
    "limit=%ff",
    "cursor=%ed%a0%80",
    "q=%ed%a0%80",
    "q=%00",
    "q=" + "%25" * 500,
    "q=" + "_" * 512,
    "q=" + "x" * 513,
    "limit=1&limit=x",
    "&&&==&%&%%%",
    "limit[]=1",
    "unknown=1",
    "last_event_id=%00",
    "last_event_id=" + "9" * 5000,
    "limit=" + "9" * 50_000,
    "\x7f",
    "a=b#c",
    "?" * 100,
]


async def test_no_query_is_an_error_of_the_server(base_url: str, client: Client) -> None:
    conversation = await client.conversation()
    paths = ["/api/conversations", f"/api/conversations/{conversation}/messages", "/health"]
    for path, query in product(paths, QUERIES):
        line = f"GET {path}?{query} HTTP/1.1\r\nHost: x\r\n\r\n"
        assert (await asked(base_url, line.encode())).status < 500, line


HEADERS = [
    b"Host: [",
    b"Host: [::1",
    b"Host: \xff",
    b"Host: a/b?c#d",
    b"Host: x:99999999",
    b"Accept: \xff,,,;;q=z",
    b"Accept: " + b"text/event-stream," * 1000,
    b"Accept-Encoding: \xff",
    b"Cookie: \xff;=;;",
    b"Authorization: Bearer \xff",
    b"Authorization: " + b"x" * 10_000,
    b"If-None-Match: \xff",
    b"If-Modified-Since: Sat, 99 Nov 99999 99:99:99 GMT",
    b"Range: bytes=0-",
    b"Origin: null",
    b"Origin: \xff",
    b"X-Forwarded-Proto: \xff",
    b"X-Forwarded-For: \xff, \xff",
    b"X-Forwarded-Host: [",
    b"Forwarded: for=\xff",
    b"X-HTTP-Method-Override: DELETE",
    b"Expect: nonsense",
    b"Connection: close, keep-alive, upgrade",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x",
    b"Last-Event-ID: \xff",
    b"Content-Encoding: gzip",
    b"Content-Type: \xff",
    b"Traceparent: \xff",
    b"\r\n".join(b"X-%d: y" % i for i in range(3000)),
    b"X-Long: " + b"x" * 50_000,
]


SOME_PATHS = ["/health", "/nowhere", "/api/conversations", "/docs", "/static/swagger/NOTICE"]


@pytest.mark.parametrize("path", SOME_PATHS)
async def test_no_header_is_an_error_of_the_server(base_url: str, path: str) -> None:
    for header in HEADERS:
        host = b"" if header.startswith(b"Host") else b"Host: x\r\n"
        line = b"GET %b HTTP/1.1\r\n%b%b\r\n\r\n" % (path.encode(), host, header)
        assert (await asked(base_url, line)).status in (200, 206, 304, 404), header


NO_HTTP = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"nonsense\r\n\r\n",
    b"FOO /health HTTP/1.1\r\nHost: x\r\n\r\n",
    b"get /health HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\xc3\xbc HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://[::1/health HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET /health HTTP/1.1\r\nX: a\rb\r\n\r\n",
    b"GET /health HTTP/1.1\r\nX\x00: a\r\n\r\n",
    b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /health HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /health HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"POST /health HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{",
    b"POST /health HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /api/llm/chat HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + JSON + b"\r\n\r\nzz\r\n",
]


async def test_what_is_no_http_is_400_with_a_request_id(base_url: str) -> None:
    for request in NO_HTTP:
        assert_is_a_problem(await asked(base_url, request), 400)


async def test_an_absolute_target_is_taken_by_its_path(base_url: str) -> None:
    for target in (b"http://other.example/health", b"http://u:p@x:1/health"):
        reply = await asked(base_url, b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target)
        assert reply.status == 200


async def test_an_older_client_is_answered(base_url: str) -> None:
    reply = await asked(base_url, b"GET /health HTTP/1.0\r\n\r\n")

    assert (reply.status, reply.headers["connection"]) == (200, "close")


async def test_a_header_without_end_is_refused_before_it_fills_the_memory(base_url: str) -> None:
    reply = await asked(base_url, b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"x" * MIB)

    assert_is_a_problem(reply, 431)


async def test_a_path_without_end_is_refused(base_url: str) -> None:
    assert_is_a_problem(await asked(base_url, b"GET /" + b"x" * MIB), 431, 400)


async def test_a_large_body_is_not_taken_for_a_header(client: Client) -> None:
    for _ in range(3):
        body = {"content": "x" * (300 * 1024), "model": "demo/echo"}
        path = f"/api/conversations/{await client.conversation()}/messages"
        response = await client.http.post(path, json=body)
        assert response.status_code == 202
        await client.stop(response.json()["generation"]["id"])


async def test_a_header_that_never_ends_does_not_keep_its_connection(
    base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedHttp, "header_seconds", 0.2)

    assert_is_a_problem(await asked(base_url, b"GET /health HTTP/1.1\r\nHost: x\r\n"), 408)
    silent = await asked(base_url, b"")
    assert (silent.status, silent.body) == (0, b"")
    idle = await asked(base_url, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.status == 200


async def test_patience_with_headers_ends_no_answer(
    base_url: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedHttp, "header_seconds", 0.2)
    sent = await client.send(await client.conversation(), "x " * 20, model="demo/echo", params={})

    # 22 tokens at 30 a second outlast it by far.
    read = client.reader(sent.generation_id)
    await read.read_on()

    assert read.status == "complete"


async def test_requests_on_one_connection_are_answered_in_order(base_url: str) -> None:
    async with await RawClient.connect(base_url) as raw:
        raw.writer.write(
            b"GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-ID: one\r\n\r\n"
            b"GET /health HTTP/1.1\r\nHost: x\r\nX-Request-ID: two\r\n\r\n"
            b"GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-ID: three\r\nConnection: close\r\n\r\n"
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            answers = await raw.reader.read()

    places = [answers.find(b"x-request-id: " + id_) for id_ in (b"one", b"two", b"three")]
    assert -1 not in places
    assert places == sorted(places)
    assert answers.count(b"HTTP/1.1 404") == 2


async def test_nonsense_behind_a_request_does_not_spoil_its_answer(
    base_url: str, client: Client
) -> None:
    conversation = await client.conversation()
    async with await RawClient.connect(base_url) as raw:
        raw.send(f"GET /api/conversations/{conversation}/stream HTTP/1.1")
        await raw.until(b"event: snapshot")
        raw.writer.write(b"\x16\x03nonsense\r\n\r\n")
        async with asyncio.timeout(PATIENCE_SECONDS):
            rest = await raw.reader.read()

    assert b"HTTP/1.1" not in rest
