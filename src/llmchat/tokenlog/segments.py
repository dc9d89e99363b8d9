"""How events become rows: a run of deltas is one row that grows, so a replay reads few rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from llmchat.events import Channel, Delta, Entry, Event, from_json, to_json

SEGMENT_EVENTS = 64
_SEGMENT_CHARS = 2048


@dataclass(slots=True)
class Segment:
    """One row. `channel` None: the body is one event as JSON. Else the body is the texts of the
    deltas `first` to `last`, each a JSON string, with commas between: it grows by appending."""

    first: int
    last: int
    channel: Channel | None
    body: str


@dataclass(slots=True)
class OpenSegment:
    """The row of a log that can still grow."""

    first: int
    channel: Channel
    events: int
    chars: int

    def takes(self, channel: Channel) -> bool:
        return (
            self.channel == channel and self.events < SEGMENT_EVENTS and self.chars < _SEGMENT_CHARS
        )


@dataclass(slots=True)
class Growth:
    """What to write for one append: rows to add, and at most one older row to grow first."""

    added: list[Segment]
    grown: Segment | None
    open: OpenSegment | None


def grow(open_segment: OpenSegment | None, events: Iterable[Event], at: int) -> Growth:
    """Lay `events` out at the offsets `at`, … behind `open_segment`."""
    growth = Growth([], None, open_segment)
    for offset, event in enumerate(events, at):
        if isinstance(event, Delta) and event.bare:
            _lay_delta(growth, offset, event)
        else:
            growth.open = None
            growth.added.append(Segment(offset, offset, None, to_json(event).decode()))
    return growth


def _lay_delta(growth: Growth, offset: int, delta: Delta) -> None:
    body = orjson.dumps(delta.text).decode()
    current = growth.open
    if current is None or not current.takes(delta.channel):
        growth.open = OpenSegment(offset, delta.channel, 1, len(body))
        growth.added.append(Segment(offset, offset, delta.channel, body))
        return
    current.events += 1
    current.chars += len(body)
    # `added` is only not empty when the open row is the last one in it.
    row = growth.added[-1] if growth.added else growth.grown
    if row is None:
        growth.grown = Segment(current.first, offset, current.channel, f",{body}")
    else:
        row.body += f",{body}"
        row.last = offset


def entries_of(
    rows: Iterable[tuple[int, int, str | None, str]], after: int, upto: int
) -> list[Entry]:
    """The entries in `rows` (first, last, channel, body) with offsets above `after`, to `upto`."""
    entries = []
    for first, last, channel, body in rows:
        low, high = max(first, after + 1), min(last, upto)
        if low > high:
            continue
        if channel is None:
            # Never cut at its end: of a reset that covers much, a reader would get two.
            entries.append(Entry(low, last, from_json(body)))
        else:
            delta = _delta(channel, body, low - first, high - first)
            entries.append(Entry(low, high, delta))
    return entries


def _delta(channel: str, body: str, start: int, stop: int) -> Delta:
    texts: Sequence[str] = orjson.loads(f"[{body}]")
    return Delta("".join(texts[start : stop + 1]), cast(Channel, channel))
