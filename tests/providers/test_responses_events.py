"""The events of a Responses stream become ours, and what is none of them is refused."""

from typing import Any

import pytest

from llmchat.errors import (
    ProviderError,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTooLarge,
    UpstreamTruncated,
    UpstreamUnavailable,
)
from llmchat.events import Delta, Finished, ToolCall, Usage
from llmchat.providers.responses_events import MOST_RESPONSE_BYTES, ResponseReader
from llmchat.providers.responses_mark import Mark
from tests.providers.response_events import (
    ID,
    USAGE,
    Json,
    arguments,
    call_added,
    calls,
    completed,
    created,
    event,
    frames,
    message,
    read,
    response,
    text,
    texts,
    whole,
)


def test_the_id_is_given_before_the_first_token() -> None:
    reader = ResponseReader(hide_reasoning=False)
    [first] = frames([created()])
    assert reader.feed(first) == [Delta("", mark="resp_1:0:0:0:0:0")]
    [_, progress] = frames([created(), event("in_progress", response=response())])
    assert reader.feed(progress) is None


def test_text_and_reasoning_are_told_apart_and_marked_at_the_end() -> None:
    reader = ResponseReader(hide_reasoning=False)
    thinking = event("reasoning_text.delta", delta="hm ")
    given = reader.feed(b"".join(frames([created(), thinking, text("Hel"), text("lo")])))
    assert given == [
        Delta(""),
        Delta("hm ", "reasoning"),
        Delta("Hel"),
        Delta("lo", mark="resp_1:3:5:3:0:0"),
    ]


@pytest.mark.parametrize("kind", ["refusal.delta", "output_text.delta"])
def test_a_refusal_is_an_answer(kind: str) -> None:
    _, events = read([created(), event(kind, delta="I cannot."), completed()])
    assert texts(events) == ("I cannot.", "")


def test_the_parts_of_a_summary_are_paragraphs() -> None:
    parts = [
        event("reasoning_summary_part.added", summary_index=0),
        event("reasoning_summary_text.delta", delta="one"),
        event("reasoning_summary_part.added", summary_index=1),
        event("reasoning_summary_text.delta", delta="two"),
    ]
    assert texts(read([created(), *parts])[1]) == ("", "one\n\ntwo")
    assert texts(read([created(), *parts], hide=True)[1]) == ("", "")


def test_hidden_reasoning_is_a_sign_of_work_and_nothing_else() -> None:
    reader = ResponseReader(hide_reasoning=True)
    begin, thinking = frames([created(), event("reasoning_text.delta", delta="hm")])
    reader.feed(begin)
    assert reader.feed(thinking) == []


def test_calls_come_in_pieces_behind_which_is_a_mark() -> None:
    events = [
        created(),
        call_added(0, "call_a", "look"),
        arguments(0, '{"a"'),
        arguments(0, ":1}"),
        call_added(1, "call_b", "hear"),
        arguments(1, "{}"),
    ]
    reader, given = read(events)
    assert given[-1] == Delta("", mark="resp_1:5:0:0:2:2")
    assert calls(given) == [
        ToolCall(0, "call_a", "look", '{"a":1}'),
        ToolCall(1, "call_b", "hear", "{}"),
    ]
    [end] = frames([*events, completed()])[-1:]
    assert reader.feed(end) == [Finished("complete", "tool_calls", None)]


@pytest.mark.parametrize(
    "pieces",
    [
        [call_added(0, "c", "look", '{"a":1}')],
        [
            call_added(0, "c", "look"),
            event("function_call_arguments.done", output_index=0, arguments='{"a":1}'),
        ],
        [
            call_added(0, "c", "look"),
            arguments(0, '{"a":1}'),
            event("function_call_arguments.done", output_index=0, arguments='{"a":1}'),
        ],
    ],
    ids=["at once", "in the end", "in pieces and again in the end"],
)
def test_arguments_come_once_however_they_are_sent(pieces: list[Json]) -> None:
    _, given = read([created(), *pieces, completed()])
    assert calls(given) == [ToolCall(0, "c", "look", '{"a":1}')]


def test_the_end_says_what_it_took() -> None:
    reader, _ = read([created(), text("x"), completed(usage=USAGE)])
    assert reader.end == Finished("complete", "stop", Usage(7, 5, 3, 2))


@pytest.mark.parametrize(
    ("reason", "ours"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), (None, "length")],
)
def test_an_incomplete_answer_says_why(reason: str | None, ours: str) -> None:
    details = reason and {"reason": reason}
    end = event("incomplete", response=response("incomplete", incomplete_details=details))
    reader, given = read([created(), text("x"), end])
    assert given[-1] == reader.end == Finished("complete", ours, None)


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ({"code": "server_error", "message": "oh"}, UpstreamUnavailable),
        ({"code": "rate_limit_exceeded", "message": "oh"}, UpstreamRateLimited),
        ({"code": "invalid_prompt", "message": "oh"}, UpstreamRejected),
        (None, UpstreamUnavailable),
    ],
)
def test_a_failure_is_one_of_ours(end: Json | None, kind: type[ProviderError]) -> None:
    failed = event("failed", response=response("failed", error=end))
    reader, given = read([created(), text("x"), failed])
    assert isinstance(reader.error, kind)
    assert texts(given) == ("x", "")
    if end is not None:
        other, _ = read([created(), {"type": "error", "param": None, **end}])
        assert isinstance(other.error, kind)
        assert "oh" in str(other.error.detail)


def test_a_cancelled_answer_is_broken_off() -> None:
    reader, _ = read([created(), event("cancelled", response=response("cancelled"))])
    assert isinstance(reader.error, UpstreamTruncated)


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([text("no name")], "without naming"),
        ([created(), {**text("x"), "sequence_number": None}], "sequence_number"),
        ([created(), {**text("x"), "sequence_number": -1}], "sequence_number"),
        ([created(), event("created", response={**response(), "id": "resp_2"})], "another"),
        ([event("created", response={**response(), "id": "../models"})], "id"),
        ([event("created", response={**response(), "id": 7})], "id"),
        ([created(), event("output_text.delta", delta=7)], "int"),
        ([created(), event("output_text.delta")], "shape"),
        ([created(), {"type": 7}], "shape"),
        ([created(), arguments(0, "{}")], "no tool call"),
        ([event("created", response=[])], "shape"),
        ([created(), event("completed", response=None)], "shape"),
        ([created(), *(call_added(n, f"c{n}", "f") for n in range(129))], "128"),
    ],
)
def test_what_is_not_the_protocol_is_refused(events: list[Json], says: str) -> None:
    reader, _ = read(events)
    assert isinstance(reader.error, UpstreamMalformed)
    assert says in reader.error.detail


@pytest.mark.parametrize("data", [b"{", b"[]", b"7", b'"x"', b"\xff", b"{" * 100_000])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    reader = ResponseReader(hide_reasoning=False)
    reader.feed(b"data: " + data + b"\n\n")
    assert isinstance(reader.error, UpstreamMalformed)


def test_an_event_has_a_bound() -> None:
    reader = ResponseReader(hide_reasoning=False)
    reader.feed(b"data: " + b"x" * MOST_RESPONSE_BYTES)
    assert isinstance(reader.error, UpstreamTooLarge)


def test_the_marker_at_the_end_says_nothing() -> None:
    reader, _ = read([created(), text("x")])
    assert reader.feed(b"data: [DONE]\n\n") is None
    assert not reader.over


def test_behind_the_end_nothing_is_read() -> None:
    reader, given = read([created(), text("x"), completed(), text("y")])
    assert texts(given) == ("x", "")
    assert isinstance(reader.end, Finished)


def test_a_whole_response_gives_what_is_beyond_the_mark() -> None:
    thought = {"type": "reasoning", "summary": [{"text": "one"}, {"text": "two"}]}
    reader = ResponseReader(hide_reasoning=False, mark=Mark(ID, 9, answer=3, reasoning=4))
    given = list(reader.take_whole(whole(thought, message("Hello", " there"), usage=USAGE)) or ())
    assert texts(given) == ("lo there", "\ntwo")
    assert given[-1] == Finished("complete", "stop", Usage(7, 5, 3, 2))


def test_a_whole_response_gives_the_rest_of_its_calls() -> None:
    items = [
        {"type": "function_call", "call_id": f"c{n}", "name": "f", "arguments": f'{{"n":{n}}}'}
        for n in range(3)
    ]
    reader = ResponseReader(hide_reasoning=False, mark=Mark(ID, 9, calls=2, arguments=4))
    given = list(reader.take_whole(whole(*items)) or ())
    assert given == [
        ToolCall(1, None, None, ":1}"),
        ToolCall(2, "c2", "f", '{"n":2}'),
        Finished("complete", "tool_calls", None),
    ]


def test_a_response_that_goes_on_says_only_its_name() -> None:
    reader = ResponseReader(hide_reasoning=False)
    assert reader.take_whole(whole(message("Hel"), status="in_progress")) == [
        Delta("", mark="resp_1:-1:0:0:0:0")
    ]
    assert reader.take_whole(whole(message("Hello"), status="in_progress")) is None
    assert texts(reader.take_whole(whole(message("Hello"))) or ()) == ("Hello", "")


@pytest.mark.parametrize(
    "object_", [whole(message("H")), whole(status="odd"), {"object": "list"}, [], 7, None]
)
def test_an_object_that_does_not_fit_is_refused(object_: Any) -> None:
    reader = ResponseReader(hide_reasoning=False, mark=Mark(ID, 9, answer=3))
    reader.take_whole(object_)
    assert isinstance(reader.error, UpstreamMalformed | UpstreamRejected)
