"""Bytes that no decent client sends: the process lives, and answers nobody with what is another's.

A request of two meanings carries a second one inside, which a proxy that reads the first one in the
other way would take for nothing of its own: it must not be answered."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence

import httpx2
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.raw_http import PATIENCE_SECONDS, RawClient
from tests.service import Service

ERRORS = re.compile(r'"level": "(?:error|critical)".*')
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
POST = b"POST /api/conversations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
GET = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
LAST = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SMUGGLED = (
    b"GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Request-ID: smuggled\r\nConnection: close\r\n\r\n"
)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
KIB, MIB = 1 << 10, 1 << 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """One process for all of this, short of patience with a body."""
    folder = tmp_path_factory.mktemp("fuzzed")
    async with Service(folder, LLMCHAT_BODY_SECONDS=0.5).running() as running:
        yield running
        await assert_well(running)
        assert "Traceback" not in running.log
        assert not ERRORS.findall(running.log)


async def assert_well(service: Service) -> None:
    assert service.alive, service.log
    async with service.client() as client:
        live = await client.http.get("/health/live")
    assert live.status_code == 200


async def sent(service: Service, data: bytes, *, end: bool = False) -> bytes:
    """All that comes back until the server closes, as it must; `end`: we are away at once."""
    async with await RawClient.connect(service.base_url) as raw:
        raw.writer.write(data)
        if end:
            with contextlib.suppress(OSError):
                raw.writer.write_eof()
        got = bytearray()
        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(ConnectionResetError):
                while some := await raw.reader.read(1 << 16):
                    got += some
        return bytes(got)


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(answers)]


async def assert_no_error(service: Service, requests: Sequence[bytes]) -> list[list[int]]:
    """Each on a connection of its own, once to the end, once left; what was answered to each."""
    await asyncio.gather(*(sent(service, request, end=True) for request in requests))
    await assert_well(service)
    replies = await asyncio.gather(*(sent(service, request) for request in requests))
    await assert_well(service)
    all_answers = [statuses(answers) for answers in replies]
    for request, answered in zip(requests, all_answers, strict=True):
        assert all(status < 500 for status in answered), (request[:200], answered)
    return all_answers


def length(number: bytes | int) -> bytes:
    text = number if isinstance(number, bytes) else b"%d" % number
    return b"Content-Length: " + text + b"\r\n"


TWO_MEANINGS = [
    # Which of both counts?
    POST + length(len(SMUGGLED) + 5) + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED,
    POST + CHUNKED + length(5) + b"\r\n0\r\n\r\n" + SMUGGLED,
    POST + length(0) + length(len(SMUGGLED)) + b"\r\n" + SMUGGLED,
    POST + length(len(SMUGGLED)) + length(0) + b"\r\n" + SMUGGLED,
    POST + length(b"0, %d" % len(SMUGGLED)) + b"\r\n" + SMUGGLED,
    POST + length(b"+0") + b"\r\n" + SMUGGLED,
    POST + length(b"-1") + b"\r\n" + SMUGGLED,
    POST + length(b"0x0") + b"\r\n" + SMUGGLED,
    POST + length(b"0_0") + b"\r\n" + SMUGGLED,
    POST + length(b"") + b"\r\n" + SMUGGLED,
    POST + length(b"0 0") + b"\r\n" + SMUGGLED,
    POST + length(2**64) + b"\r\n" + SMUGGLED,
    POST + length(10**400) + b"\r\n" + SMUGGLED,
    POST + b"Content-Length : 0\r\n\r\n" + SMUGGLED,
    POST + b" Content-Length: 0\r\n\r\n" + SMUGGLED,
    POST + b"Content-Length:\r\n 0\r\n\r\n" + SMUGGLED,
    # Is it chunked?
    POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    POST + b"Transfer-Encoding: identity\r\n" + length(5) + b"\r\n0\r\n\r\n" + SMUGGLED,
    POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + SMUGGLED,
    POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    POST + b"Transfer-Encoding:\r\n chunked\r\n" + length(5) + b"\r\n0\r\n\r\n" + SMUGGLED,
    POST + b"X: y\nTransfer-Encoding: chunked\r\n" + length(5) + b"\r\n0\r\n\r\n" + SMUGGLED,
    POST + b"X: y\rTransfer-Encoding: chunked\r\n" + length(5) + b"\r\n0\r\n\r\n" + SMUGGLED,
    # Where does a chunk end?
    *(
        POST + CHUNKED + b"\r\n" + size + b"\r\n{}\r\n0\r\n\r\n" + SMUGGLED
        for size in (
            *(b"-2", b"+2", b"0x2", b" 2", b"2 ", b"", b"zz", b"2_", b"\xb2"),
            *(b"f" * 16, b"f" * 17, b"1" + b"0" * 16, b"2\n", b"2;x\n", b"2\r"),
        )
    ),
    POST + CHUNKED + b"\r\n2\r\n{}0\r\n\r\n" + SMUGGLED,
    POST + CHUNKED + b"\r\n1\r\n{}\r\n0\r\n\r\n" + SMUGGLED,
    POST + CHUNKED + b"\r\n2\n{}\n0\n\n" + SMUGGLED,
    # Where does the header end?
    POST.replace(b"\r\n", b"\n") + b"Content-Length: 0\n\n" + SMUGGLED,
    POST.replace(b"\r\n", b"\r") + b"Content-Length: 0\r\r" + SMUGGLED,
    POST + b"X: a\x00b\r\n" + length(0) + b"\r\n" + SMUGGLED,
    POST + b"X: a\r\n\x00\r\n" + SMUGGLED,
]


async def test_two_requests_of_one_meaning_are_both_answered(service: Service) -> None:
    for first in (POST + length(2) + b"\r\n{}", POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n"):
        answers = await sent(service, first + SMUGGLED)

        assert b"smuggled" in answers
        assert statuses(answers) == [201, 404]


async def test_a_request_of_two_meanings_is_refused_with_what_is_in_it(service: Service) -> None:
    replies = await asyncio.gather(*(sent(service, request) for request in TWO_MEANINGS))

    for request, answers in zip(TWO_MEANINGS, replies, strict=True):
        assert b"smuggled" not in answers, (request, answers)
        assert len(statuses(answers)) <= 1, request
        assert all(400 <= status < 500 for status in statuses(answers)), (request, answers)
    await assert_well(service)


NO_REQUEST = [
    # Nobody speaks HTTP like that any more, or yet.
    b"GET /health/live\r\n",
    b"GET /health/live\r\n\r\n",
    b"GET /health/live HTTP/0.9\r\n\r\n",
    b"GET /health/live HTTP/1.2\r\nHost: x\r\n\r\n",
    b"GET /health/live HTTP/2.0\r\nHost: x\r\n\r\n",
    b"GET /health/live HTTP/1.1.1\r\nHost: x\r\n\r\n",
    b"GET /health/live http/1.1\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(160)),
    # Targets and methods.
    b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /a\x00b?c\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET \\\\health HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET \r\n\r\n",
    b"M" * 10 * KIB + b" /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x00" * 10 * KIB,
    b"\xff" * 10 * KIB + b"\r\n\r\n",
    # Headers.
    GET + b": no name\r\n\r\n",
    GET + b"no value\r\n\r\n",
    GET + b"X Y: z\r\n\r\n",
    GET + b"X\xff: z\r\n\r\n",
    GET + b"X" * MIB + b": y\r\n\r\n",
    GET + b"X: " + b"y" * MIB + b"\r\n\r\n",
]


async def test_what_is_no_request_is_refused(service: Service) -> None:
    for request, answered in zip(
        NO_REQUEST, await assert_no_error(service, NO_REQUEST), strict=True
    ):
        assert len(answered) <= 1, request[:100]
        assert all(400 <= status < 500 for status in answered), (request[:100], answered)


STRANGE = [
    *(
        b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target
        for target in (
            *(b"http://x/health/live", b"http://u:p@x/health/live", b"http://\xff/", b"ftp://x/y"),
            *(b"http://", b"http:///", b"http://x:99999/", b"//x//y", b"*", b"x", b"x:443", b"/?"),
            *(b"/%2e%2e/%2e%2e/etc/passwd", b"/static/..%2f..%2fpyproject.toml", b"/static/%2e%2e"),
            *(b"/static/%252e%252e%252f", b"/static//etc/passwd", b"/static/..\\..\\x", b"/%00"),
            *(b"/static/%00", b"/static/%c0%ae%c0%ae/", b"/api/generations/%2f%2e%2e%2f/stream"),
            *(b"/api/llm/chat/session/%2e%2e%2f%2e%2e", b"/api/%ed%a0%80", b"/api/\t", b"/#x"),
        )
    ),
    *(
        b"GET /health/live HTTP/1.1\r\n%b\r\n" % hosts
        for hosts in (
            *(b"", b"Host:\r\n", b"Host: a\r\nHost: b\r\n", b"Host: u:p@x\r\n", b"Host: x/y\r\n"),
            *(b"Host: \xc3\xbc.example\r\n", b"Host: x y\r\n", b"Host: [::1\r\n", b"Host: ::1\r\n"),
            *(b"Host: x:y\r\n", b"Host: x,y\r\n", b"Host: .\r\n", b"Host: evil.example\r\n"),
            *(b"Host: evil.example:localhost\r\n", b"Host: " + b"x." * 10_000 + b"\r\n"),
        )
    ),
    b"GET /health/live HTTP/1.0\r\n\r\n",
    b"GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /api/conversations HTTP/1.0\r\n" + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n",
    b"\r\n\r\n\r\n" + GET + b"\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"TRACE /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
    GET + b"".join(b"X-%d: y\r\n" % number for number in range(10_000)) + b"\r\n",
    GET + b"Cookie: a=b\r\n" * 4000 + b"\r\n",
    GET + length(2) + b"\r\n{}",
    GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + length(100) + b"\r\nhalf",
    POST + CHUNKED + b"\r\n2;" + b"x=y;" * KIB + b"\r\n{}\r\n0\r\nX: y\r\n\r\n",
    POST + b"Expect: 100-continue\r\n" + length(2) + b"\r\n{}",
    POST + b"Content-Encoding: gzip\r\n" + length(2) + b"\r\n{}",
]


async def test_what_is_strange_is_no_error(service: Service) -> None:
    answered = await assert_no_error(service, STRANGE)

    assert sum(map(len, answered)) > len(STRANGE) / 2


async def test_half_a_request_is_answered_once_or_never(service: Service) -> None:
    whole = POST + length(20) + b'\r\n{"title": "halves"}}'
    halves = [whole[:part] for part in range(1, len(whole), 7)]

    for answered in await assert_no_error(service, halves):
        assert answered in ([], [408])


async def test_a_thousand_requests_at_once_are_answered_in_order(service: Service) -> None:
    requests = b"".join(
        b"GET /%b HTTP/1.1\r\nHost: x\r\nX-Request-ID: number-%d\r\n\r\n"
        % (b"health/live" if number % 2 else b"nowhere", number)
        for number in range(1000)
    )

    answers = await sent(service, requests + LAST)

    named = [int(number) for number in re.findall(rb"x-request-id: number-(\d+)", answers)]
    assert named == list(range(1000))
    assert statuses(answers) == [404, 200] * 500 + [200]


TOKENS = st.sampled_from(
    [
        *(GET, POST, LAST, CHUNKED, b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b": ", b" ", b"0"),
        *(length(0), length(2), length(2**63), b"{}", b"2\r\n{}\r\n", b"0\r\n\r\n", b"Host: x\r\n"),
        *(b"HTTP/1.1", b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n"),
    ]
)
BYTES = st.lists(TOKENS | st.binary(max_size=20), max_size=12).map(b"".join)


@settings(
    max_examples=100,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=BYTES)
def test_no_bytes_are_an_error(service: Service, data: bytes) -> None:
    asyncio.run(sent(service, data, end=True))
    answers = asyncio.run(sent(service, data + b"\r\n\r\n" + LAST))

    assert all(status < 500 for status in statuses(answers)), (data, answers)
    assert httpx2.get(f"{service.base_url}/health/live").status_code == 200
