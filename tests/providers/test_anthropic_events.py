"""The reader of Anthropic's events: no server can make it say something else, or fall over."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.errors import (
    ProviderError,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTruncated,
    UpstreamUnavailable,
)
from llmchat.events import Delta, Finished, ToolCall, Usage, to_json
from llmchat.providers.anthropic_events import MessageReader
from llmchat.providers.base import ProviderEvent, Restarted
from llmchat.text import clean
from tests.providers.anthropic_frames import PING, STOP, block, delta, event, frame, piece, stopped
from tests.providers.strategies import ANY_TEXT, near

Events = list[ProviderEvent]
USAGE = {
    "input_tokens": 3,
    "cache_creation_input_tokens": 5,
    "cache_read_input_tokens": 7,
    "output_tokens": 11,
    "output_tokens_details": {"thinking_tokens": 2},
}
BLOCK = {
    "type": "tool_use",
    "id": "a",
    "name": "f",
    "input": {"x": 1},
    "text": "x",
    "thinking": "y",
}
TEXT_BLOCK = BLOCK | {"type": "text"}
MESSAGE = {"type": "message", "content": [BLOCK], "stop_reason": "end_turn", "usage": USAGE}
EVENTS = st.one_of(
    near({"type": "message_start", "message": MESSAGE}),
    near({"type": "content_block_start", "index": 0, "content_block": BLOCK}),
    near({"type": "content_block_start", "index": 1, "content_block": TEXT_BLOCK}),
    *(
        near({"type": "content_block_delta", "index": 0, "delta": {"type": kind, name: "x"}})
        for kind, name in (
            ("text_delta", "text"),
            ("thinking_delta", "thinking"),
            ("input_json_delta", "partial_json"),
        )
    ),
    near({"type": "content_block_stop", "index": 0}),
    near({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": USAGE}),
    near({"type": "message_stop"}),
    near({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}),
    near(MESSAGE),
)


def read(*fed: bytes, hide: bool = False, lost: str = "") -> tuple[Events, MessageReader]:
    reader = MessageReader(hide_reasoning=hide, lost=lost)
    events = [event for data in fed for event in reader.feed(data)]
    return events + reader.end(), reader


def said(events: Events) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


@given(ANY_TEXT, st.lists(st.integers(0, 100), max_size=6), st.booleans())
def test_any_split_of_a_text_over_deltas_gives_the_same_text(
    text: str, places: list[int], at_once: bool
) -> None:
    ends = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    deltas = [piece(text[start:end]) for start, end in pairwise(ends)]
    events, reader = read(*([b"".join(deltas)] if at_once else deltas), STOP)

    assert reader.error is None
    assert said(events) == clean(text)
    assert isinstance(events[-1], Finished)


@given(ANY_TEXT, st.integers(0, 100))
def test_arguments_of_a_tool_call_are_a_text_like_any_other(text: str, place: int) -> None:
    pieces = [
        delta(3, type="input_json_delta", partial_json=part)
        for part in (text[:place], text[place:])
    ]
    events, _ = read(block(3, type="tool_use", id="a", name="f", input={}), *pieces, STOP)

    assert "".join(e.arguments for e in events if isinstance(e, ToolCall)) == clean(text)


@given(st.lists(EVENTS, max_size=5))
def test_whatever_is_in_an_event_is_an_event_or_an_error_of_ours(found: list[Any]) -> None:
    events, reader = read(*map(frame, found))

    assert (reader.error is None) == (bool(events) and isinstance(events[-1], Finished))
    assert sum(isinstance(event, Finished) for event in events) <= 1
    for given_on in events:
        assert not isinstance(given_on, Restarted)
        assert to_json(given_on), "it can be stored, and sent on"


@given(EVENTS)
def test_whatever_is_in_a_whole_answer_is_an_event_or_an_error_of_ours(found: Any) -> None:
    events, reader = read(json.dumps(found, indent=1).encode())

    assert (reader.error is None) == (bool(events) and isinstance(events[-1], Finished))
    for given_on in events:
        assert not isinstance(given_on, Restarted)
        assert to_json(given_on)


@given(st.lists(st.binary(max_size=40) | EVENTS.map(frame), max_size=6))
def test_any_bytes_are_survived(fed: list[bytes]) -> None:
    events, reader = read(*fed)

    assert (reader.error is None) == (bool(events) and isinstance(events[-1], Finished))


@given(st.text(min_size=1), st.integers(0, 400))
def test_an_answer_that_is_cut_anywhere_is_never_taken_for_a_whole_one(text: str, at: int) -> None:
    stream = piece(text) + piece(text)
    events, reader = read(stream[: at % len(stream)])

    assert isinstance(reader.error, UpstreamTruncated)
    assert clean(text + text).startswith(said(events))


def test_what_came_before_an_error_in_the_same_read_is_kept() -> None:
    for bad in (event("error", error={}), b"data: {nonsense\n\n", event("content_block_delta")):
        events, reader = read(piece("one ") + piece("two") + bad)
        assert said(events) == "one two"
        assert reader.error is not None


@pytest.mark.parametrize(
    ("data", "events", "thought"),
    [
        (delta(type="thinking_delta", thinking="hm"), [], True),
        (PING, [], False),
        (piece("yes"), [Delta("yes")], False),
        (piece(""), [], False),
    ],
)
def test_hidden_thinking_is_a_sign_of_life_and_a_ping_is_none(
    data: bytes, events: Events, thought: bool
) -> None:
    reader = MessageReader(hide_reasoning=True)
    reader.feed(delta(type="thinking_delta", thinking="hm"))

    assert reader.feed(data) == events
    assert reader.thought is thought


def test_what_nobody_knows_is_left_out() -> None:
    events, reader = read(
        event("message_start", message={"usage": None}),
        event("something_new", anything=[1]),
        block(0, type="redacted_thinking", data="x"),
        delta(0, type="signature_delta", signature="x"),
        event("content_block_stop", index=0),
        block(1, type="server_tool_use", id="srv", name="web_search", input={}),
        delta(1, type="input_json_delta", partial_json="{}"),
        event("content_block_stop", index=1),
        block(2, type="text", text=""),
        delta(2, type="citations_delta", citation={}),
        piece("yes"),
        event("content_block_stop", index=2),
        stopped(),
        STOP,
    )

    assert reader.error is None
    assert events == [Delta("yes"), Finished("complete", "stop")]


@pytest.mark.parametrize("end", [stopped(), STOP, stopped() + STOP])
def test_either_evidence_is_enough(end: bytes) -> None:
    events, reader = read(piece("one"), end)

    assert reader.error is None
    assert events == [Delta("one"), Finished("complete", "stop")]


def test_usage_is_what_the_last_event_counts_and_the_cache_is_a_part_of_the_input() -> None:
    first = {"input_tokens": 3, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 5}
    start = event("message_start", message={"usage": {**first, "output_tokens": 1}})
    events, _ = read(start, stopped(output_tokens=11, cache_read_input_tokens=None), STOP)
    assert events == [Finished("complete", "stop", Usage(15, 11, 0, 7))]

    events, _ = read(start, STOP)
    assert events == [Finished("complete", "stop")]


@pytest.mark.parametrize("tokens", [-1, 2**63, 1.5, "3", [], {"a": 1}])
def test_usage_that_is_none_is_left_out(tokens: Any) -> None:
    for name in ("input_tokens", "output_tokens", "cache_read_input_tokens"):
        counts: dict[str, Any] = USAGE | {name: tokens}
        events, _ = read(stopped(**counts))
        assert events == [Finished("complete", "stop")]


def test_a_call_without_arguments_has_an_object_of_none() -> None:
    events, _ = read(
        block(0, type="tool_use", id="a", name="f", input={}),
        delta(0, type="input_json_delta", partial_json=""),
        event("content_block_stop", index=0),
        block(1, type="tool_use", id="b", name="g", input={"x": 1}),
        event("content_block_stop", index=1),
        stopped("tool_use"),
    )
    calls = [event for event in events if isinstance(event, ToolCall)]

    assert calls == [
        ToolCall(0, "a", "f", ""),
        ToolCall(0, None, None, "{}"),
        ToolCall(1, "b", "g", ""),
        ToolCall(1, None, None, '{"x":1}'),
    ]
    assert events[-1] == Finished("complete", "tool_calls")


ERRORS: dict[str, type[ProviderError]] = {
    "overloaded_error": UpstreamUnavailable,
    "api_error": UpstreamUnavailable,
    "timeout_error": UpstreamUnavailable,
    "rate_limit_error": UpstreamRateLimited,
    "invalid_request_error": UpstreamRejected,
}


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_in_the_stream_is_of_its_kind(kind: str) -> None:
    _, reader = read(piece("one"), event("error", error={"type": kind, "message": "Alas"}))

    assert isinstance(reader.error, ERRORS[kind])
    assert "It said: Alas" in reader.error.detail


@pytest.mark.parametrize(
    ("lost", "pieces", "text"),
    [
        (" ", [" and on"], "and on"),
        (" ", ["and on"], "and on"),
        ("\n\n", ["\n", "\nand", " on"], "and on"),
        ("\n\n", ["\n", "and on"], "and on"),
        (" ", ["  and on"], " and on"),
        ("", [" and on"], " and on"),
    ],
)
def test_whitespace_that_the_prompt_had_to_lose_is_not_said_twice(
    lost: str, pieces: list[str], text: str
) -> None:
    events, _ = read(*map(piece, pieces), STOP, lost=lost)

    assert said(events) == text


def test_a_server_that_does_not_stream_is_understood() -> None:
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "x"},
        {"type": "text", "text": "one two"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
    ]
    message = {"type": "message", "content": content, "stop_reason": "max_tokens", "usage": USAGE}
    events, reader = read(json.dumps(message, indent=2).encode())

    assert reader.error is None
    assert events == [
        Delta("hm", "reasoning"),
        Delta("one two"),
        ToolCall(0, "a", "f", ""),
        ToolCall(0, None, None, "{}"),
        Finished("complete", "length", Usage(15, 11, 2, 7)),
    ]


def test_more_tool_calls_than_anybody_makes_are_refused() -> None:
    calls = [block(n, type="tool_use", id="a", name="f", input={}) for n in range(200)]
    events, reader = read(*calls)

    assert isinstance(reader.error, UpstreamMalformed)
    assert len(events) == 128
