"""What clients get, as /docs shows it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from llmchat import domain, events, problem
from llmchat.domain import ReplyMode, Role, Status
from llmchat.wire.contents import ContentPart, ToolCall, calls_of, content_of


class Shape(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


class FieldError(Shape):
    location: list[str]
    """Where: `body`, `query`, `path` or `header`, then names and indices."""
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details: the body of every error, and what a generation failed with."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str
    """Names the kind of problem and never changes: the one to compare."""
    title: str
    """The kind of problem, for people."""
    status: int
    detail: str
    """This one problem, for people, with what to do about it."""
    instance: str | None = None
    """The path that was asked."""
    request_id: str | None = None
    """Names the request in the server's log."""
    retry_after_seconds: float | None = None
    """When another attempt may work."""
    generation_id: str | None = None
    """The generation that a conversation is busy with."""
    errors: list[FieldError] | None = None
    """Each field that is wrong."""


class Usage(Shape):
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    """Of the output."""
    cached_tokens: int
    """Of the input."""
    cost_usd: float | None
    estimated: bool
    """True when the model's server did not say and we counted."""


class Timing(Shape):
    """From when its turn came."""

    first_token_seconds: float | None
    reasoning_seconds: float | None
    """How long it thought; null when it did not."""
    total_seconds: float | None


class GivenTemplate(Shape):
    name: str
    version: int
    experiment: str | None
    variant: str | None


class Conversation(Shape):
    id: str
    title: str | None
    opening: str | None
    """What to call it while it has no title: the first words that a user said in it."""
    system_prompt: str | None
    model: str | None
    params: dict[str, Any]
    metadata: dict[str, Any]
    archived: bool
    pinned: bool
    active_leaf: str | None
    """The end of the active branch, where the next message goes; null while there is none."""
    role: domain.CallerRole
    """What you are in it: a `viewer` reads, an `editor` also writes."""
    generating: bool
    """Whether an answer is being written now, or waits for its turn."""
    created_at: datetime
    updated_at: datetime
    """Of its settings or its messages."""
    reply_mode: ReplyMode
    """When the model answers: `always`, or when a message has `@model` in it."""
    template: GivenTemplate | None
    """What it began with, chosen by an A/B experiment where one is named."""


class ActiveGeneration(Shape):
    id: str
    message_id: str


class ConversationDetail(Conversation):
    active_generations: list[ActiveGeneration]
    """What is being written now, or waits for its turn."""


class Feedback(Shape):
    rating: int
    """1 for a good answer, -1 for a bad one."""
    comment: str | None


class Message(Shape):
    id: str
    conversation_id: str
    parent_id: str | None
    """The message before it; null at the beginning."""
    role: Role
    content: str | list[ContentPart]
    """A text; or, when there are images in it, the list of parts as it was sent."""
    reasoning: str
    """What a reasoning model thought; never part of the content."""
    tool_calls: list[ToolCall]
    """What an assistant's message asks you to do: send the results as `tool_results`."""
    tool_call_id: str | None
    """The call that a tool's message is the result of."""
    status: Status
    model: str | None
    generation_id: str | None
    """The work that wrote it, when it is an answer."""
    usage: Usage | None
    error: Problem | None
    siblings: list[str]
    """All messages with this parent, itself included, oldest first: its other versions."""
    timing: Timing | None
    """Of an answer that has ended."""
    feedback: Feedback | None
    """What you think of the answer; nobody else sees it."""
    created_at: datetime
    author: str | None
    """Who sent it; null for an answer."""


class Generation(Shape):
    id: str
    conversation_id: str
    message_id: str
    """The answer that it writes."""
    status: Status
    model: str
    attempt: int
    """1, and more when another attempt replaced the first."""
    finish_reason: str | None
    """Why the model stopped, in its own word."""
    usage: Usage | None
    error: Problem | None
    created_at: datetime
    started_at: datetime | None
    first_token_at: datetime | None
    ended_at: datetime | None
    timing: Timing | None


class GenerationDetail(Generation):
    text: str
    """The answer so far."""
    reasoning: str
    """The thinking so far."""
    tool_calls: list[ToolCall]
    """The calls so far; those of one that is being written may still grow."""
    last_event_id: int | None
    """The cursor behind all that is there now."""


class Accepted(Shape):
    message: Message
    """The question, stored; or the last of the results."""
    reply: Message | None
    """The answer, still empty; null when the message is for people, and gets none."""
    generation: Generation | None
    stream_url: str | None
    """Where to follow the answer."""


class Stopped(Shape):
    status: Status
    last_event_id: int | None
    """The end of the log: nothing comes after it."""


class MessagePage(Shape):
    items: list[Message]
    next_cursor: str | None
    """The `cursor` of the next page; null on the last one."""


def conversation_of(found: domain.Conversation) -> Conversation:
    return Conversation(**conversation_members(found))


def conversation_detail(
    found: domain.Conversation, live: Sequence[domain.Generation]
) -> ConversationDetail:
    active = [ActiveGeneration(id=g.id, message_id=g.message_id) for g in live]
    return ConversationDetail(**conversation_members(found), active_generations=active)


def message_of(found: domain.Message) -> Message:
    return Message(
        id=found.id,
        conversation_id=found.conversation_id,
        parent_id=found.parent_id,
        role=found.role,
        content=content_of(found.content, found.parts),
        reasoning=found.reasoning,
        tool_calls=calls_of(found.tool_calls),
        tool_call_id=found.tool_call_id,
        status=found.status,
        model=found.model,
        generation_id=found.generation_id,
        usage=usage_of(found.usage),
        error=problem_of(found.error),
        siblings=list(found.siblings),
        timing=timing_of(found.timing),
        feedback=None if found.feedback is None else Feedback.model_validate(found.feedback),
        created_at=found.created_at,
        author=found.author,
    )


def generation_of(found: domain.Generation) -> Generation:
    return Generation(**_generation(found))


def generation_detail(
    found: domain.Generation,
    text: str,
    reasoning: str,
    tool_calls: Sequence[events.ToolCall],
    last_event_id: int | None,
) -> GenerationDetail:
    return GenerationDetail(
        **_generation(found),
        text=text,
        reasoning=reasoning,
        tool_calls=calls_of(tool_calls),
        last_event_id=last_event_id,
    )


def usage_of(usage: events.Usage | None) -> Usage | None:
    return None if usage is None else Usage.model_validate(usage)


def timing_of(timing: domain.Timing | None) -> Timing | None:
    return None if timing is None else Timing.model_validate(timing)


def problem_of(found: problem.Problem | None) -> Problem | None:
    return None if found is None else Problem(**found.as_json())


def conversation_members(found: domain.Conversation) -> dict[str, Any]:
    names = Conversation.model_fields.keys() - {"params"}
    return {name: getattr(found, name) for name in names} | {"params": found.params.as_json()}


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
        "timing": timing_of(found.timing),
    }
