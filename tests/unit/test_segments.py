"""A log laid out in rows says what its events say, from any offset to any other."""

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from llmchat.events import Delta, Event, Started
from llmchat.tokenlog.segments import SEGMENT_EVENTS, OpenSegment, Segment, entries_of, grow
from tests.contract.following import assert_says, tokens
from tests.contract.strategies import bounded, logs

STARTED = Started("gen_1", "msg_1", "demo/echo", 1)
_MOST_BODY_CHARS = 4096


class Rows:
    """The table, as the log file keeps it."""

    def __init__(self) -> None:
        self.segments: dict[int, Segment] = {}
        self.open: OpenSegment | None = None
        self.last = 0

    def append(self, events: Sequence[Event]) -> int:
        """How many rows it touched."""
        growth = grow(self.open, events, self.last + 1)
        for segment in growth.added:
            assert segment.first not in self.segments
            self.segments[segment.first] = segment
        if (grown := growth.grown) is not None:
            older = self.segments[grown.first]
            assert older.channel == grown.channel
            older.body += grown.body
            older.last = grown.last
        self.open = growth.open
        self.last += len(events)
        return len(growth.added) + (growth.grown is not None)

    def all(self) -> Iterable[tuple[int, int, str | None, str]]:
        return [(row.first, row.last, row.channel, row.body) for row in self.segments.values()]


@bounded
@given(logs, st.data())
def test_rows_say_what_the_events_say(events: list[Event], data: st.DataObject) -> None:
    rows, left = Rows(), list(events)
    while left:
        size = data.draw(st.integers(1, len(left)))
        rows.append(left[:size])
        del left[:size]
        if data.draw(st.booleans()):
            rows.open = None  # The process was restarted.

    assert_says(entries_of(rows.all(), 0, len(events)), events)
    after = data.draw(st.integers(0, len(events)))
    upto = data.draw(st.integers(after, len(events)))
    assert_says(entries_of(rows.all(), after, upto), events[:upto], after=after)


def test_a_token_at_a_time_fills_few_rows() -> None:
    rows = Rows()
    for event in [STARTED, *tokens(1000)]:
        assert rows.append([event]) == 1
    assert len(rows.segments) <= 2 + 1000 // SEGMENT_EVENTS


def test_a_row_ends_where_it_was_promised_to() -> None:
    rows = Rows()
    for event in tokens(10 * SEGMENT_EVENTS):
        rows.append([event])
    rows.append(tokens(10 * SEGMENT_EVENTS))
    assert max(last - first + 1 for first, last, _, _ in rows.all()) == SEGMENT_EVENTS


def test_long_texts_fill_a_row_sooner() -> None:
    rows = Rows()
    for _ in range(100):
        rows.append([Delta("long " * 100)])
    assert max(len(body) for _, _, _, body in rows.all()) <= _MOST_BODY_CHARS


def test_another_channel_begins_another_row() -> None:
    rows = Rows()
    rows.append([Delta("a"), Delta("b", "reasoning"), Delta("c", "reasoning"), Delta("d")])
    assert [(row.first, row.last, row.channel) for row in rows.segments.values()] == [
        (1, 1, "answer"),
        (2, 3, "reasoning"),
        (4, 4, "answer"),
    ]
