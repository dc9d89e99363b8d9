"""The mock as Anthropic: events of a message, block by block."""

import json
from typing import Any

import pytest

from llmchat.mock.anthropic_wire import LACKS
from llmchat.mock.faults import INSTEAD, KINDS, MIDWAY
from llmchat.mock.manual import manual
from tests.raw_http import RawClient, RawReply, parsed, post, sse_data
from tests.upstream import ENDLESS, Upstream, answer_text, mock_model

HELLO = [{"role": "user", "content": "hello there"}]
VERSION = "anthropic-version: 2023-06-01"


async def ask(upstream: Upstream, model: str, **more: Any) -> RawReply:
    body = {"model": model, "messages": HELLO, "max_tokens": 1000, "stream": True, **more}
    return await post(upstream.base_url, "/v1/messages", body, VERSION)


def text_of(reply: RawReply) -> str:
    deltas = (event.get("delta", {}) for event in reply.events)
    return "".join(delta.get("text", "") for delta in deltas)


async def test_a_stream_is_spelt_as_anthropic_spells_it(upstream: Upstream) -> None:
    model = mock_model(tokens=2, reasoning=1)
    reply = await ask(upstream, model)
    start, *middle, delta, stop = reply.events

    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.body.startswith(b"event: message_start\ndata: {")
    assert start["message"].pop("id").startswith("msg_")
    assert start["message"] == {
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 2, "output_tokens": 1},
    }
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    assert middle == [
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": thinking},
        block_delta(0, type="thinking_delta", thinking="r0 "),
        block_delta(0, type="signature_delta", signature="EqQBCg=="),
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        block_delta(1, type="text_delta", text="t0 "),
        block_delta(1, type="text_delta", text="t1 "),
        {"type": "content_block_stop", "index": 1},
    ]
    assert delta == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 1}},
    }
    assert stop == {"type": "message_stop"}
    assert upstream.completions[0].tokens_sent == 3


def block_delta(index: int, **delta: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


async def test_every_event_has_the_name_of_its_type(upstream: Upstream) -> None:
    reply = await ask(upstream, mock_model(tokens=2, fail="tool-calls"))
    names = [line[7:] for line in reply.body.decode().split("\n") if line.startswith("event: ")]

    assert names == [event["type"] for event in reply.events]


async def test_what_is_not_streamed_is_one_object(upstream: Upstream) -> None:
    whole = json.loads((await ask(upstream, mock_model(tokens=2, reasoning=2), stream=False)).body)

    assert whole["content"] == [
        {"type": "thinking", "thinking": "r0 r1 "},
        {"type": "text", "text": "t0 t1 "},
    ]
    assert (whole["stop_reason"], whole["usage"]["output_tokens"]) == ("end_turn", 4)


async def test_calls_are_blocks_with_arguments_in_pieces(upstream: Upstream) -> None:
    reply = await ask(upstream, mock_model(fail="tool-calls"))
    whole = json.loads((await ask(upstream, mock_model(fail="tool-calls"), stream=False)).body)
    starts = [event for event in reply.events if event["type"] == "content_block_start"]
    pieces = [event["delta"].get("partial_json", "") for event in reply.events if "delta" in event]

    assert [start["content_block"]["name"] for start in starts] == ["weather", "clock"]
    assert "".join(pieces) == '{"city":"Zürich","days":3}{"zone":"Europe/Zurich"}'
    assert reply.events[-2]["delta"]["stop_reason"] == "tool_use"
    assert [block["input"] for block in whole["content"]] == [
        {"city": "Zürich", "days": 3},
        {"zone": "Europe/Zurich"},
    ]


async def test_a_limit_and_a_beginning_are_heeded(upstream: Upstream) -> None:
    limited = await ask(upstream, mock_model(tokens=9), max_tokens=2)
    assert (text_of(limited), limited.events[-2]["delta"]["stop_reason"]) == (
        "t0 t1 ",
        "max_tokens",
    )
    begun = [*HELLO, {"role": "assistant", "content": [{"type": "text", "text": "t0 t1"}]}]
    assert text_of(await ask(upstream, mock_model(tokens=3), messages=begun)) == " t2 "
    assert text_of(await ask(upstream, "echo")) == "hello there"


@pytest.mark.parametrize("kind", sorted(LACKS))
async def test_a_kind_that_it_has_not_is_refused_and_named(upstream: Upstream, kind: str) -> None:
    reply = await ask(upstream, mock_model(fail=kind))

    assert reply.status == 400
    assert f"there is no '{kind}'" in json.loads(reply.body)["error"]["message"]
    assert kind in KINDS
    assert kind in manual().partition("There is no")[2].partition("There is no")[0]


ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
}


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize("stream", [True, False])
async def test_http_errors_have_anthropic_bodies(
    upstream: Upstream, status: int, stream: bool
) -> None:
    reply = await ask(upstream, mock_model(fail=f"http-{status}"), stream=stream)
    body = json.loads(reply.body)

    assert reply.status == status
    assert (body["type"], body["error"]["type"]) == ("error", ERRORS[status])


ENDS = {
    "truncate": b'"text":"t2 "}}\n\n',
    "cut": b"event: content_block_delta\n",
    "reset": b"event: content_block_delta\n",
    "error-frame": b'event: error\ndata: {"type":"error"',
    "error-object": b'\n\ndata: {"type":"error"',
    "error-then-done": b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    "bad-json-end": b"\n\n",
}


@pytest.mark.parametrize("kind", ENDS)
async def test_a_stream_fails_after_so_many_tokens(upstream: Upstream, kind: str) -> None:
    reply = await ask(upstream, mock_model(tokens=9, fail=kind, after=3))

    assert text_of(reply) == answer_text(tokens=3)
    assert ENDS[kind] in reply.body[-250:]
    assert reply.complete is (kind not in ("cut", "reset"))
    assert upstream.completions[0].tokens_sent == 3


def test_every_kind_that_ends_is_tested_here() -> None:
    assert MIDWAY.keys() - ENDLESS - LACKS == {*ENDS, "bad-json", "giant-line"}
    assert not LACKS & INSTEAD.keys()


async def test_the_answer_goes_on_behind_one_bad_or_giant_event(upstream: Upstream) -> None:
    bad = await ask(upstream, mock_model(tokens=5, fail="bad-json", after=2))
    giant = await ask(upstream, mock_model(tokens=2, fail="giant-line", after=1, size=100_001))

    assert text_of(bad) == answer_text(tokens=5)
    assert len([data for data in sse_data(bad.body) if parsed(data) is None]) == 1
    assert text_of(giant) == "t0 " + "x" * 100_001 + "t1 "


async def test_the_ends_that_are_only_half_an_end(upstream: Upstream) -> None:
    no_done = await ask(upstream, mock_model(tokens=2, fail="no-done"))
    done_only = await ask(upstream, mock_model(tokens=2, fail="done-only"))

    assert no_done.events[-1]["delta"]["stop_reason"] == "end_turn"
    assert done_only.events[-1] == {"type": "message_stop"}
    assert done_only.events[-2]["delta"]["stop_reason"] is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"max_tokens": None}, "max_tokens: Input should be a valid integer"),
        ({"messages": [{"role": "system", "content": "x"}]}, "the role has to be"),
        ({"messages": [{"role": "user", "content": ""}]}, "must be non-empty"),
        ({"messages": [{"role": "assistant", "content": "x "}]}, "trailing whitespace"),
    ],
)
async def test_what_the_real_one_would_refuse_is_refused(
    upstream: Upstream, body: dict[str, Any], says: str
) -> None:
    reply = await ask(upstream, "story", **body)

    assert reply.status == 400
    assert says in json.loads(reply.body)["error"]["message"]


async def test_a_request_without_a_version_is_refused(upstream: Upstream) -> None:
    reply = await post(upstream.base_url, "/v1/messages", {"model": "story"})

    assert reply.status == 400
    assert b"anthropic-version: header is required" in reply.body


async def test_an_unknown_model_is_not_found(upstream: Upstream) -> None:
    reply = await ask(upstream, "claude")

    assert reply.status == 404
    assert json.loads(reply.body)["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("kind", sorted(ENDLESS))
async def test_a_client_that_leaves_is_noticed(upstream: Upstream, kind: str) -> None:
    sent = 2 if kind in MIDWAY else 0
    async with await RawClient.connect(upstream.base_url) as client:
        model = mock_model(fail=kind, after=2)
        body = {"model": model, "messages": HELLO, "max_tokens": 9, "stream": True}
        client.send("POST /v1/messages HTTP/1.1", json.dumps(body).encode(), VERSION)
        await upstream.tokens_sent(sent)

    assert (await upstream.client_gone()).tokens_sent == sent
