"""A prompt that no server has to refuse, whatever became of the calls in the history."""

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.chat.context import build_prompt
from llmchat.chat.saying import sayings
from llmchat.domain import Image, Message, Params, Part, Role, Status
from llmchat.events import ToolCall
from llmchat.ids import ConversationId, MessageId
from llmchat.prompts import PromptMessage
from tests.contract.clocks import SetTime
from tests.contract.strategies import bounded, texts

IMAGE = Image("data:image/png;base64,iVBORw0KGgo=", "low")
WEATHER = ToolCall(0, "call_a", "weather", '{"city": "Zürich"}')
CLOCK = ToolCall(1, "call_b", "clock", "{}")


def message(
    role: Role,
    content: str = "",
    *,
    parts: Sequence[Part] = (),
    calls: Sequence[ToolCall] = (),
    of: str | None = None,
) -> Message:
    return Message(
        id=MessageId("msg_1"),
        conversation_id=ConversationId("conv_1"),
        parent_id=None,
        role=role,
        content=content,
        reasoning="never shown",
        status=Status.COMPLETE,
        model=None,
        generation_id=None,
        usage=None,
        error=None,
        siblings=(),
        created_at=SetTime().now(),
        parts=parts,
        tool_calls=calls,
        tool_call_id=of,
    )


def asked() -> Message:
    return message(Role.USER, "How warm is it?")


def calling(*calls: ToolCall, content: str = "") -> Message:
    return message(Role.ASSISTANT, content, calls=calls)


def result(of: str, content: str = "21 °C") -> Message:
    return message(Role.TOOL, content, of=of)


ASKED = PromptMessage(Role.USER, "How warm is it?")


def called(*calls: ToolCall, content: str = "") -> PromptMessage:
    return PromptMessage(Role.ASSISTANT, content, tool_calls=calls)


def came(of: str, content: str = "21 °C") -> PromptMessage:
    return PromptMessage(Role.TOOL, content, tool_call_id=of)


def test_calls_without_text_and_empty_results_are_said() -> None:
    branch = [asked(), calling(WEATHER, CLOCK), result("call_b", ""), result("call_a")]

    assert sayings(branch) == [ASKED, called(WEATHER, CLOCK), came("call_b", ""), came("call_a")]


def test_images_are_said_in_their_place_and_without_empty_texts() -> None:
    (said,) = sayings([message(Role.USER, "ab", parts=["a", IMAGE, "", "b"])])
    assert (said.content, said.parts) == ("ab", ("a", IMAGE, "b"))
    (alone,) = sayings([message(Role.USER, "", parts=[IMAGE])])
    assert (alone.content, alone.parts) == ("", (IMAGE,))


def test_calls_that_nobody_answered_are_left_out_and_the_text_stays() -> None:
    assert sayings([asked(), calling(WEATHER, content="Let me see."), asked()]) == [
        ASKED,
        called(content="Let me see."),
        ASKED,
    ]
    assert sayings([asked(), calling(WEATHER), asked()]) == [ASKED, ASKED]


def test_of_calls_that_were_answered_in_part_those_stay() -> None:
    branch = [asked(), calling(WEATHER, CLOCK), result("call_b")]

    assert sayings(branch) == [ASKED, called(CLOCK), came("call_b")]


def test_results_without_their_call_are_left_out() -> None:
    branch = [result("call_a"), asked(), result("call_a"), calling(CLOCK), result("call_a")]

    assert sayings(branch) == [ASKED]


def test_an_id_belongs_to_the_message_before_it() -> None:
    """Some servers count anew in each answer."""
    other = ToolCall(0, "call_a", "clock", "{}")
    branch = [calling(WEATHER), result("call_a", "one"), calling(other), result("call_a", "two")]

    assert sayings(branch) == [
        called(WEATHER),
        came("call_a", "one"),
        called(other),
        came("call_a", "two"),
    ]


def test_a_call_is_answered_once() -> None:
    branch = [calling(WEATHER), result("call_a", "one"), result("call_a", "two")]

    assert sayings(branch) == [called(WEATHER), came("call_a", "one")]


def test_a_call_without_a_name_is_nothing_that_can_be_said() -> None:
    assert sayings([calling(ToolCall(0, "call_a", "", "")), result("call_a")]) == []


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ('{"a":  1}', '{"a":  1}'),
        ("", "{}"),
        ('{"city": "Zür', '{"arguments":"{\\"city\\": \\"Zür"}'),
        ("[1]", '{"arguments":"[1]"}'),
        ('{"a": NaN}', '{"arguments":"{\\"a\\": NaN}"}'),
        ("[" * 100_000, '{"arguments":"' + "[" * 100_000 + '"}'),
    ],
    ids=["an object", "nothing", "broken off", "a list", "no JSON", "deep"],
)
def test_arguments_are_an_object_that_every_server_can_read(arguments: str, sent: str) -> None:
    said, _ = sayings([calling(ToolCall(0, "call_a", "f", arguments)), result("call_a")])

    assert said.tool_calls[0].arguments == sent


def test_a_prompt_has_all_of_it() -> None:
    branch = [asked(), calling(WEATHER), result("call_a")]
    prompt = build_prompt("echo", "Be brief.", branch, Params(), budget_tokens=1000, count=len)

    assert prompt.messages[1:] == [ASKED, called(WEATHER), came("call_a")]
    assert "never shown" not in str(prompt)


ids = st.sampled_from(("call_a", "call_b", "call_c"))
calls = st.builds(ToolCall, st.just(0), ids, st.sampled_from(("weather", "")), texts)
messages = st.one_of(
    st.builds(lambda text: message(Role.USER, text), texts),
    st.builds(
        lambda text, made: message(Role.ASSISTANT, text, calls=made),
        texts,
        st.lists(calls, max_size=3, unique_by=lambda call: call.id),
    ),
    st.builds(lambda id_, text: message(Role.TOOL, text, of=id_), ids, texts),
)


@bounded
@given(st.lists(messages, max_size=12))
def test_whatever_the_history_every_call_is_answered_and_every_result_called_for(
    branch: list[Message],
) -> None:
    open_calls: list[str | None] = []
    for said in sayings(branch):
        if said.role is Role.TOOL:
            assert said.tool_call_id in open_calls
            open_calls.remove(said.tool_call_id)
            continue
        assert open_calls == []
        assert said.content or said.tool_calls
        for call in said.tool_calls:
            assert isinstance(orjson.loads(call.arguments), dict)
        open_calls = [call.id for call in said.tool_calls]
    assert open_calls == []
