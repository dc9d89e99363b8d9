"""The parser against the standard, read literally, over every way to cut the bytes."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmchat.errors import UpstreamTooLarge
from llmchat.providers.sse import MOST_EVENT_BYTES, EventParser

BOM = b"\xef\xbb\xbf"
LINE_END = re.compile(rb"\r\n|\n|\r")


def reference(stream: bytes) -> list[tuple[bytes, bytes]]:
    """The standard's own steps: lines, fields, and an event at each blank line."""
    *lines, _unfinished = LINE_END.split(stream.removeprefix(BOM))
    events, name, data = [], b"", b""
    for line in lines:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if line == b"":
            if data:
                events.append((name, data.removesuffix(b"\n")))
            name, data = b"", b""
        elif field == b"event":
            name = value
        elif field == b"data":
            data += value + b"\n"
    # An event whose data is nothing but one empty line is none either.
    return [(name, data) for name, data in events if data]


def parse(pieces: list[bytes]) -> list[tuple[bytes, bytes]]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    ends = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(ends)]


LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
TEXTS = st.sampled_from(
    [b"", b" ", b"x", b"  two", b'{"a":1}', "é漢😀\u2028\u0085".encode(), b"\xff", b":", BOM]
)
FIELDS = st.sampled_from([b"data: ", b"data:", b"data", b"event: ", b"event:", b": ", b"id: ", b""])
LINES = st.builds(lambda *parts: b"".join(parts), FIELDS, TEXTS, LINE_ENDS)
FRAMES = TEXTS.map(lambda text: b"data: " + text + b"\n\n")
STREAMS = st.builds(
    lambda bom, parts, rest: bom + b"".join(parts) + rest,
    st.sampled_from([b"", BOM, BOM[:2]]),
    st.lists(LINES | FRAMES | LINE_ENDS, max_size=20),
    TEXTS,
)


@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=12))
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", list(range(24)))
@example(b"data: a\r\rdata: b\r\r", [8, 9])
@example(BOM + b"data: a\n\n", [1, 2, 3])
def test_any_cutting_gives_the_events_of_the_standard(stream: bytes, places: list[int]) -> None:
    assert parse(cut(stream, places)) == reference(stream)


@given(STREAMS)
def test_byte_by_byte_gives_the_same_as_at_once(stream: bytes) -> None:
    assert parse([stream[place : place + 1] for place in range(len(stream))]) == parse([stream])


def test_an_event_is_not_held_back_for_what_may_follow_its_last_cr() -> None:
    assert parse([b"data: a\r\r"]) == [(b"", b"a")]


def test_separators_of_other_standards_end_no_line() -> None:
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg".encode()
    assert parse([b"data: " + text + b"\n\n"]) == [(b"", text)]


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("piece_bytes", [997, 65_536, 2**21])
def test_the_bound_is_of_one_event_and_not_of_all(line_end: bytes, piece_bytes: int) -> None:
    event = b"data: " + b"x" * 100_000 + line_end * 2
    stream = event * 15
    pieces = [stream[at : at + piece_bytes] for at in range(0, len(stream), piece_bytes)]

    assert parse(pieces) == [(b"", b"x" * 100_000)] * 15


@pytest.mark.parametrize(
    "piece",
    [b"x" * 65_536, b"data: " + b"x" * 10_000 + b"\n", b"data:\n" * 10_000, b"event: x\n" * 9_999],
    ids=["a line", "lines", "short lines", "names"],
)
def test_nothing_that_is_kept_is_without_a_bound(piece: bytes) -> None:
    with pytest.raises(UpstreamTooLarge):
        parse([piece] * (2 * MOST_EVENT_BYTES // len(piece) + 1))


def test_comments_may_go_on_for_ever() -> None:
    parser = EventParser()
    for _ in range(MOST_EVENT_BYTES // 10_000 * 2):
        assert not parser.feed(b": " + b"x" * 10_000 + b"\n")
    assert parser.feed(b"data: a\n\n") == [(b"", b"a")]
