"""The reader of the custom model's frames, whatever comes: only errors of ours, and one end."""

import json
from dataclasses import astuple
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.errors import ProviderError, UpstreamTruncated
from llmchat.events import Delta, Finished
from llmchat.providers.base import ProviderEvent
from llmchat.providers.websocket_dialect import Dialect, find, put
from llmchat.providers.websocket_frames import FrameReader
from llmchat.text import clean

PLAIN = Dialect()
NESTED = Dialect(
    delta="choices.0.delta.content",
    response="data.answer",
    reasoning="choices.0.delta.thought",
    tool_calls="choices.0.delta.calls",
    finish_reason="choices.0.why",
    done="data.done",
    tokens="usage.total",
    input_tokens="usage.in",
    output_tokens="usage.out",
    error="data.error",
    error_code="data.error.code",
    error_message="data.error.0",
    retry_after="data.error.wait",
)
NAMES = sorted({name for d in (PLAIN, NESTED) for path in astuple(d) for name in path.split(".")})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
frames = (
    st.dictionaries(st.sampled_from(NAMES), json_values, max_size=6).map(
        lambda frame: json.dumps(frame).encode()
    )
    | st.binary(max_size=40)
    | json_values.map(lambda value: json.dumps(value).encode())
)


def read(reader: FrameReader, messages: list[bytes]) -> list[ProviderEvent]:
    events = [event for message in messages for event in reader.feed(message)]
    return events + reader.end()


@given(
    st.lists(frames, max_size=8),
    st.sampled_from([PLAIN, NESTED]),
    st.booleans(),
    st.booleans(),
)
def test_whatever_comes_is_an_answer_or_an_error_of_ours(
    messages: list[bytes], dialect: Dialect, streams: bool, hide: bool
) -> None:
    reader = FrameReader(dialect, streams=streams, hide_reasoning=hide)
    events = read(reader, messages)

    ends = [event for event in events if isinstance(event, Finished)]
    assert isinstance(reader.error, ProviderError) is (ends == [])
    assert ends in ([], events[-1:])
    texts = [event.text for event in events if isinstance(event, Delta)]
    assert all(text and clean(text) == text for text in texts)
    if hide:
        assert all(event.channel == "answer" for event in events if isinstance(event, Delta))


@given(st.text(), st.lists(st.integers(0, 40), max_size=6), st.sampled_from(["delta", "token"]))
def test_a_text_is_the_same_in_any_pieces(text: str, cuts: list[int], style: str) -> None:
    """Also where a piece ends between the two halves of a character."""
    halves = text.encode("utf-16-le", "surrogatepass")
    places = [0, *sorted(2 * cut for cut in cuts), len(halves)]
    pieces = [
        halves[begin:end].decode("utf-16-le", "surrogatepass") for begin, end in pairwise(places)
    ]
    messages = [json.dumps({style: piece}).encode() for piece in pieces]
    last = json.dumps({"done": True, "response": text}).encode() if text else b'{"done": true}'
    events = read(FrameReader(PLAIN, streams=True, hide_reasoning=False), [*messages, last])

    assert "".join(event.text for event in events if isinstance(event, Delta)) == clean(text)
    assert events[-1] == Finished("complete", "stop")


def test_without_a_word_of_its_end_an_answer_is_cut_off() -> None:
    reader = FrameReader(PLAIN, streams=True, hide_reasoning=False)
    assert read(reader, [b'{"delta": "Hi"}']) == [Delta("Hi")]
    assert isinstance(reader.error, UpstreamTruncated)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a", {"b": [1, {"c": 2}]}),
        ("a.b.1.c", 2),
        ("a.b.0", 1),
        ("a.b.2", None),
        ("a.b.x", None),
        ("a.b.0.c", None),
        ("x.y", None),
        ("", None),
    ],
)
def test_a_path_finds_what_is_there(path: str, found: Any) -> None:
    assert find({"a": {"b": [1, {"c": 2}]}}, path) == found


def test_a_path_makes_its_way_and_changes_nothing_of_others() -> None:
    theirs = {"b": 1}
    frame: dict[str, Any] = {"a": theirs, "x": 1}
    for path, value in (("a.c.d", 2), ("x.y", 3), ("z", 4), ("", 5)):
        put(frame, path, value)
    assert frame == {"a": {"b": 1, "c": {"d": 2}}, "x": {"y": 3}, "z": 4}
    assert theirs == {"b": 1}
