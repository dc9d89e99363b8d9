"""The tables. Rows never leave `store/`: each knows how to become a domain object."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    String,
    false,
    text,
)
from sqlmodel import Field, SQLModel

from llmchat import domain
from llmchat.access.members import Member, MemberRole
from llmchat.domain import Begun, CallerRole, Params, ReplyMode, Role, Status
from llmchat.ids import ConversationId, GenerationId, KeyId, MessageId, OwnerId
from llmchat.store.base import Checkpoint
from llmchat.store.columns import (
    BIG,
    ORDERED,
    amount_column,
    child_of,
    json_column,
    offset_column,
    place_column,
    seq_column,
    time_column,
    word_column,
)
from llmchat.store.payloads import (
    given_of,
    origin_of,
    parts_of,
    problem_of,
    timing_of,
    tool_calls_of,
    usage_of,
)


class ConversationRow(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "conversation"
    __table_args__: ClassVar[Any] = (
        Index("conversation_of_owner", "owner", "latest", "seq"),
        Index("conversation_external_id", "owner", "external_id", unique=True),
        # Of few conversations: those that an experiment has assigned.
        Index(
            "conversation_of_experiment",
            "experiment",
            sqlite_where=text("experiment IS NOT NULL"),
            postgresql_where=text("experiment IS NOT NULL"),
        ),
        ORDERED,
    )

    seq: int | None = seq_column()
    id: str = Field(unique=True)
    owner: str
    external_id: str | None = None
    title: str | None = None
    system_prompt: str | None = None
    model: str | None = None
    params: dict[str, Any] | None = json_column()
    # Not `metadata`: SQLAlchemy has taken that name.
    labels: dict[str, Any] | None = json_column()
    archived: bool = False
    pinned: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    leaf_id: str | None = None
    # Its place in lists: the `seq` of its newest message, and of the newest anywhere at its birth.
    latest: int = place_column()
    born: int = place_column()
    created_at: datetime = time_column()
    updated_at: datetime = time_column()
    reply_mode: str = word_column(ReplyMode.ALWAYS)
    template: str | None = None
    template_version: int | None = None
    experiment: str | None = None
    variant: str | None = None

    def to_domain(
        self,
        *,
        role: CallerRole = "owner",
        generating: bool = False,
        opening: str | None = None,
    ) -> domain.Conversation:
        return domain.Conversation(
            id=ConversationId(self.id),
            owner=OwnerId(self.owner),
            title=self.title,
            system_prompt=self.system_prompt,
            model=self.model,
            params=Params(**(self.params or {})),
            metadata=self.labels or {},
            archived=self.archived,
            created_at=self.created_at,
            updated_at=self.updated_at,
            opening=opening,
            pinned=self.pinned,
            active_leaf=None if self.leaf_id is None else MessageId(self.leaf_id),
            role=role,
            generating=generating,
            reply_mode=ReplyMode(self.reply_mode),
            template=given_of(self.template, self.template_version, self.experiment, self.variant),
        )


class MessageRow(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "message"
    __table_args__: ClassVar[Any] = (
        Index("message_of_conversation", "conversation_id", "seq"),
        Index("message_of_parent", "parent_id"),
        ORDERED,
    )

    seq: int | None = seq_column()
    id: str = Field(unique=True)
    conversation_id: str = child_of("conversation")
    parent_id: str | None = None
    depth: int
    role: str
    content: str
    # Only where there are images in it: a search, and whoever wants the text, never reads them.
    parts: list[Any] | None = json_column()
    tool_calls: list[Any] | None = json_column()
    tool_call_id: str | None = None
    reasoning: str = ""
    status: str
    model: str | None = None
    generation_id: str | None = None
    usage: dict[str, Any] | None = json_column()
    error: dict[str, Any] | None = json_column()
    timing: dict[str, Any] | None = json_column()
    created_at: datetime = time_column()
    author: str | None = None

    def to_domain(self, siblings: Sequence[str]) -> domain.Message:
        return domain.Message(
            id=MessageId(self.id),
            conversation_id=ConversationId(self.conversation_id),
            parent_id=None if self.parent_id is None else MessageId(self.parent_id),
            role=Role(self.role),
            content=self.content,
            reasoning=self.reasoning,
            status=Status(self.status),
            model=self.model,
            generation_id=None if self.generation_id is None else GenerationId(self.generation_id),
            usage=usage_of(self.usage),
            error=problem_of(self.error),
            siblings=[MessageId(id_) for id_ in siblings],
            created_at=self.created_at,
            parts=parts_of(self.parts or ()),
            tool_calls=tool_calls_of(self.tool_calls or ()),
            tool_call_id=self.tool_call_id,
            timing=timing_of(self.timing),
            author=None if self.author is None else OwnerId(self.author),
        )


class GenerationRow(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "generation"
    __table_args__: ClassVar[Any] = (
        Index("generation_of_conversation", "conversation_id", "seq"),
        # Small, however many generations there were: only those that still need somebody.
        Index(
            "generation_unfinished",
            "seq",
            sqlite_where=text("closed = 0"),
            postgresql_where=text("closed = false"),
        ),
        ORDERED,
    )

    seq: int | None = seq_column()
    id: str = Field(unique=True)
    conversation_id: str = child_of("conversation")
    message_id: str
    owner: str
    status: str
    model: str
    params: dict[str, Any] | None = json_column()
    attempt: int = 1
    finish_reason: str | None = None
    usage: dict[str, Any] | None = json_column()
    error: dict[str, Any] | None = json_column()
    worker: str | None = None
    beats: int = 0
    stop_requested: bool = False
    closed: bool = False
    last_event_id: int | None = offset_column(nullable=True)
    created_at: datetime = time_column()
    started_at: datetime | None = time_column(nullable=True)
    first_token_at: datetime | None = time_column(nullable=True)
    ended_at: datetime | None = time_column(nullable=True)
    attempt_began_at: int = offset_column()
    asked_by: str | None = None
    key_id: str | None = None
    # What its answer may take, for as long as it is live; the money as in the table of usage.
    reserved_tokens: int = amount_column()
    reserved_cost: int = amount_column()
    timing: dict[str, Any] | None = json_column()
    begun: dict[str, Any] | None = json_column()
    instructions: str | None = None
    origin: dict[str, Any] | None = json_column()

    def to_domain(self) -> domain.Generation:
        return domain.Generation(
            id=GenerationId(self.id),
            conversation_id=ConversationId(self.conversation_id),
            message_id=MessageId(self.message_id),
            owner=OwnerId(self.owner),
            status=Status(self.status),
            model=self.model,
            params=Params(**(self.params or {})),
            attempt=self.attempt,
            finish_reason=self.finish_reason,
            usage=usage_of(self.usage),
            error=problem_of(self.error),
            created_at=self.created_at,
            started_at=self.started_at,
            first_token_at=self.first_token_at,
            ended_at=self.ended_at,
            attempt_began_at=self.attempt_began_at,
            stop_requested=self.stop_requested,
            asked_by=OwnerId(self.asked_by or self.owner),
            key_id=None if self.key_id is None else KeyId(self.key_id),
            timing=timing_of(self.timing),
            begun=Begun(**(self.begun or {})),
            instructions=self.instructions,
            origin=origin_of(self.origin),
        )


class CheckpointRow(SQLModel, table=True):
    """Written every few seconds: in the generation's own row it would drag the indexes along."""

    __tablename__: ClassVar[Any] = "checkpoint"

    generation_id: str = Field(
        sa_column=Column(String, ForeignKey("generation.id", ondelete="CASCADE"), primary_key=True)
    )
    last: int = Field(sa_column=Column(BIG, nullable=False))
    answer: str
    reasoning: str

    def to_domain(self) -> Checkpoint:
        return Checkpoint(GenerationId(self.generation_id), self.last, self.answer, self.reasoning)


class MemberRow(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "member"
    __table_args__: ClassVar[Any] = (Index("member_of_user", "user"),)

    conversation_id: str = child_of("conversation", primary_key=True)
    user: str = Field(primary_key=True)
    role: str
    created_at: datetime = time_column()

    def to_member(self) -> Member:
        return Member(OwnerId(self.user), MemberRole(self.role), self.created_at)


class LinkRow(SQLModel, table=True):
    """One for each conversation at most."""

    __tablename__: ClassVar[Any] = "link"

    conversation_id: str = child_of("conversation", primary_key=True)
    id: str
    digest: str = Field(unique=True)
    created_at: datetime = time_column()


class IdempotencyRow(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "idempotency"
    __table_args__: ClassVar[Any] = (Index("idempotency_age", "created_at"),)

    owner: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    generation_id: str
    created_at: datetime = time_column()
