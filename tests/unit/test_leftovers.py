"""What a dead process has used up, as its log tells."""

from llmchat.chat.leftovers import _texts_since
from llmchat.events import Delta, Entry, Event, Reset, Started, ToolCall

BEGIN = Started("gen_1", "msg_1", "a/b", 1)


def entries(*events: Event) -> list[Entry]:
    return [Entry(offset, offset, event) for offset, event in enumerate((BEGIN, *events), 1)]


def test_each_time_that_it_was_begun_anew_counts() -> None:
    log = entries(Delta("hm", "reasoning"), Delta("one"), Reset(2, "fell back", ""), Delta("two"))
    assert _texts_since(log, 1) == [("one", "hm"), ("two", "")]


def test_what_an_earlier_attempt_said_was_counted_then() -> None:
    log = entries(Delta("one"), Reset(2, "died", ""), Delta("two"))
    assert _texts_since(log, 3) == [("two", "")]
    assert _texts_since(log, 2) == [("two", "")]


def test_a_log_that_was_restored_is_one_attempt() -> None:
    assert _texts_since(entries(Reset(1, "lost", "kept"), Delta(" more")), 1) == [("kept more", "")]


def test_calls_of_tools_are_output_as_well() -> None:
    log = entries(ToolCall(0, "c", "weather", "{"), ToolCall(0, None, None, "}"))
    assert _texts_since(log, 1) == [("weather{}", "")]


def test_of_nothing_there_is_still_the_question() -> None:
    assert _texts_since([], 1) == [("", "")]
