"""Every kind of failure does what its name says."""

import json
from dataclasses import dataclass

import pytest

from llmchat.mock.faults import INSTEAD, KINDS, MIDWAY
from llmchat.mock.manual import manual
from llmchat.mock.options import Options
from llmchat.mock.quirks import QUIRKS
from llmchat.mock.websocket_faults import SOCKET_KINDS
from tests.raw_http import RawClient, ask, parsed, sse_data
from tests.upstream import ENDLESS, Upstream, answer_text, mock_model, mock_upstream


def test_every_kind_has_a_name_of_its_own_and_stands_in_the_manual() -> None:
    assert len(KINDS) == len(INSTEAD) + len(MIDWAY) + len(QUIRKS)
    assert not KINDS.keys() & SOCKET_KINDS.keys()
    assert all(f"  {kind} " in manual() for kind in KINDS | SOCKET_KINDS)
    assert all(f"  {option} " in manual() for option in Options.model_fields)


def test_every_kind_that_ends_is_tested_here() -> None:
    errors = {f"http-{status}" for status in ERRORS}
    assert set(INSTEAD) - ENDLESS == {"refuse", "error-200", "html", *errors}
    assert set(MIDWAY) - ENDLESS == {*MIDWAY_ENDS, "bad-json", "giant-line"}


async def test_refuse_closes_without_a_byte(upstream: Upstream) -> None:
    async with await RawClient.connect(upstream.base_url) as client:
        client.ask(mock_model(fail="refuse"))
        assert await client.reader.read() == b""
    assert not upstream.completions[0].client_gone
    assert not upstream.completions[0].finished


ERRORS = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "request_forbidden",
    404: "invalid_request_error",
    429: "requests",
    500: "server_error",
    503: "server_error",
}


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize("stream", [True, False])
async def test_http_errors_have_openai_bodies(
    upstream: Upstream, status: int, stream: bool
) -> None:
    reply = await ask(upstream.base_url, mock_model(fail=f"http-{status}"), stream=stream)

    assert reply.status == status
    assert reply.headers["content-type"] == "application/json"
    error = json.loads(reply.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == ERRORS[status]


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({"fail": "http-429"}, "1"),
        ({"fail": "http-429", "retry_after": "7"}, "7"),
        ({"fail": "http-429", "retry_after": ""}, None),
        ({"fail": "http-503"}, None),
        ({"fail": "http-503", "retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "Wed, 21 Oct"),
        ({"fail": "http-500", "retry_after": "7"}, None),
    ],
)
async def test_retry_after(upstream: Upstream, options: dict[str, str], header: str | None) -> None:
    reply = await ask(upstream.base_url, mock_model(**options))

    sent = reply.headers.get("retry-after")
    assert sent == header or (sent and header and sent.startswith(header))


async def test_error_200_and_html_are_no_streams(upstream: Upstream) -> None:
    error = await ask(upstream.base_url, mock_model(fail="error-200"))
    page = await ask(upstream.base_url, mock_model(fail="html"))

    assert (error.status, error.headers["content-type"]) == (200, "application/json")
    assert json.loads(error.body)["error"]["type"] == "server_error"
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.body.startswith(b"<!doctype html>")


@dataclass(frozen=True)
class End:
    last: bytes
    complete: bool = True
    reset: bool = False
    done: bool = False


MIDWAY_ENDS = {
    "truncate": End(b'"usage":null}\n\n'),
    "cut": End(b'"finish_', complete=False),
    "reset": End(b'"finish_', complete=False, reset=True),
    "error-frame": End(b"}}\n\n"),
    "error-object": End(b"}}\n\n"),
    "error-then-done": End(b"data: [DONE]\n\n", done=True),
    "bad-json-end": End(b"\n\n"),
}


@pytest.mark.parametrize("kind", MIDWAY_ENDS)
@pytest.mark.parametrize("after", [0, 3, 20])
async def test_a_stream_fails_after_so_many_tokens(
    upstream: Upstream, kind: str, after: int
) -> None:
    reply = await ask(upstream.base_url, mock_model(tokens=20, fail=kind, after=after))

    end = MIDWAY_ENDS[kind]
    assert reply.text == answer_text(tokens=after)
    assert reply.finish_reason is None
    assert (reply.complete, reply.reset, reply.done) == (end.complete, end.reset, end.done)
    assert reply.body.endswith(end.last) or not end.complete
    record = upstream.completions[0]
    assert (record.tokens_sent, record.finished) == (after, end.complete)
    assert not record.client_gone


async def test_after_counts_reasoning_too(upstream: Upstream) -> None:
    reply = await ask(upstream.base_url, mock_model(reasoning=3, fail="truncate", after=4))

    assert reply.text == "t0 "


IN_STREAM_ERRORS = ["error-frame", "error-object", "error-then-done"]


@pytest.mark.parametrize("kind", IN_STREAM_ERRORS)
async def test_an_error_is_told_inside_the_stream(upstream: Upstream, kind: str) -> None:
    reply = await ask(upstream.base_url, mock_model(fail=kind))

    assert reply.events[-1]["error"]["type"] == "server_error"
    assert (b"event: error\ndata: " in reply.body) is (kind == "error-frame")


@pytest.mark.parametrize("kind", IN_STREAM_ERRORS)
async def test_the_same_error_where_there_is_no_stream(upstream: Upstream, kind: str) -> None:
    reply = await ask(upstream.base_url, mock_model(fail=kind), stream=False)

    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert json.loads(reply.body)["error"]["type"] == "server_error"


@pytest.mark.parametrize(("kind", "tokens"), [("bad-json", 5), ("bad-json-end", 2)])
async def test_one_line_is_not_json(upstream: Upstream, kind: str, tokens: int) -> None:
    reply = await ask(upstream.base_url, mock_model(tokens=5, fail=kind, after=2))

    bad = [data for data in sse_data(reply.body) if data != "[DONE]" and parsed(data) is None]
    assert len(bad) == 1
    assert reply.text == answer_text(tokens=tokens)
    assert reply.done is (kind == "bad-json")


async def test_a_giant_line_is_one_event(upstream: Upstream) -> None:
    size = 3_000_001
    reply = await ask(
        upstream.base_url, mock_model(tokens=2, fail="giant-line", after=1, size=size)
    )

    assert reply.text == "t0 " + "x" * size + "t1 "
    assert reply.done


@pytest.mark.parametrize(
    ("kind", "repeated"),
    [("pings", b": ping\n\n"), ("keepalive-chunks", b'"delta":{},"finish_reason":null')],
)
async def test_signs_of_life_go_on_for_ever(upstream: Upstream, kind: str, repeated: bytes) -> None:
    async with await RawClient.connect(upstream.base_url) as client:
        client.ask(mock_model(fail=kind, after=1))
        received = await client.until(b"t0 ")
        for _ in range(3):
            received = await client.until(repeated)
            assert b'"content"' not in received
    assert (await upstream.client_gone()).tokens_sent == 1


@pytest.mark.parametrize("fail_times", [0, 1, 3])
async def test_only_the_first_requests_of_a_model_fail(upstream: Upstream, fail_times: int) -> None:
    model = mock_model(tokens=1, fail="http-503", fail_times=fail_times, key="a")
    statuses = [(await ask(upstream.base_url, model)).status for _ in range(fail_times + 2)]

    assert statuses == [503] * fail_times + [200, 200]
    other = await ask(upstream.base_url, mock_model(fail="http-503", fail_times=1, key="b"))
    assert other.status == 503


async def test_the_server_has_defaults_that_a_request_overrides() -> None:
    async with mock_upstream(fail="http-500", tokens=3) as upstream:
        assert (await ask(upstream.base_url, "story")).status == 500
        assert (await ask(upstream.base_url, mock_model(fail=""))).text == answer_text(tokens=3)
