"""What a log says does not depend on how its events are cut, joined or stored."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

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
    Transcript,
    Usage,
    answerable_calls,
    fold,
    from_json,
    is_terminal,
    join_deltas,
    merge,
    name_of,
    to_json,
    whole_calls,
)
from llmchat.problem import Problem
from tests.contract.following import assert_says
from tests.contract.strategies import bounded, logs, tool_calls

PROBLEM = Problem("invalid", "No", 422, "Not so.", 1.5, "gen_1", [{"loc": ["body"], "msg": "x"}])
EVENTS: dict[str, Event] = {
    "started": Started("gen_1", "msg_1", "demo/echo", 1),
    "delta": Delta("a\x00\u2028😀", "reasoning"),
    "tool_call": ToolCall(0, None, None, '{"a":'),
    "reset": Reset(2, "fallback", "kept"),
    "finished": Finished("stopped", None, Usage(1, 2, 3, 4, 0.1, estimated=True)),
    "failed": Failed("interrupted", PROBLEM),
}


def entries_of(events: Iterable[Event]) -> list[Entry]:
    return [Entry(offset, offset, event) for offset, event in enumerate(events, 1)]


class TestStoredForm:
    @pytest.mark.parametrize("name", EVENTS)
    def test_every_kind_comes_back(self, name: str) -> None:
        event = EVENTS[name]
        assert name_of(event) == name
        assert from_json(to_json(event)) == event

    @bounded
    @given(logs)
    def test_every_event_comes_back(self, events: list[Event]) -> None:
        assert [from_json(to_json(event).decode()) for event in events] == events

    def test_only_the_end_is_terminal(self) -> None:
        terminal = [name for name, event in EVENTS.items() if is_terminal(event)]
        assert terminal == ["finished", "failed"]


class TestMerge:
    @bounded
    @given(logs)
    def test_it_loses_and_doubles_nothing(self, events: list[Event]) -> None:
        merged = merge(entries_of(events))
        assert_says(merged, events)
        assert not any(adjacent(merged))

    @bounded
    @given(logs, st.data())
    def test_it_goes_on_from_what_was_merged(
        self, events: list[Event], data: st.DataObject
    ) -> None:
        entries = entries_of(events)
        cut = data.draw(st.integers(0, len(entries)))
        assert_says(merge([*merge(entries[:cut]), *merge(entries[cut:])]), events)

    def test_nothing_is_nothing(self) -> None:
        assert merge([]) == []


class TestJoin:
    @bounded
    @given(logs)
    def test_it_says_the_same_in_as_few_events_as_there_can_be(self, events: list[Event]) -> None:
        joined = join_deltas(events)
        assert joined == [entry.event for entry in merge(entries_of(events))]
        assert join_deltas(joined) == joined


class TestFold:
    @bounded
    @given(logs)
    def test_it_says_the_same_however_the_log_is_cut(self, events: list[Event]) -> None:
        entries = entries_of(events)
        assert fold(merge(entries)) == fold(entries)

    def test_it_is_the_whole_story(self) -> None:
        call = ToolCall(0, "call_1", "look", "{}")
        assert fold(
            entries_of(
                [
                    EVENTS["started"],
                    Delta("hm ", "reasoning"),
                    Delta("Hello"),
                    call,
                    Delta(" you", "answer"),
                    Delta("ah", "reasoning"),
                    EVENTS["finished"],
                ]
            )
        ) == Transcript(
            last=7,
            answer="Hello you",
            reasoning="hm ah",
            attempt=1,
            tool_calls=[call],
            terminal=Finished("stopped", None, Usage(1, 2, 3, 4, 0.1, estimated=True)),
        )

    def test_a_reset_drops_all_that_was_said(self) -> None:
        before = [EVENTS["started"], Delta("no"), Delta("no", "reasoning"), EVENTS["tool_call"]]
        transcript = fold(entries_of([*before, Reset(2, "fallback", "It "), Delta("is")]))
        assert transcript == Transcript(last=6, answer="It is", attempt=2)

    def test_nothing_is_an_empty_transcript(self) -> None:
        assert fold([]) == Transcript()


def adjacent(entries: Sequence[Entry]) -> Iterable[bool]:
    """Of each two neighbours, whether they are deltas of one channel."""
    for one, other in pairwise(entries):
        yield (
            isinstance(one.event, Delta)
            and isinstance(other.event, Delta)
            and one.event.channel == other.event.channel
        )


class TestAnswerableCalls:
    def test_each_call_has_an_id_of_its_own_and_its_place(self) -> None:
        pieces = [
            ToolCall(3, "same", "b", '{"x"'),
            ToolCall(1, None, "a", ""),
            ToolCall(3, None, None, ":1}"),
            ToolCall(7, "same", None, ""),
            ToolCall(8, "", "d", ""),
        ]
        assert answerable_calls(pieces) == [
            ToolCall(0, "call_0", "a", ""),
            ToolCall(1, "same", "b", '{"x":1}'),
            ToolCall(2, "same_1", "", ""),
            ToolCall(3, "call_3", "d", ""),
        ]

    def test_an_id_that_is_made_up_is_nobody_elses_and_no_longer_than_any(self) -> None:
        pieces = [
            ToolCall(0, None, "a", ""),
            ToolCall(1, "call_0", "b", ""),
            ToolCall(2, "x" * 256, "c", ""),
            ToolCall(3, "x" * 256, "d", ""),
        ]
        ids = [call.id for call in answerable_calls(pieces)]
        assert ids[:3] == ["call_0_1", "call_0", "x" * 256]
        assert len(set(ids)) == 4
        assert all(len(id_) <= 256 for id_ in ids if id_)

    @bounded
    @given(st.lists(tool_calls, max_size=8))
    def test_what_is_answerable_stays_as_it_is(self, pieces: list[ToolCall]) -> None:
        calls = answerable_calls(pieces)
        assert answerable_calls(calls) == calls
        assert len({call.id for call in calls}) == len(calls) == len(whole_calls(pieces))
