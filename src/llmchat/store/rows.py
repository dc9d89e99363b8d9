"""The tables. Rows never leave `store/`: each knows how to become a domain object."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    String,
    text,
)
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from llmchat import domain
from llmchat.domain import Params, Role, Status
from llmchat.errors import Problem
from llmchat.events import Usage
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId
from llmchat.store.base import Checkpoint


class Utc(TypeDecorator[datetime]):
    """A time in UTC. SQLite keeps no time zone, and a naive time compares with no other."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _json() -> Any:
    return Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))


def _time(*, nullable: bool = False) -> Any:
    column = Column(Utc, nullable=nullable)
    return Field(default=None, sa_column=column) if nullable else Field(sa_column=column)


def _seq() -> Any:
    return Field(default=None, sa_column=Column(_Big, primary_key=True))


def _offset(*, nullable: bool = False) -> Any:
    if nullable:
        return Field(default=None, sa_column=Column(_Big, nullable=True))
    return Field(default=1, sa_column=Column(_Big, nullable=False, server_default=text("1")))


def _child_of(table: str) -> Any:
    key = ForeignKey(f"{table}.id", ondelete="CASCADE")
    return Field(sa_column=Column(String, key, nullable=False))


# SQLite counts by itself only in a column that is called INTEGER; all of its are 64 bits wide.
_Big = BigInteger().with_variant(Integer(), "sqlite")

# AUTOINCREMENT: an order that no clock can change and no deletion can reuse.
_ORDERED = {"sqlite_autoincrement": True}


class ConversationRow(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "conversation"
    __table_args__: ClassVar[Any] = (
        Index("conversation_of_owner", "owner", "seq"),
        Index("conversation_external_id", "owner", "external_id", unique=True),
        _ORDERED,
    )

    seq: int | None = _seq()
    id: str = Field(unique=True)
    owner: str
    external_id: str | None = None
    title: str | None = None
    system_prompt: str | None = None
    model: str | None = None
    params: dict[str, Any] | None = _json()
    # Not `metadata`: SQLAlchemy has taken that name.
    labels: dict[str, Any] | None = _json()
    archived: bool = False
    leaf_id: str | None = None
    created_at: datetime = _time()
    updated_at: datetime = _time()

    def to_domain(self) -> domain.Conversation:
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
        )


class MessageRow(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "message"
    __table_args__: ClassVar[Any] = (
        Index("message_of_conversation", "conversation_id", "seq"),
        Index("message_of_parent", "parent_id"),
        _ORDERED,
    )

    seq: int | None = _seq()
    id: str = Field(unique=True)
    conversation_id: str = _child_of("conversation")
    parent_id: str | None = None
    depth: int
    role: str
    content: str
    reasoning: str = ""
    status: str
    model: str | None = None
    generation_id: str | None = None
    usage: dict[str, Any] | None = _json()
    error: dict[str, Any] | None = _json()
    created_at: datetime = _time()

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
        _ORDERED,
    )

    seq: int | None = _seq()
    id: str = Field(unique=True)
    conversation_id: str = _child_of("conversation")
    message_id: str
    owner: str
    status: str
    model: str
    params: dict[str, Any] | None = _json()
    attempt: int = 1
    finish_reason: str | None = None
    usage: dict[str, Any] | None = _json()
    error: dict[str, Any] | None = _json()
    worker: str | None = None
    beats: int = 0
    stop_requested: bool = False
    closed: bool = False
    last_event_id: int | None = _offset(nullable=True)
    created_at: datetime = _time()
    started_at: datetime | None = _time(nullable=True)
    first_token_at: datetime | None = _time(nullable=True)
    ended_at: datetime | None = _time(nullable=True)
    attempt_began_at: int = _offset()

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
        )


class CheckpointRow(SQLModel, table=True):
    """Written every few seconds: in the generation's own row it would drag the indexes along."""

    __tablename__: ClassVar[Any] = "checkpoint"

    generation_id: str = Field(
        sa_column=Column(String, ForeignKey("generation.id", ondelete="CASCADE"), primary_key=True)
    )
    last: int = Field(sa_column=Column(_Big, nullable=False))
    answer: str
    reasoning: str

    def to_domain(self) -> Checkpoint:
        return Checkpoint(GenerationId(self.generation_id), self.last, self.answer, self.reasoning)


class IdempotencyRow(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "idempotency"
    __table_args__: ClassVar[Any] = (Index("idempotency_age", "created_at"),)

    owner: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    fingerprint: str
    generation_id: str
    created_at: datetime = _time()


def usage_of(members: dict[str, Any] | None) -> Usage | None:
    return None if members is None else Usage(**members)


def problem_of(members: dict[str, Any] | None) -> Problem | None:
    return None if members is None else Problem.from_json(members)


def usage_json(usage: Usage | None) -> dict[str, Any] | None:
    return None if usage is None else asdict(usage)


def problem_json(problem: Problem | None) -> dict[str, Any] | None:
    return None if problem is None else problem.as_json()
