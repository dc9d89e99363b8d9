"""What clients send and get, as /docs shows it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from llmchat import domain
from llmchat.domain import OnBusy, Role, Status
from llmchat.errors import Problem
from llmchat.events import Usage
from llmchat.web.bounds import Id, JsonObject, Line, ModelId, Text


class Body(BaseModel):
    """A request body: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Shape(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


class Params(Body):
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    stop: Annotated[list[Line], Field(max_length=16)] | None = None
    seed: Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)] | None = None
    skip_thinking: bool | None = None
    """Do without the thinking of a reasoning model, and hide it where it thinks all the same."""
    response_format: JsonObject | None = None
    tools: Annotated[list[JsonObject], Field(max_length=256)] | None = None
    tool_choice: Annotated[str, Field(max_length=64)] | JsonObject | None = None
    extra: JsonObject | None = None
    """Passed to the provider as it is."""

    def to_domain(self) -> domain.Params:
        return domain.Params(**self.model_dump(exclude_none=True))


class ConversationFields(Body):
    title: Line | None = None
    system_prompt: Text | None = None
    model: ModelId | None = None
    params: Params | None = None
    metadata: JsonObject | None = None


class NewConversation(ConversationFields):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "A fox", "model": "demo/echo"}]}
    )


class ConversationChange(ConversationFields):
    """Only what is named is changed; null unsets it."""

    archived: bool | None = None
    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "A quick fox"}]})


class Ask(Body):
    model: ModelId | None = None
    params: Params | None = None
    on_busy: OnBusy = OnBusy.REJECT
    """When the conversation already has a live generation."""


class NewMessage(Ask):
    content: Annotated[Text, Field(min_length=1)]
    parent_id: Id | None = None
    """The message to answer to; when left out, the end of the active branch. Null begins anew."""
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"content": "the quick brown fox", "model": "demo/echo"}]}
    )


class Regenerate(Ask):
    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class ProblemShape(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    request_id: str | None = None
    retry_after_seconds: float | None = None
    generation_id: str | None = None
    errors: list[dict[str, Any]] | None = None


class UsageShape(Shape):
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    cost_usd: float | None
    estimated: bool
    """True when the server did not say and we counted."""


class Conversation(Shape):
    id: str
    title: str | None
    system_prompt: str | None
    model: str | None
    params: dict[str, Any]
    metadata: dict[str, Any]
    archived: bool
    created_at: datetime
    updated_at: datetime


class ActiveGeneration(Shape):
    id: str
    message_id: str


class ConversationDetail(Conversation):
    active_generations: list[ActiveGeneration]


class Message(Shape):
    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    content: str
    reasoning: str
    status: Status
    model: str | None
    generation_id: str | None
    usage: UsageShape | None
    error: ProblemShape | None
    siblings: list[str]
    created_at: datetime


class Generation(Shape):
    id: str
    conversation_id: str
    message_id: str
    status: Status
    model: str
    attempt: int
    finish_reason: str | None
    usage: UsageShape | None
    error: ProblemShape | None
    created_at: datetime
    started_at: datetime | None
    first_token_at: datetime | None
    ended_at: datetime | None


class GenerationDetail(Generation):
    text: str
    reasoning: str
    last_event_id: int | None


class Accepted(Shape):
    message: Message
    reply: Message
    generation: Generation
    stream_url: str


class Stopped(Shape):
    status: Status
    last_event_id: int | None


class ConversationPage(Shape):
    items: list[Conversation]
    next_cursor: str | None


class MessagePage(Shape):
    items: list[Message]
    next_cursor: str | None


def conversation_of(found: domain.Conversation) -> Conversation:
    return Conversation(**_conversation(found))


def conversation_detail(
    found: domain.Conversation, live: Sequence[domain.Generation]
) -> ConversationDetail:
    active = [ActiveGeneration(id=g.id, message_id=g.message_id) for g in live]
    return ConversationDetail(**_conversation(found), active_generations=active)


def message_of(found: domain.Message) -> Message:
    return Message(
        id=found.id,
        conversation_id=found.conversation_id,
        parent_id=found.parent_id,
        role=found.role,
        content=found.content,
        reasoning=found.reasoning,
        status=found.status,
        model=found.model,
        generation_id=found.generation_id,
        usage=usage_of(found.usage),
        error=problem_of(found.error),
        siblings=list(found.siblings),
        created_at=found.created_at,
    )


def generation_of(found: domain.Generation) -> Generation:
    return Generation(**_generation(found))


def generation_detail(
    found: domain.Generation, text: str, reasoning: str, last_event_id: int | None
) -> GenerationDetail:
    return GenerationDetail(
        **_generation(found), text=text, reasoning=reasoning, last_event_id=last_event_id
    )


def usage_of(usage: Usage | None) -> UsageShape | None:
    return None if usage is None else UsageShape.model_validate(usage)


def problem_of(problem: Problem | None) -> ProblemShape | None:
    return None if problem is None else ProblemShape(**problem.as_json())


def _conversation(found: domain.Conversation) -> dict[str, Any]:
    return {
        "id": found.id,
        "title": found.title,
        "system_prompt": found.system_prompt,
        "model": found.model,
        "params": found.params.as_json(),
        "metadata": found.metadata,
        "archived": found.archived,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
    }


def _generation(found: domain.Generation) -> dict[str, Any]:
    return {
        "id": found.id,
        "conversation_id": found.conversation_id,
        "message_id": found.message_id,
        "status": found.status,
        "model": found.model,
        "attempt": found.attempt,
        "finish_reason": found.finish_reason,
        "usage": usage_of(found.usage),
        "error": problem_of(found.error),
        "created_at": found.created_at,
        "started_at": found.started_at,
        "first_token_at": found.first_token_at,
        "ended_at": found.ended_at,
    }
