"""A prompt in the words of the Responses API."""

import base64
from typing import Any

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import TypeAdapter

from llmchat.domain import Image, Params, Role
from llmchat.errors import UpstreamRejected
from llmchat.events import ToolCall
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.responses_body import body_of_prompt
from tests.providers.asking import SAID
from tests.providers.asking import prompt as asked

PIXEL = "data:image/png;base64," + base64.b64encode(b"png").decode()
FUNCTION = {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}
SCHEMA = {"name": "city", "schema": {"type": "object"}, "strict": True}
PARAMS: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsStreaming)


def body(prompt: Prompt, *, effort: str | None = None) -> dict[str, Any]:
    """Every one is what the openai client's own types allow."""
    made = body_of_prompt(prompt, skips_thinking_by=effort)
    PARAMS.validate_python(made)
    return made


def body_with(effort: str | None = None, **params: Any) -> dict[str, Any]:
    return body(asked("gpt-9", Params(**params)), effort=effort)


def test_a_question_alone() -> None:
    assert body_with() == {
        "model": "gpt-9",
        "input": [{"role": "user", "content": SAID}],
        "stream": True,
        "background": True,
        "store": True,
    }


def test_params_have_other_names() -> None:
    made = body_with(temperature=0.5, top_p=0.9, max_tokens=7, seed=3)
    assert (made["temperature"], made["top_p"], made["max_output_tokens"]) == (0.5, 0.9, 7)
    assert made.keys().isdisjoint({"seed", "max_tokens", "stop"})


def test_stop_sequences_are_refused() -> None:
    with pytest.raises(UpstreamRejected, match="no stop sequences"):
        body_with(stop=["."])
    assert body_with(extra={"stop": ["."]})["stop"] == ["."]


def test_a_whole_conversation() -> None:
    call = ToolCall(0, "call_1", "look", '{"at":1}')
    messages = [
        PromptMessage(Role.SYSTEM, "Be brief."),
        PromptMessage(Role.USER, "look at", parts=["look at", Image(PIXEL), Image(PIXEL, "low")]),
        PromptMessage(Role.ASSISTANT, "", tool_calls=[call]),
        PromptMessage(Role.TOOL, "a cat", tool_call_id="call_1"),
        PromptMessage(Role.SYSTEM, "Now in French."),
        PromptMessage(Role.ASSISTANT, "Un chat.", tool_calls=[call]),
        PromptMessage(Role.USER, "why?"),
    ]
    made = body(Prompt("gpt-9", messages))
    called = {
        "type": "function_call",
        "call_id": "call_1",
        "name": "look",
        "arguments": '{"at":1}',
    }
    assert made["instructions"] == "Be brief."
    assert made["input"] == [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "look at"},
                {"type": "input_image", "image_url": PIXEL, "detail": "auto"},
                {"type": "input_image", "image_url": PIXEL, "detail": "low"},
            ],
        },
        called,
        {"type": "function_call_output", "call_id": "call_1", "output": "a cat"},
        {"role": "system", "content": "Now in French."},
        {"role": "assistant", "content": "Un chat."},
        called,
        {"role": "user", "content": "why?"},
    ]


def test_tools_are_flat_and_as_strict_as_before() -> None:
    made = body_with(
        tools=[
            {"type": "function", "function": FUNCTION},
            {"type": "function", "function": {"name": "wait", "strict": True}},
            {"type": "web_search"},
        ]
    )
    assert made["tools"] == [
        {"type": "function", "strict": False, **FUNCTION},
        {"type": "function", "name": "wait", "parameters": None, "strict": True},
        {"type": "web_search"},
    ]


@pytest.mark.parametrize(
    ("choice", "flat"),
    [
        ("required", "required"),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"}),
        ({"type": "function", "name": "f"}, {"type": "function", "name": "f"}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            },
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        ),
    ],
)
def test_a_choice_of_tools_is_flat(choice: Any, flat: Any) -> None:
    assert body_with(tool_choice=choice)["tool_choice"] == flat


def test_a_format_of_the_answer_is_flat_and_leaves_other_settings_of_the_text() -> None:
    wanted = {"type": "json_schema", "json_schema": SCHEMA}
    made = body_with(response_format=wanted, extra={"text": {"verbosity": "low"}})
    assert made["text"] == {"verbosity": "low", "format": {"type": "json_schema", **SCHEMA}}
    plain = body_with(response_format={"type": "json_object"})
    assert plain["text"] == {"format": {"type": "json_object"}}


def test_thinking_is_skipped_by_the_effort_that_the_operator_names() -> None:
    extra = {"reasoning": {"summary": "auto"}}
    assert "reasoning" not in body_with(skip_thinking=True)
    made = body_with(effort="minimal", skip_thinking=True, extra=extra)
    assert made["reasoning"] == {"summary": "auto", "effort": "minimal"}
    assert body_with(effort="minimal", extra=extra)["reasoning"] == {"summary": "auto"}
    made = body_with(extra={"reasoning_effort": "low", "verbosity": "high"})
    assert (made["reasoning"], made["text"]) == ({"effort": "low"}, {"verbosity": "high"})


def test_extra_fields_are_passed_on_but_do_not_make_it_forgetful() -> None:
    extra = {"metadata": {"a": "b"}, "store": False, "background": False, "model": "other"}
    made = body_with(extra=extra)
    assert (made["metadata"], made["model"]) == ({"a": "b"}, "gpt-9")
    assert (made["store"], made["background"]) == (True, True)


@pytest.mark.parametrize("value", [float("nan"), "\ud800", {1, 2}])
def test_what_cannot_be_written_is_refused(value: Any) -> None:
    with pytest.raises(UpstreamRejected, match="JSON"):
        body_of_prompt(asked(params=Params(extra={"x": value})), skips_thinking_by=None)
