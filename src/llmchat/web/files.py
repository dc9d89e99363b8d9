"""The file that an export gives and an import takes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field

from llmchat import domain, events
from llmchat.domain import Role, Status
from llmchat.ids import ConversationId, MessageId, OwnerId
from llmchat.library.base import Archive
from llmchat.problem import Problem
from llmchat.web import bodies
from llmchat.wire.bounds import CleanText, Id, JsonObject, Line, ModelId, Text
from llmchat.wire.contents import CallId, content_in_file, content_of, parts_of, text_of
from llmchat.wire.params import Body, Params

FORMAT: Literal["llmchat.conversation"] = "llmchat.conversation"
VERSION: Literal[1] = 1
_MOST_MESSAGES = 10_000
_MOST_ANSWER_CHARS = 4 * 1024 * 1024


def _only_text(value: Any) -> Any:
    # A number would be taken for seconds since 1970.
    if isinstance(value, str | datetime):
        return value
    raise ValueError("Input should be a time as text, such as 2026-11-21T08:43:09Z")


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time that no calendar has in UTC") from None


Time = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_only_text), AfterValidator(_in_utc)
]
LongText = Annotated[CleanText, Field(max_length=_MOST_ANSWER_CHARS)]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]


class FiledUsage(Body):
    input_tokens: Count
    output_tokens: Count
    reasoning_tokens: Count = 0
    cached_tokens: Count = 0
    cost_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    estimated: bool = False


class FiledProblem(Body):
    type: Line
    title: Line
    status: Annotated[int, Field(ge=100, le=599)]
    detail: Text
    retry_after_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    generation_id: Id | None = None
    errors: Annotated[list[JsonObject], Field(max_length=1000)] | None = None


class FiledFeedback(bodies.NewFeedback):
    model_config = ConfigDict(json_schema_extra={"examples": [{"rating": 1}]})


class FiledToolCall(Body):
    id: CallId
    name: Annotated[CleanText, Field(max_length=1024)]
    arguments: LongText


class FiledMessage(Body):
    id: Id
    """A name within this file: an import gives new ids."""
    parent_id: Id | None
    """The message before it, by its name in this file; null at the beginning."""
    role: Annotated[Role, Field(strict=False)]
    content: content_in_file(LongText)  # type: ignore[valid-type]
    """A text, or a list of parts where there are images in it."""
    reasoning: LongText = ""
    tool_calls: Annotated[list[FiledToolCall], Field(max_length=1024)] = Field(default_factory=list)
    tool_call_id: CallId | None = None
    status: Annotated[Status, Field(strict=False)] = Status.COMPLETE
    """One that is still being written is imported as `interrupted`."""
    model: ModelId | None = None
    usage: FiledUsage | None = None
    error: FiledProblem | None = None
    feedback: FiledFeedback | None = None
    """What whoever exports it thinks of the answer."""
    author: CleanText | None = Field(default=None, max_length=256)
    """Who sent it. An import believes only who imports."""
    created_at: Time


class FiledConversation(Body):
    title: Line | None = None
    system_prompt: Text | None = None
    model: ModelId | None = None
    params: Params = Field(default_factory=Params)
    metadata: JsonObject = Field(default_factory=dict)
    archived: bool = False
    pinned: bool = False
    reply_mode: Annotated[domain.ReplyMode, Field(strict=False)] = domain.ReplyMode.ALWAYS
    created_at: Time
    updated_at: Time


class File(Body):
    """A whole conversation: what an export gives and an import takes."""

    format: Literal["llmchat.conversation"]
    version: Literal[1]
    """Of the format; another one is refused."""
    conversation: FiledConversation
    active_leaf: Id | None = None
    """The end of the active branch, by its name in this file."""
    messages: Annotated[list[FiledMessage], Field(max_length=_MOST_MESSAGES)]
    """All branches, each message once; versions of one are in their order."""


def filed(archive: Archive) -> File:
    found = archive.conversation
    # Not checked again: what is stored was checked when it came, and is given as it is.
    return File.model_construct(
        format=FORMAT,
        version=VERSION,
        conversation=FiledConversation.model_construct(
            title=found.title,
            system_prompt=found.system_prompt,
            model=found.model,
            params=Params.model_construct(**found.params.as_json()),
            metadata=dict(found.metadata),
            archived=found.archived,
            pinned=found.pinned,
            reply_mode=found.reply_mode,
            created_at=found.created_at,
            updated_at=found.updated_at,
        ),
        active_leaf=found.active_leaf,
        messages=[_filed_message(message) for message in archive.messages],
    )


def _filed_message(message: domain.Message) -> FiledMessage:
    usage, error, feedback = message.usage, message.error, message.feedback
    return FiledMessage.model_construct(
        id=message.id,
        parent_id=message.parent_id,
        role=message.role,
        content=content_of(message.content, message.parts),
        reasoning=message.reasoning,
        tool_calls=[
            FiledToolCall.model_construct(id=c.id or "", name=c.name or "", arguments=c.arguments)
            for c in message.tool_calls
        ],
        tool_call_id=message.tool_call_id,
        status=message.status,
        model=message.model,
        usage=None if usage is None else FiledUsage.model_validate(usage, from_attributes=True),
        error=None if error is None else FiledProblem.model_construct(**error.as_json()),
        feedback=None
        if feedback is None
        else FiledFeedback.model_validate(feedback, from_attributes=True),
        author=message.author,
        created_at=message.created_at,
    )


def archive_of(file: File) -> Archive:
    about = file.conversation
    conversation = domain.Conversation(
        id=ConversationId(""),
        owner=OwnerId(""),
        title=about.title,
        system_prompt=about.system_prompt,
        model=about.model,
        params=about.params.to_domain(),
        metadata=about.metadata,
        archived=about.archived,
        created_at=about.created_at,
        updated_at=about.updated_at,
        pinned=about.pinned,
        reply_mode=about.reply_mode,
        active_leaf=None if file.active_leaf is None else MessageId(file.active_leaf),
    )
    return Archive(conversation, [_message(message) for message in file.messages])


def _message(filed: FiledMessage) -> domain.Message:
    content: str | Sequence[Any] = filed.content
    usage, error, feedback = filed.usage, filed.error, filed.feedback
    return domain.Message(
        id=MessageId(filed.id),
        conversation_id=ConversationId(""),
        parent_id=None if filed.parent_id is None else MessageId(filed.parent_id),
        role=filed.role,
        content=text_of(content),
        reasoning=filed.reasoning,
        status=filed.status,
        model=filed.model,
        generation_id=None,
        usage=None if usage is None else events.Usage(**usage.model_dump()),
        error=None if error is None else Problem(**error.model_dump(exclude_none=True)),
        siblings=(),
        created_at=filed.created_at,
        parts=parts_of(content),
        tool_calls=[
            events.ToolCall(place, call.id, call.name, call.arguments)
            for place, call in enumerate(filed.tool_calls)
        ],
        tool_call_id=filed.tool_call_id,
        feedback=None if feedback is None else domain.Feedback(feedback.rating, feedback.comment),
        author=None if filed.author is None else OwnerId(filed.author),
    )
