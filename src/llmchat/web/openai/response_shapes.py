"""What clients of OpenAI's newer dialect get, as /docs shows it."""

from typing import Any, Literal

from llmchat.web.openai.shapes import Shape

Json = dict[str, Any]


class InputTokens(Shape):
    cached_tokens: int
    cache_write_tokens: int


class OutputTokens(Shape):
    reasoning_tokens: int


class ResponseUsage(Shape):
    input_tokens: int
    input_tokens_details: InputTokens
    output_tokens: int
    output_tokens_details: OutputTokens
    total_tokens: int


class ResponseError(Shape):
    code: Literal["server_error", "rate_limit_exceeded"]
    message: str


class OpenAIResponse(Shape):
    """An answer in OpenAI's newer dialect. What the request said, it repeats."""

    id: str
    """`resp_…`: that of its generation, `gen_…`, with another beginning."""
    object: Literal["response"]
    created_at: int
    """Seconds since the epoch."""
    completed_at: int | None
    status: Literal["queued", "in_progress", "completed", "failed", "cancelled", "incomplete"]
    error: ResponseError | None
    incomplete_details: Json | None
    """`{"reason": "max_output_tokens"}`"""
    model: str
    output: list[Json]
    """Items: messages, reasoning, calls of functions."""
    usage: ResponseUsage | None
    background: bool
    conversation: Json | None
    frequency_penalty: float
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: Json
    parallel_tool_calls: bool
    presence_penalty: float
    previous_response_id: str | None
    prompt_cache_key: str | None
    reasoning: Json | None
    safety_identifier: str | None
    service_tier: str
    store: bool
    temperature: float
    text: Json
    tool_choice: str | Json
    tools: list[Json]
    top_logprobs: int
    top_p: float
    truncation: Literal["auto", "disabled"]
    user: str | None


class DeletedResponse(Shape):
    id: str
    object: Literal["response"] = "response"
    deleted: Literal[True] = True


class OpenAIConversation(Shape):
    id: str
    """A conversation of this server: the same one at /api/conversations."""
    object: Literal["conversation"] = "conversation"
    created_at: int
    """Seconds since the epoch."""
    metadata: Json


class DeletedConversation(Shape):
    id: str
    object: Literal["conversation.deleted"] = "conversation.deleted"
    deleted: Literal[True] = True


class ItemList(Shape):
    object: Literal["list"] = "list"
    data: list[Json]
    first_id: str | None
    last_id: str | None
    has_more: bool


class OpenAIItem(Shape):
    """A message; items of other types have other members."""

    id: str
    type: str
    status: str
    role: str
    content: list[Json]
