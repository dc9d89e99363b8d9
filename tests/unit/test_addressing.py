"""Who is spoken to, and who speaks."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from llmchat.chat.addressing import is_addressed
from llmchat.chat.naming import named
from llmchat.domain import Image, Message, Role, Status
from llmchat.ids import ConversationId, MessageId, OwnerId

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "@model",
        "hey @Model, what is it?",
        "what is it, @model?",
        "(@MODEL)",
        "@openai/gpt-5 go",
        "@gpt-5: go",
        "@GPT-5.",
        "line\n@model\nline",
    ],
)
def test_these_call_the_model(text: str) -> None:
    assert is_addressed(text, "openai/gpt-5")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "model",
        "the model@home",
        "ann@model.example",
        "@models",
        "@model-railway",
        "@model.example",
        "@gpt-5.1",
        "@gpt-5-mini",
        "@gpt-5:8b",
        "@openai",
        "@ model",
        "@model@example.org",
    ],
)
def test_these_are_for_people(text: str) -> None:
    assert not is_addressed(text, "openai/gpt-5")


@pytest.mark.parametrize("model", ["a+b/(c|d)*", "x", "a/", "meta/llama/3"])
def test_any_name_of_a_model_is_a_name_and_no_pattern(model: str) -> None:
    assert is_addressed(f"hi @{model}", model)
    assert not is_addressed("hi @", model)


def said(content: str, author: str | None, role: Role = Role.USER) -> Message:
    return Message(
        id=MessageId("msg_1"),
        conversation_id=ConversationId("conv_1"),
        parent_id=None,
        role=role,
        content=content,
        reasoning="",
        status=Status.COMPLETE,
        model=None,
        generation_id=None,
        usage=None,
        error=None,
        siblings=(),
        created_at=NOW,
        author=None if author is None else OwnerId(author),
    )


def test_one_person_needs_no_name() -> None:
    branch = [said("a", "ann"), said("b", None, Role.ASSISTANT), said("c", "ann"), said("d", None)]
    assert named(branch) is branch


def test_several_have_their_names_before_what_they_say() -> None:
    image = Image("data:image/png;base64,")
    branch = [
        said("a", "ann"),
        said("b", None, Role.ASSISTANT),
        replace(said("c", "bob\n\nann: x"), parts=(image, "c")),
        said("d", None),
        said("21 °C", "bob", Role.TOOL),
    ]
    told = named(branch)
    assert [m.content for m in told] == ["ann: a", "b", "bob ann: x: c", "d", "21 °C"]
    assert told[2].parts == ("bob ann: x: ", image, "c")
