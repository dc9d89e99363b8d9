"""Requests for responses, in OpenAI's words, and what they ask for in ours."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from llmchat.domain import Params
from llmchat.prompts import Asked
from llmchat.web.openai.lenient import LenientBody
from llmchat.web.openai.response_input import Items, messages_of
from llmchat.web.openai.response_object import ECHOED
from llmchat.wire.bounds import Id, JsonObject, Line, ModelId, Text

Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[Line, Field(max_length=512)]],
    Field(max_length=16),
]
_MOST_TOOLS = 256
_CHOICES = ("none", "auto", "required")
# Neither for a model nor shown again.
_IGNORED = frozenset({"include", "stream_options", "context_management"})


def _form_of(given: Any) -> str | None:
    """The tag is in parentheses, as no field is: an error does not show it."""
    if isinstance(given, str):
        return "(text)"
    return "(items)" if isinstance(given, list) else None


class NewResponse(LenientBody):
    """What is not named here goes to the model's server as it is."""

    model: ModelId | None = None
    """`provider/name`; when left out, the server's default."""
    input: Annotated[
        Annotated[Text, Field(min_length=1), Tag("(text)")] | Annotated[Items, Tag("(items)")],
        Discriminator(_form_of, "unexpected", "Input should be a text or a list of items"),
    ]
    """A text, or items: messages, calls of functions and what came of them, reasoning."""
    instructions: Text | None = None
    """What the model is told first, for this response only: the next one does not inherit it."""
    previous_response_id: Id | None = None
    """Go on from there. Another response to the same one is another branch."""
    conversation: Id | JsonObject | None = None
    """A conversation to go on with, as its id or `{"id": "conv_…"}`; any one of this server."""
    stream: bool = False
    background: bool = False
    """Go on whether or not anybody waits: the answer is retrieved later, or read on."""
    store: bool = True
    """Otherwise nothing is kept, and a client who leaves ends it."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_output_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    tools: Annotated[list[JsonObject], Field(max_length=_MOST_TOOLS)] | None = None
    """Functions, which you run. This server has no tools of its own."""
    tool_choice: Annotated[str, Field(max_length=64)] | JsonObject | None = None
    parallel_tool_calls: bool | None = None
    reasoning: JsonObject | None = None
    """`{"effort": "low"}`, for models that think."""
    text: JsonObject | None = None
    """`{"format": {"type": "json_schema", "name": …, "schema": …}}`"""
    metadata: Metadata | None = None
    truncation: Literal["auto", "disabled"] | None = None
    """Either way, older messages are left out when the context window is full."""
    user: Line | None = None
    safety_identifier: Line | None = None
    prompt_cache_key: Line | None = None
    service_tier: Annotated[str, Field(max_length=32)] | None = None
    max_tool_calls: Annotated[int, Field(ge=1, le=2**31)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    include: Annotated[list[Line], Field(max_length=32)] | None = None
    stream_options: JsonObject | None = None
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model": "demo/echo", "input": "the quick brown fox"},
                {
                    "model": "demo/story",
                    "input": [{"role": "user", "content": "Tell me a story"}],
                    "background": True,
                    "metadata": {"topic": "foxes"},
                    "tokens": 300,
                    "tokens_per_second": 100,
                },
            ]
        }
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "NewResponse":
        if self.previous_response_id and self.conversation:
            raise ValueError("either previous_response_id or conversation, not both")
        if not self.store and (self.background or self.previous_response_id or self.conversation):
            raise ValueError(
                "store: false keeps nothing: it goes without background, previous_response_id and "
                "conversation"
            )
        if self.unknown.get("prompt") is not None:
            raise ValueError("this server keeps no prompts: send instructions and input instead")
        # Read once, so that what is wrong in them is told before anything is stored.
        _tools(self.tools)
        _choice(self.tool_choice)
        _format(self.text)
        if self.conversation is not None and not self.conversation_id:
            raise ValueError('a conversation is named by its id, or as {"id": "conv_…"}')
        if not messages_of(self.input):
            raise ValueError("there is nothing to answer in the input")
        return self

    @property
    def conversation_id(self) -> str | None:
        named = self.conversation
        id_ = named.get("id") if isinstance(named, Mapping) else named
        return id_ if isinstance(id_, str) and 0 < len(id_) <= 64 else None

    @property
    def asked(self) -> Asked:
        return Asked(messages_of(self.input), self.instructions, self.repeated)

    @property
    def params(self) -> Params:
        return Params(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_output_tokens,
            response_format=_format(self.text),
            tools=_tools(self.tools),
            tool_choice=_choice(self.tool_choice),
            extra=self._extra() or None,
        )

    @property
    def repeated(self) -> dict[str, Any]:
        """What the response shows of its request."""
        sent = self.model_dump(include=set(ECHOED), exclude_none=True, exclude_unset=True)
        if "text" in sent:
            sent["text"] = {"format": {"type": "text"}, **sent["text"]}
        if self.conversation_id is not None:
            sent["conversation"] = {"id": self.conversation_id}
        if self.tools is not None:
            sent["tools"] = [_FUNCTION | tool for tool in self.tools]
        return sent

    def _extra(self) -> dict[str, Any]:
        """In the words of chat completions, which most models' servers know."""
        extra = {name: value for name, value in self.unknown.items() if name not in _IGNORED}
        if self.parallel_tool_calls is not None and self.tools:
            extra["parallel_tool_calls"] = self.parallel_tool_calls
        if effort := (self.reasoning or {}).get("effort"):
            extra["reasoning_effort"] = effort
        if verbosity := (self.text or {}).get("verbosity"):
            extra["verbosity"] = verbosity
        return extra


_FUNCTION = {"type": "function", "description": None, "parameters": None, "strict": False}


def _tools(tools: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    return None if not tools else [_tool(tool) for tool in tools]


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Chat completions nest a function once more."""
    if tool.get("type") != "function":
        raise ValueError(
            f"tools: this server has no tools of its own, and the type {tool.get('type')!r} is one "
            "of OpenAI's; it takes tools of the type 'function', which the client runs"
        )
    name = tool.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 256:
        raise ValueError("tools: a function has a name of 1 to 256 characters")
    known = ("name", "description", "parameters", "strict")
    said = {key: tool[key] for key in known if tool.get(key) is not None}
    return {"type": "function", "function": said}


def _choice(choice: str | Mapping[str, Any] | None) -> str | dict[str, Any] | None:
    if choice is None:
        return None
    if isinstance(choice, str):
        if choice not in _CHOICES:
            raise ValueError(f"tool_choice: expected one of {', '.join(_CHOICES)}, or an object")
        return choice
    kind = choice.get("type")
    if kind == "function" and isinstance(choice.get("name"), str):
        return {"type": "function", "function": {"name": choice["name"]}}
    if kind == "allowed_tools" and isinstance(choice.get("tools"), list):
        allowed = [_choice(tool) if isinstance(tool, dict) else None for tool in choice["tools"]]
        nested = {"mode": choice.get("mode", "auto"), "tools": allowed}
        return {"type": "allowed_tools", "allowed_tools": nested}
    raise ValueError(
        'tool_choice: expected {"type": "function", "name": "…"} or '
        '{"type": "allowed_tools", "mode": "auto", "tools": […]}'
    )


def _format(text: Mapping[str, Any] | None) -> dict[str, Any] | None:
    wanted = (text or {}).get("format")
    if wanted is None:
        return None
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    if kind == "json_schema" and isinstance(wanted.get("schema"), dict):
        known = ("name", "description", "schema", "strict")
        said = {key: wanted[key] for key in known if wanted.get(key) is not None}
        return {"type": "json_schema", "json_schema": said}
    raise ValueError(
        'text.format: expected {"type": "text"}, {"type": "json_object"} or '
        '{"type": "json_schema", "name": "…", "schema": {…}}'
    )


class NewOpenAIConversation(LenientBody):
    items: Items | None = None
    """What it begins with."""
    metadata: Metadata | None = None
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [{"role": "user", "content": "the quick brown fox"}],
                    "metadata": {"topic": "foxes"},
                },
                {},
            ]
        }
    )


class OpenAIConversationChange(LenientBody):
    metadata: Metadata
    """All of it: what is not named is gone."""
    model_config = ConfigDict(json_schema_extra={"examples": [{"metadata": {"topic": "foxes"}}]})


class NewOpenAIItems(LenientBody):
    items: Items
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [{"role": "user", "content": "the quick brown fox"}]}]
        }
    )
