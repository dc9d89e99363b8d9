"""Messages that nobody stores, in the shape of OpenAI's chat completions."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from llmchat import events
from llmchat.domain import Role
from llmchat.prompts import PromptMessage
from llmchat.wire.bounds import Text
from llmchat.wire.contents import CallId, ContentOrNothing, parts_of, text_of
from llmchat.wire.params import Body

_MOST_CALLS = 128


class OpenAIFunction(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    name: CallId
    arguments: Text
    """As the model wrote them: mostly JSON, and cut off where the answer was."""


class OpenAIToolCall(BaseModel):
    """A call of a tool, as in OpenAI's API."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)

    id: CallId
    type: Literal["function"] = "function"
    function: OpenAIFunction


class ChatMessage(Body):
    role: Annotated[Role, Field(strict=False)]
    tool_calls: Annotated[
        list[OpenAIToolCall] | None, Field(max_length=_MOST_CALLS, validate_default=True)
    ] = None
    """Of an assistant: the calls that it made."""
    tool_call_id: Annotated[CallId | None, Field(validate_default=True)] = None
    """Of a tool: the call that it answers."""
    content: Annotated[ContentOrNothing | None, Field(validate_default=True)] = None
    """A text; of a user, also a list of parts, texts and images as data URLs. Beside calls it may
    be null."""
    reasoning: Text = ""
    """An answer may be sent back as it was: no model is shown what it thought."""

    @field_validator("tool_calls", mode="after")
    @classmethod
    def _of_assistants(cls, calls: Any, info: ValidationInfo) -> Any:
        if calls and info.data.get("role", Role.ASSISTANT) is not Role.ASSISTANT:
            raise ValueError("only a message of the role `assistant` makes tool calls")
        return calls

    @field_validator("tool_call_id", mode="after")
    @classmethod
    def _of_tools(cls, id: Any, info: ValidationInfo) -> Any:
        role = info.data.get("role")
        if role is Role.TOOL and id is None:
            raise ValueError(
                "Field required: the `id` of the call that this `tool` message answers"
            )
        if role not in (Role.TOOL, None) and id is not None:
            raise ValueError("only a message of the role `tool` answers a call")
        return id

    @field_validator("content", mode="after")
    @classmethod
    def _of_their_role(cls, content: Any, info: ValidationInfo) -> Any:
        if content is None and not info.data.get("tool_calls", True):
            raise ValueError("Field required; only beside `tool_calls` there may be none")
        role = info.data.get("role", Role.USER)
        if content is not None and parts_of(content) and role is not Role.USER:
            raise ValueError("only a message of the role `user` has images")
        return content

    def to_domain(self) -> PromptMessage:
        content = self.content or ""
        calls = [
            events.ToolCall(place, call.id, call.function.name, call.function.arguments)
            for place, call in enumerate(self.tool_calls or ())
        ]
        return PromptMessage(
            self.role, text_of(content), parts_of(content), calls, self.tool_call_id
        )


def openai_calls(calls: Sequence[events.ToolCall]) -> list[OpenAIToolCall]:
    # As the model's server gave them: not held to the bounds of what a client may send.
    return [
        OpenAIToolCall.model_construct(
            id=call.id or "",
            type="function",
            function=OpenAIFunction.model_construct(name=call.name or "", arguments=call.arguments),
        )
        for call in calls
    ]
