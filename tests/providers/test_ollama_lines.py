"""The reader of Ollama's lines: no server can make it say something else, or fall over."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.errors import UpstreamMalformed, UpstreamTooLarge, UpstreamTruncated
from llmchat.events import Delta, Finished, ToolCall, Usage, to_json
from llmchat.providers.base import ProviderEvent, Restarted
from llmchat.providers.ollama_lines import MOST_LINE_BYTES, LineReader
from llmchat.text import clean
from tests.providers.strategies import ANY_TEXT, near

Events = list[ProviderEvent]
CALL = {"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}}
MESSAGE = {"role": "assistant", "content": "x", "thinking": "y", "tool_calls": [CALL]}
LINE = {
    "model": "m",
    "message": MESSAGE,
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 1,
    "eval_count": 2,
    "error": "no",
}
LINES = near(LINE)


def line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def piece(text: str, **more: Any) -> bytes:
    return line({"message": {"role": "assistant", "content": text, **more}, "done": False})


DONE = line({"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"})


def read(*fed: bytes, hide: bool = False) -> tuple[Events, LineReader]:
    reader = LineReader(hide_reasoning=hide)
    events = [event for data in fed for event in reader.feed(data)]
    return events + reader.end(), reader


def said(events: Events) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


@given(ANY_TEXT, st.lists(st.integers(0, 100), max_size=6), st.booleans())
def test_any_split_of_a_text_over_lines_gives_the_same_text(
    text: str, places: list[int], at_once: bool
) -> None:
    ends = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    lines = [piece(text[start:end]) for start, end in pairwise(ends)]
    events, reader = read(*([b"".join(lines)] if at_once else lines), DONE)

    assert reader.error is None
    assert said(events) == clean(text)
    assert events[-1] == Finished("complete", "stop")


@given(ANY_TEXT, st.integers(1, 9))
def test_any_split_of_the_bytes_gives_the_same_events(text: str, size: int) -> None:
    stream = piece(text) + piece("é\u2028") + DONE
    cut = [stream[start : start + size] for start in range(0, len(stream), size)]

    assert said(read(*cut)[0]) == said(read(stream)[0]) == clean(text) + "é\u2028"


@given(st.lists(LINES, max_size=4))
def test_whatever_is_in_a_line_is_an_event_or_an_error_of_ours(lines: list[Any]) -> None:
    events, reader = read(*map(line, lines))

    assert (reader.error is None) == (bool(events) and isinstance(events[-1], Finished))
    assert sum(isinstance(event, Finished) for event in events) <= 1
    for event in events:
        assert not isinstance(event, Restarted)
        assert to_json(event), "it can be stored, and sent on"


@given(st.lists(st.binary(max_size=40) | LINES.map(line), max_size=6))
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
    for bad in (line({"error": "no"}), b"{nonsense\n", line({"message": 1}), b"x" * 2_000_000):
        events, reader = read(piece("one ") + piece("two") + bad)
        assert said(events) == "one two"
        assert reader.error is not None


@pytest.mark.parametrize(
    ("data", "events", "thought"),
    [
        (piece("", thinking="hm"), [], True),
        (piece("yes", thinking="hm"), [Delta("yes")], True),
        (piece(""), [], False),
        (piece("yes"), [Delta("yes")], False),
    ],
)
def test_hidden_thinking_is_a_sign_of_life_and_nothing_else(
    data: bytes, events: Events, thought: bool
) -> None:
    reader = LineReader(hide_reasoning=True)
    reader.feed(piece("", thinking="hm"))

    assert reader.feed(data) == events
    assert reader.thought is thought


def test_a_line_without_its_end_is_a_line() -> None:
    events, reader = read(piece("one"), DONE.rstrip(b"\n"))

    assert reader.error is None
    assert events[-1] == Finished("complete", "stop")


def test_nothing_comes_behind_the_end() -> None:
    events, _ = read(piece("one") + DONE + piece("two") + line({"error": "no"}))

    assert events == [Delta("one"), Finished("complete", "stop")]


@pytest.mark.parametrize("done", [1, "true", {}, None])
def test_only_true_is_the_end(done: Any) -> None:
    _, reader = read(piece("one") + line({"done": done, "done_reason": "stop"}))

    assert isinstance(reader.error, UpstreamTruncated)


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({"prompt_eval_count": 26, "eval_count": 298}, Usage(26, 298)),
        ({"prompt_eval_count": 26}, Usage(26, 0)),
        ({"eval_count": 298}, None),
        ({"prompt_eval_count": -1, "eval_count": 2}, None),
        ({"prompt_eval_count": 2**63, "eval_count": 2}, None),
        ({"prompt_eval_count": "3", "eval_count": 2}, None),
    ],
)
def test_usage_is_kept_when_it_is_one(counts: dict[str, Any], usage: Usage | None) -> None:
    events, _ = read(line({"done": True, "done_reason": "length", **counts}))

    assert events == [Finished("complete", "length", usage)]


def test_calls_of_several_lines_are_told_apart_whatever_numbers_they_have() -> None:
    call = {"function": {"index": 0, "name": "f", "arguments": {"a": "\ud83d"}}}
    with_id = {"id": "mine", "function": {"name": "g"}}
    events, _ = read(piece("", tool_calls=[call]), piece("", tool_calls=[call, with_id]), DONE)
    calls = [event for event in events if isinstance(event, ToolCall)]

    assert [call.index for call in calls] == [0, 1, 2]
    assert len({call.id for call in calls}) == 3
    assert calls[0].arguments == '{"a": "\ufffd"}'
    assert (calls[2].id, calls[2].name, calls[2].arguments) == ("mine", "g", "{}")
    assert events[-1] == Finished("complete", "tool_calls")


def test_more_tool_calls_than_anybody_makes_are_refused() -> None:
    events, reader = read(piece("", tool_calls=[CALL] * 100), piece("", tool_calls=[CALL] * 100))

    assert isinstance(reader.error, UpstreamMalformed)
    assert sum(isinstance(event, ToolCall) for event in events) == 100


@pytest.mark.parametrize("piece_bytes", [1, 1000, 65_536])
def test_the_reader_is_bounded_however_small_the_pieces_are(piece_bytes: int) -> None:
    reader = LineReader(hide_reasoning=False)
    reader.feed(b"x" * (MOST_LINE_BYTES - 500))
    fed = 0
    while reader.error is None and fed < 100_000:
        reader.feed(b"x" * piece_bytes)
        fed += piece_bytes

    assert isinstance(reader.error, UpstreamTooLarge)
    assert fed <= 500 + piece_bytes


def test_json_as_deep_as_a_well_is_no_json() -> None:
    for depth in (500, 5_000, 100_000):
        _, reader = read(b"[" * depth + b"]" * depth + b"\n")
        assert reader.error is not None
        _, reader = read(b'{"error":' + b'{"a":' * depth + b"1" + b"}" * (depth + 1) + b"\n")
        assert reader.error is not None
