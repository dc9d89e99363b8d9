"""What cannot be served is refused with a reason."""

import json

import pytest

from llmchat.mock.behaviour import BadOptionError
from llmchat.mock.options import Options
from llmchat.mock.server import MockServer
from tests.raw_http import RawClient, ask
from tests.upstream import Upstream


@pytest.mark.parametrize(
    ("model", "status", "message"),
    [
        ("gpt-5", 404, "model 'gpt-5' not found; there are story, echo"),
        ("story?tokns=5", 400, "tokns: Extra inputs are not permitted"),
        ("story?tokens=many", 400, "tokens: Input should be a valid integer"),
        ("story?tokens=-1", 400, "tokens: Input should be greater than or equal to 0"),
        ("story?rate=nan", 400, "rate: Input should be a finite number"),
        ("story?fail=truncated", 400, "did you mean 'truncate'?"),
        ("story?retry_after=1%0d%0aSet-Cookie:x", 400, "retry_after: String should match"),
    ],
)
async def test_a_model_string_that_means_nothing(
    upstream: Upstream, model: str, status: int, message: str
) -> None:
    reply = await ask(upstream.base_url, model)

    assert reply.status == status
    assert message in json.loads(reply.body)["error"]["message"]


def test_a_server_does_not_start_with_an_unknown_kind() -> None:
    with pytest.raises(BadOptionError, match="did you mean 'silence'"):
        MockServer(Options(fail="silense"))


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /v1/nothing HTTP/1.1\r\n\r\n", 404),
        (b"GET /v1/chat/completions HTTP/1.1\r\n\r\n", 405),
        (b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{]", 400),
        (b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: two\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", 411),
        (b"GET / HTTP/1.1\r\nx: " + b"x" * 100_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.0\r\n\r\n", 400),
        (b"what?\r\n\r\n", 400),
    ],
)
async def test_requests_that_cannot_be_served(
    upstream: Upstream, request_bytes: bytes, status: int
) -> None:
    async with await RawClient.connect(upstream.base_url) as client:
        client.writer.write(request_bytes)
        reply = await client.reply()

    assert reply.status == status
    assert json.loads(reply.body)["error"]["type"] == "invalid_request_error"
