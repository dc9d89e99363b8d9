"""Wherever a reading is broken, an answer is read once, and whole."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.errors import ProviderError, UpstreamTruncated
from llmchat.events import Delta, Finished
from llmchat.providers.base import ProviderEvent
from llmchat.providers.responses_events import ResponseReader
from llmchat.providers.responses_mark import Mark
from llmchat.text import clean
from tests.providers.response_events import (
    USAGE,
    Json,
    arguments,
    call_added,
    calls,
    completed,
    created,
    event,
    frames,
    read,
    text,
    texts,
    whole,
)

PIECES = st.one_of(
    st.builds(text, st.text("ab\ud83d\ude00\0é漢😀", max_size=3)),
    st.builds(
        lambda delta: event("reasoning_text.delta", delta=delta),
        st.text("cd\ud83d\ude00", max_size=3),
    ),
    st.just(event("reasoning_summary_part.added")),
    st.just(event("content_part.added")),
    st.just(event("no_such_event", delta=7)),
    st.builds(lambda delta: ("arguments", delta), st.text('{"}\ud83d\ude00', max_size=3)),
    st.just(("call", "")),
)


def output(pieces: Sequence[Any]) -> list[Json]:
    """A stream with these pieces; calls are numbered, and arguments are of the last one."""
    events, called = [created()], 0
    for piece in pieces:
        match piece:
            case ("call", _):
                events.append(call_added(called, f"call_{called}", "look"))
                called += 1
            case ("arguments", delta):
                if called:
                    events.append(arguments(called - 1, delta))
            case _:
                events.append(piece)
    return [*events, completed(usage=USAGE)]


@given(st.lists(PIECES, max_size=30), st.data(), st.booleans(), st.booleans())
def test_wherever_it_breaks_it_is_the_same_answer(
    pieces: list[Any], data: st.DataObject, heeds_the_cursor: bool, hide: bool
) -> None:
    """Read by connections that break at any byte, by processes that die between any two batches,
    from a server that replays from the cursor, or everything."""
    events = output(pieces)
    _, expected = read(events, hide=hide)
    got: list[ProviderEvent] = []
    reader, mark = ResponseReader(hide_reasoning=hide), None
    for _ in range(data.draw(st.integers(0, 4))):
        stream = b"".join(frames(events, after=_cursor(reader, heeds_the_cursor)))
        upto = data.draw(st.integers(0, len(stream)))
        reader.connect()
        mark = _feed(reader, stream[:upto], data, got) or mark
        if reader.over:
            break
        if data.draw(st.booleans()) and mark is not None:
            reader = ResponseReader(hide_reasoning=hide, mark=Mark.read(mark))
    if not reader.over:
        reader.connect()
        _feed(reader, b"".join(frames(events, after=_cursor(reader, heeds_the_cursor))), data, got)
    assert reader.error is None
    assert texts(got) == texts(expected)
    assert calls(got) == calls(expected)
    assert [it for it in got if isinstance(it, Finished)] == [reader.end]
    assert clean("".join(texts(got))) == "".join(texts(got))


def _cursor(reader: ResponseReader, heeds: bool) -> int:
    return reader.place.sequence if heeds and reader.place is not None else -1


def _feed(
    reader: ResponseReader, stream: bytes, data: st.DataObject, got: list[ProviderEvent]
) -> str | None:
    """The last mark of what was given."""
    mark = None
    while stream:
        size = data.draw(st.integers(1, 400))
        batch = reader.feed(stream[:size])
        stream = stream[size:]
        got += batch or ()
        if batch:
            last = batch[-1]
            assert isinstance(last, Finished) or (isinstance(last, Delta) and last.mark)
            mark = last.mark if isinstance(last, Delta) else mark
    return mark


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KINDS = st.sampled_from(
    [
        *("created", "completed", "incomplete", "failed", "cancelled", "output_item.added"),
        *("output_text.delta", "function_call_arguments.delta", "function_call_arguments.done"),
    ]
)
MEMBERS = st.sampled_from(["response", "delta", "item", "output_index", "arguments", "error"])
ARBITRARY = st.builds(
    lambda kind, members: event(kind, **members), KINDS, st.dictionaries(MEMBERS, JSON, max_size=4)
)


@given(st.lists(ARBITRARY, max_size=6), JSON)
def test_whatever_a_server_sends_is_an_event_or_one_of_our_errors(
    events: list[Json], object_: Any
) -> None:
    reader, given_ = read([created(), *events])
    assert clean("".join(texts(given_))) == "".join(texts(given_))
    reader.take_whole(whole(*(object_ if isinstance(object_, list) else [object_])))
    assert reader.error is None or isinstance(reader.error, ProviderError)


@pytest.mark.parametrize("between", [[], [event("output_text.done")]])
def test_half_a_character_is_never_left_behind(between: list[Json]) -> None:
    """A process that dies between the halves: neither is lost, and nothing comes twice."""
    halves = [text("a\ud83d"), *between, text("\ude00b"), text("\ud83d"), completed()]
    events = [created(), *halves]
    for dies_after in range(1, len(events)):
        got: list[ProviderEvent] = []
        first = ResponseReader(hide_reasoning=False)
        mark = None
        for frame in frames(events)[:dies_after]:
            batch = first.feed(frame)
            got += batch or ()
            if batch and isinstance(batch[-1], Delta):
                mark = batch[-1].mark
        assert mark is not None
        second = ResponseReader(hide_reasoning=False, mark=Mark.read(mark))
        assert second.place is not None
        got += second.feed(b"".join(frames(events, after=second.place.sequence))) or ()
        assert texts(got) == ("a😀b\ufffd", "")


@given(st.text(max_size=30))
def test_a_mark_is_read_strictly(tail: str) -> None:
    mark = Mark("resp_a-B", 17, 120, 3, 1, 2)
    assert Mark.read(str(mark)) == mark
    for wrong in (tail, f"{mark}x{tail}", f"{mark}\n", str(mark).replace(":17", ":017")):
        with pytest.raises(UpstreamTruncated, match="read on"):
            Mark.read(wrong)
