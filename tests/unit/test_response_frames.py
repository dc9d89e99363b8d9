"""From a log to the frames of a streamed Response: golden files, and what holds for every log.

To see what a change of the encoder does to the files: `python -m tests.unit.test_response_frames`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.events import (
    Delta,
    Entry,
    Event,
    Failed,
    Finished,
    Reset,
    Started,
    ToolCall,
    Usage,
    answerable_calls,
    fold,
    merge,
    whole_calls,
)
from llmchat.problem import Problem
from llmchat.providers.base import Restarted
from llmchat.providers.responses_events import ResponseReader
from llmchat.web.openai.response_frames import ResponseFrames, frames_of, last_number
from llmchat.web.openai.response_object import begun

GOLDEN = Path(__file__).parent / "response_frames"
AT = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
STARTED = Started("gen_8DmPJ", "msg_8DmPK", "demo/story", 1)
USAGE = Usage(3, 9, 2, 1)
RESPONSE = begun("resp_8DmPJ", "demo/story", AT, {"background": True, "metadata": {"a": "b"}})
WHOLE = Finished("complete", "stop", USAGE)

LOGS: Mapping[str, Sequence[Event]] = {
    "text": [STARTED, Delta("", mark="m:0"), Delta("Hel"), Delta("lo \u2028"), WHOLE],
    "reasoning": [
        STARTED,
        Delta("Let me ", "reasoning"),
        Delta("see.", "reasoning"),
        Delta("42"),
        WHOLE,
    ],
    "thinking again": [
        STARTED,
        Delta("a", "reasoning"),
        Delta("b"),
        Delta("c", "reasoning"),
        Delta("d"),
        WHOLE,
    ],
    "tools": [
        STARTED,
        Delta("I look."),
        ToolCall(0, "call_a", "weather", '{"ci'),
        ToolCall(0, None, None, 'ty":"Oslo"}'),
        ToolCall(1, None, "time", "{}"),
        Finished("complete", "tool_calls", USAGE),
    ],
    "failure": [
        STARTED,
        Delta("Hel"),
        Failed("failed", Problem("upstream_truncated", "", 503, "It broke off."), USAGE),
    ],
    "failure before the first token": [
        STARTED,
        Failed("failed", Problem("upstream_rate_limited", "", 503, "Slow down.", 3)),
    ],
    "interrupted": [
        STARTED,
        Delta("Hel"),
        Failed("interrupted", Problem("interrupted", "", 503, "It died.")),
    ],
    "length": [STARTED, Delta("Hel"), Finished("complete", "length", USAGE)],
    "stopped": [STARTED, Delta("Hel"), Finished("stopped", "stopped", USAGE)],
    "reset": [
        STARTED,
        Delta("Hm.", "reasoning"),
        Delta("One model's te"),
        Reset(2, "It fell back.", ""),
        Delta("Another's."),
        Finished("complete", "stop", USAGE, "demo/echo"),
    ],
    "a lost log": [STARTED, Reset(1, "The log was lost.", "This much"), Delta(" was kept."), WHOLE],
}


def entries_of(events: Sequence[Event]) -> list[Entry]:
    return [Entry(offset, offset, event) for offset, event in enumerate(events, 1)]


def read(frames: bytes) -> list[dict[str, Any]]:
    """The data of each frame; checks how it is framed."""
    found = []
    for frame in frames.decode().split("\n\n")[:-1]:
        event, data = frame.splitlines()
        members = orjson.loads(data.removeprefix("data: "))
        assert event == f"event: {members['type']}"
        found.append(members)
    return found


@pytest.mark.parametrize("name", LOGS)
def test_a_log_becomes_these_frames(name: str) -> None:
    golden = (GOLDEN / f"{name.replace(' ', '_')}.txt").read_bytes()
    assert frames_of(RESPONSE, entries_of(LOGS[name]), ended_at=AT) == golden


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("name", LOGS)
def test_our_own_provider_reads_what_was_meant(name: str, size: int) -> None:
    """Also when it is cut off everywhere, and reads on from its mark."""
    log = LOGS[name]
    frames = frames_of(RESPONSE, entries_of(log), ended_at=AT)
    reader = ResponseReader(hide_reasoning=False)
    said: list[Event] = []
    for begin in range(0, len(frames), size):
        for event in reader.feed(frames[begin : begin + size]) or ():
            again = isinstance(event, Restarted)
            said.append(Reset(2, "", "") if again else event)  # type: ignore[arg-type]
    read, meant = fold(entries_of([STARTED, *said])), fold(entries_of(log))
    assert (read.answer, read.reasoning) == (meant.answer, meant.reasoning)
    assert whole_calls(read.tool_calls) == answerable_calls(meant.tool_calls)
    match log[-1]:
        case Finished("complete", reason):
            assert isinstance(read.terminal, Finished)
            assert read.terminal.finish_reason == reason
        case _:
            assert reader.error is not None


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
events = st.one_of(
    st.builds(Delta, texts, st.sampled_from(["answer", "reasoning"])),
    st.builds(ToolCall, st.integers(0, 2), st.just(None), st.just("f"), texts),
    st.builds(Reset, st.just(2), st.just("again"), texts),
)
ends = st.sampled_from([WHOLE, Finished("stopped", "stopped"), LOGS["failure"][-1]])
logs = st.builds(lambda said, end: [STARTED, *said, end], st.lists(events, max_size=12), ends)


def without_texts(frames: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [frame for frame in frames if "delta" not in frame]


def characters(frames: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, str]]:
    """Each character of the deltas with its number and its item."""
    return [
        (frame["sequence_number"] - back, frame["item_id"], character)
        for frame in frames
        if "delta" in frame
        for back, character in zip(
            reversed(range(len(frame["delta"]))), frame["delta"], strict=True
        )
    ]


@given(logs, st.integers(1, 6))
def test_numbers_do_not_depend_on_how_a_log_was_read(log: Sequence[Event], batch: int) -> None:
    entries = entries_of(log)
    alone = read(frames_of(RESPONSE, entries, ended_at=AT))
    merged = read(frames_of(RESPONSE, merge(entries), ended_at=AT))
    piecewise = ResponseFrames(RESPONSE)
    batches = [merge(entries[i : i + batch]) for i in range(0, len(entries), batch)]
    read_on = read(b"".join([piecewise.feed(each, ended_at=AT) for each in batches]))

    for frames in (alone, merged, read_on):
        numbers = [frame["sequence_number"] for frame in frames]
        assert numbers == sorted(set(numbers))
        assert without_texts(frames) == without_texts(alone)
        assert characters(frames) == characters(alone)
    assert alone[-1]["sequence_number"] == last_number(entries)


@given(logs, st.data())
def test_after_any_number_comes_exactly_what_follows_it(
    log: Sequence[Event], data: st.DataObject
) -> None:
    entries = entries_of(log)
    whole = read(frames_of(RESPONSE, entries, ended_at=AT))
    after = data.draw(st.sampled_from([frame["sequence_number"] for frame in whole]))
    after += data.draw(st.integers(-3, 3))
    rest = read(ResponseFrames(RESPONSE, after=after).feed(merge(entries), ended_at=AT))

    assert without_texts(rest) == [
        frame for frame in without_texts(whole) if frame["sequence_number"] > after
    ]
    assert characters(rest) == [each for each in characters(whole) if each[0] > after]


@given(logs)
def test_items_are_added_written_and_done_once(log: Sequence[Event]) -> None:
    """And the output at the end is what the events said of it since the last reset."""
    open_items: dict[int, str] = {}
    done: dict[int, Mapping[str, Any]] = {}
    frames = read(frames_of(RESPONSE, entries_of(log), ended_at=AT))
    for frame in frames[:-1]:
        place = frame.get("output_index", -1)
        match frame["type"]:
            case "response.output_item.added":
                assert place == len(open_items) + len(done)
                open_items[place] = ""
            case "response.output_item.done":
                said = open_items.pop(place)
                content = frame["item"].get("content")
                assert said == (content[0]["text"] if content else frame["item"]["arguments"])
                done[place] = frame["item"]
            case _ if "delta" in frame:
                open_items[place] += frame["delta"]
    assert not open_items
    items = [done[place] for place in sorted(done)]
    assert len({item["id"] for item in items}) == len(items)
    output = frames[-1]["response"]["output"]
    assert output == items[len(items) - len(output) :]


def test_a_lost_log_gives_no_number_again() -> None:
    """It is restored as one reset that covers more offsets than anybody has seen."""
    seen = last_number(entries_of([STARTED, *[Delta("x" * 1000)] * 50]))
    restored = [Entry(1, 1, STARTED), Entry(2, 1_000_051, Reset(1, "It was lost.", "kept"))]
    frames = read(ResponseFrames(RESPONSE, after=seen).feed(restored))
    assert [frame["type"] for frame in frames] == [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
    ]
    assert frames[-1]["delta"] == "kept"


if __name__ == "__main__":
    for name, log in LOGS.items():
        path = GOLDEN / f"{name.replace(' ', '_')}.txt"
        path.write_bytes(frames_of(RESPONSE, entries_of(log), ended_at=AT))
