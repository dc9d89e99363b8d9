"""What clients of OpenAI's API get, as /docs shows it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from llmchat.web.chatting import OpenAIToolCall


class Shape(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class OpenAIError(Shape):
    message: str
    """For people, with what to do about it."""
    type: str
    param: str | None
    """The field that is wrong."""
    code: str | None
    """Names the kind of error: the one to compare."""


class OpenAIFailure(Shape):
    """The body of every error under /v1, and what stands in a stream in the place of a chunk."""

    error: OpenAIError


class PromptTokens(Shape):
    cached_tokens: int


class CompletionTokens(Shape):
    reasoning_tokens: int


class ChatUsage(Shape):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokens
    completion_tokens_details: CompletionTokens


class ChatReply(Shape):
    role: Literal["assistant"]
    content: str | None
    """Null where there are only calls."""
    refusal: None
    reasoning_content: str | None = None
    """What a reasoning model thought."""
    tool_calls: list[OpenAIToolCall] | None = None
    """What it asks you to do: send it again with this message and a `tool` message for each."""


class ChatLogprobs(Shape):
    content: list[dict[str, Any]]
    """For each token, what the model's server says of it: `token`, `logprob`, `top_logprobs`."""
    refusal: None


class ChatChoice(Shape):
    index: int
    message: ChatReply
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter", "function_call"]
    logprobs: ChatLogprobs | None
    """Null unless the request says `logprobs`, and the model's server has them."""


class ChatCompletion(Shape):
    id: str
    object: Literal["chat.completion"]
    created: int
    """Seconds since the epoch."""
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage | None = None


class TextChoice(Shape):
    index: int
    text: str
    finish_reason: Literal["stop", "length", "content_filter"]
    logprobs: None


class TextCompletion(Shape):
    id: str
    object: Literal["text_completion"]
    created: int
    """Seconds since the epoch."""
    model: str
    choices: list[TextChoice]
    usage: ChatUsage | None = None


class OpenAIModel(Shape):
    id: str
    """What a request names as its `model`."""
    object: Literal["model"] = "model"
    created: int = 0
    """Not known: always 0."""
    owned_by: str
    """The provider, as the settings name it."""


class OpenAIModels(Shape):
    object: Literal["list"] = "list"
    data: list[OpenAIModel]
