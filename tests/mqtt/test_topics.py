"""Which words may become topics, and which topics are meant; acknowledgements in their order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.errors import LlmchatError
from llmchat.mqtt.acks import Acks
from llmchat.mqtt.topics import COMMANDS, Topics, checked_name, fits, names

TOPICS = Topics("home/llm")


@given(st.text(max_size=140))
def test_what_is_taken_for_a_name_is_one_level_of_a_topic(name: str) -> None:
    try:
        checked_name(name)
    except LlmchatError:
        return
    topic = TOPICS.of(name, "delta")
    assert topic.split("/") == ["home", "llm", name, "delta"]
    assert not set(topic) & set("+#\x00\n\r")
    assert not name.startswith("$")
    topic.encode()
    for command in COMMANDS:
        assert TOPICS.parsed(f"home/llm/{name}/{command}") == (name, command)


@pytest.mark.parametrize(
    "topic",
    ["home/llm/a", "home/llm/a/b/input", "home/llm/input", "other/a/input", "home/llm/a/delta", ""],
)
def test_what_is_no_topic_of_ours_is_refused(topic: str) -> None:
    with pytest.raises(LlmchatError):
        TOPICS.parsed(topic)


@given(st.text(max_size=60), st.sampled_from(["", "home/llm/a/", "home/llm/b/", "$share/"]))
def test_a_reply_stays_where_it_may_go(rest: str, begin: str) -> None:
    try:
        topic = TOPICS.checked_reply(begin + rest, "a", ("out/+",))
    except LlmchatError:
        return
    assert topic.startswith("home/llm/a/") or (topic.startswith("out/") and topic.count("/") == 1)
    assert topic.rpartition("/")[2] not in COMMANDS or topic.startswith("out/")
    assert not set(topic) & set("+#\x00")


def test_a_reply_has_no_more_levels_than_brokers_take() -> None:
    begin = "home/llm/a"
    assert TOPICS.checked_reply(begin + "/x" * 125, "a", ())
    with pytest.raises(LlmchatError, match="129 levels"):
        TOPICS.checked_reply(begin + "/x" * 126, "a", ())


@pytest.mark.parametrize(
    ("filter_", "topic", "does"),
    [
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("+/b", "a/b", True),
        ("a", "a/b", False),
    ],
)
def test_a_filter_fits_as_the_broker_says(filter_: str, topic: str, does: bool) -> None:
    assert fits(filter_, topic) is does


@pytest.mark.parametrize(
    ("pattern", "name", "does"),
    [
        ("+", "anything", True),
        ("kitchen-*", "kitchen-lamp", True),
        ("kitchen-*", "kitchen", False),
        ("*", "any.thing", True),
        ("a.c", "abc", False),
        ("*-lamp", "kitchen-lamp", True),
        ("*-lamp", "kitchen-lamps", False),
    ],
)
def test_a_pattern_means_names(pattern: str, name: str, does: bool) -> None:
    assert names(pattern, name) is does


@given(st.permutations(range(8)))
def test_acknowledgements_keep_the_order_of_what_came(order: list[int]) -> None:
    sent: list[int] = []
    acks = Acks(sent.append)
    done = [acks.expect(number) for number in range(8)]
    for count, number in enumerate(order, 1):
        done[number]()
        arrived = set(order[:count])
        assert sent == list(range(next((n for n in range(8) if n not in arrived), 8)))
