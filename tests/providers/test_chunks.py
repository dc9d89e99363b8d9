"""The reader of chunks: no server can make it say something else than it was sent, or fall over."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmchat.errors import ProviderError, UpstreamTruncated
from llmchat.events import Delta, Finished, ToolCall, to_json
from llmchat.providers.base import ProviderEvent, Restarted
from llmchat.providers.openai_chunks import ChunkReader
from llmchat.providers.refusals import error_in
from llmchat.text import clean
from tests.providers.strategies import ANY_JSON, ANY_TEXT, near

Events = list[ProviderEvent]

CALL = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
PARTS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "y"}]},
    {"type": "text", "text": "x"},
]
DETAIL = {"type": "reasoning.text", "text": "z", "summary": "z"}
DELTA = {
    "content": "x",
    "reasoning_content": "y",
    "reasoning": "z",
    "reasoning_details": [DETAIL],
    "tool_calls": [CALL],
}
USAGE = {
    "prompt_tokens": 1,
    "completion_tokens": 2,
    "prompt_tokens_details": {"cached_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
CHUNK = {
    "object": "error",
    "choices": [
        {"delta": DELTA, "message": DELTA | {"content": PARTS}, "finish_reason": "stop"},
    ],
    "usage": USAGE,
    "error": {"message": "no", "type": "server_error", "code": 500},
}
CHUNKS = near(CHUNK)


def frame(chunk: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(chunk).encode()


def piece(text: str) -> bytes:
    return frame({"choices": [{"delta": {"content": text}}]})


def read(*fed: bytes) -> tuple[Events, ChunkReader]:
    reader = ChunkReader(hide_reasoning=False)
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
    fed = [b"".join(deltas)] if at_once else deltas
    events, reader = read(*fed, b"data: [DONE]\n\n")

    assert reader.error is None
    assert said(events) == clean(text)
    assert isinstance(events[-1], Finished)


@given(ANY_TEXT, st.integers(0, 100))
def test_arguments_of_a_tool_call_are_a_text_like_any_other(text: str, place: int) -> None:
    calls = [
        frame(
            {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": a}}]}}]}
        )
        for a in (text[:place], text[place:])
    ]
    events, _ = read(*calls, b"data: [DONE]\n\n")

    assert "".join(e.arguments for e in events if isinstance(e, ToolCall)) == clean(text)


@given(st.lists(CHUNKS, max_size=4))
def test_whatever_is_in_a_chunk_is_an_event_or_an_error_of_ours(chunks: list[Any]) -> None:
    events, reader = read(*map(frame, chunks))

    assert (reader.error is None) == (bool(events) and isinstance(events[-1], Finished))
    assert sum(isinstance(event, Finished) for event in events) <= 1
    for event in events:
        assert not isinstance(event, Restarted)
        assert to_json(event), "it can be stored, and sent on"


@given(CHUNKS)
def test_whatever_is_in_a_whole_answer_is_an_event_or_an_error_of_ours(completion: Any) -> None:
    events, reader = read(json.dumps(completion, indent=1).encode())

    assert (reader.error is None) == (bool(events) and isinstance(events[-1], Finished))
    for event in events:
        assert not isinstance(event, Restarted)
        assert to_json(event)


@given(st.dictionaries(ANY_TEXT, ANY_JSON) | near(CHUNK).filter(lambda it: isinstance(it, dict)))
def test_any_error_of_theirs_is_one_of_ours(body: dict[str, Any]) -> None:
    assert isinstance(error_in(body), ProviderError)


@given(st.lists(st.binary(max_size=40) | CHUNKS.map(frame), max_size=6))
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
    for bad in (frame({"error": "no"}), b"data: {nonsense\n\n", frame({"choices": 1})):
        events, reader = read(piece("one ") + piece("two") + bad)
        assert said(events) == "one two"
        assert reader.error is not None


def test_reasoning_is_left_out_where_nobody_wants_it() -> None:
    reader = ChunkReader(hide_reasoning=True)
    delta = {"reasoning_content": "hm", "reasoning": "hm", "content": "yes"}
    assert reader.feed(frame({"choices": [{"delta": delta}]})) == [Delta("yes")]
    assert reader.thought, "that it came at all is a sign of life"
    assert not (reader.feed(piece("no")) and reader.thought)


def test_json_as_deep_as_a_well_is_no_json() -> None:
    for depth in (500, 5_000, 100_000):
        _, reader = read(b"data: " + b"[" * depth + b"]" * depth + b"\n\n")
        assert reader.error is not None
        _, reader = read(
            b'data: {"error":' + b'{"a":' * depth + b"1" + b"}" * (depth + 1) + b"\n\n"
        )
        assert reader.error is not None
