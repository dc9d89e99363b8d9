"""Several events as one text: what one append is on a wire between processes."""

from collections.abc import Sequence
from typing import Any

import orjson

from llmchat.events import Delta, Entry, Event, from_json, to_json


def encode(events: Sequence[Event]) -> bytes:
    """A JSON array: a string is a delta of the answer, everything else is the event's object."""
    return b"[" + b",".join([_encode(event) for event in events]) + b"]"


def entries_of(first: int, last: int, payload: bytes) -> list[Entry]:
    """The entries of one append that covers the offsets `first` to `last`. When there are more
    offsets than events, the last event covers the rest."""
    events = [_decode(value) for value in orjson.loads(payload)]
    entries = [Entry(offset, offset, event) for offset, event in enumerate(events, first)]
    if entries[-1].last < last:
        entries[-1] = Entry(entries[-1].first, last, events[-1])
    return entries


def _encode(event: Event) -> bytes:
    if isinstance(event, Delta) and event.channel == "answer" and event.bare:
        return orjson.dumps(event.text)
    return to_json(event)


def _decode(value: Any) -> Event:
    return Delta(value) if isinstance(value, str) else from_json(orjson.dumps(value))
