"""What other services are still to be told, in SQL."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, DateTime, Index, case, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from llmchat.store.columns import ORDERED, seq_column, time_column
from llmchat.store.database import Database
from llmchat.store.upsert import inserting
from llmchat.webhooks.base import Due, EventType, Message, Waiting

_MOST_WHY_CHARS = 500
_MONTH = timedelta(days=31)
# In place of a time: before all times at which something is due.
_CLAIMED = datetime(1970, 1, 1, tzinfo=UTC)


class OutboxRow(SQLModel, table=True):
    """`due_at` is when it is to be sent (again), or _CLAIMED while somebody sends it; none is when
    nothing more is to be done: it was sent at `sent_at`, or given up."""

    __tablename__: ClassVar[Any] = "outbox"
    __table_args__: ClassVar[Any] = (
        Index("outbox_once", "endpoint", "id", unique=True),
        Index(
            "outbox_due",
            "endpoint",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        Index("outbox_created", "created_at"),
        ORDERED,
    )

    seq: int | None = seq_column()
    id: str
    endpoint: str
    type: str
    body: str
    attempts: int = 0
    created_at: datetime = time_column()
    due_at: datetime | None = time_column(nullable=True)
    sent_at: datetime | None = time_column(nullable=True)
    error: str | None = Field(default=None)

    def to_due(self) -> Due:
        message = Message(self.id, self.endpoint, EventType(self.type), self.body)
        return Due(message, self.attempts, self.created_at)


class SqlOutbox:
    """An Outbox. `now` gives the time of day: in SQLite what is due goes by it, for one process has
    the file; in Postgres by the database's own."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def add(self, messages: Sequence[Message]) -> None:
        async with self._database.write() as session:
            await add_messages(session, messages, self._now())

    async def claim(self, endpoint: str, *, limit: int) -> Sequence[Due]:
        its = (col(OutboxRow.endpoint) == endpoint) & (col(OutboxRow.due_at) > _CLAIMED)
        # Looked for outside of a write: nearly always there is nothing.
        async with self._database.read() as session:
            mine = its & (col(OutboxRow.due_at) <= _moment(session, self._now()))
            if await session.scalar(select(col(OutboxRow.seq)).where(mine).limit(1)) is None:
                return ()
        due = select(col(OutboxRow.seq)).where(mine).order_by(col(OutboxRow.due_at)).limit(limit)
        claimed = (
            update(OutboxRow)
            .where(col(OutboxRow.seq).in_(due.with_for_update(skip_locked=True)))
            .values(due_at=_CLAIMED, attempts=col(OutboxRow.attempts) + 1)
            .returning(OutboxRow)
        )
        async with self._database.write() as session:
            rows = (await session.scalars(claimed)).all()
            return [row.to_due() for row in sorted(rows, key=lambda row: row.seq or 0)]

    async def claimed(self, endpoint: str) -> Sequence[Due]:
        its = (col(OutboxRow.endpoint) == endpoint) & (col(OutboxRow.due_at) == _CLAIMED)
        async with self._database.read() as session:
            return [row.to_due() for row in await session.scalars(select(OutboxRow).where(its))]

    async def release(self, due: Due) -> None:
        async with self._database.write() as session:
            its = _its(due) & (col(OutboxRow.due_at) == _CLAIMED)
            now = _moment(session, self._now())
            await session.execute(update(OutboxRow).where(its).values(due_at=now))

    async def sent(self, due: Due) -> None:
        ended = {"due_at": None, "sent_at": self._now(), "error": None}
        async with self._database.write() as session:
            await session.execute(update(OutboxRow).where(_its(due)).values(ended))

    async def failed(self, due: Due, why: str, *, again_seconds: float | None) -> None:
        async with self._database.write() as session:
            again_at = None
            if again_seconds is not None:
                again_at = _moment(session, self._now()) + timedelta(seconds=again_seconds)
            noted = {"due_at": again_at, "error": why[:_MOST_WHY_CHARS]}
            await session.execute(update(OutboxRow).where(_its(due)).values(noted))

    async def waiting(self, endpoint: str) -> Waiting:
        its = (col(OutboxRow.endpoint) == endpoint) & col(OutboxRow.due_at).is_not(None)
        found = select(func.count(), func.min(col(OutboxRow.created_at))).where(its)
        async with self._database.read() as session:
            count, oldest = (await session.execute(found)).one()
        if not count:
            return Waiting(0, 0.0)
        return Waiting(count, max(0.0, (self._now() - oldest).total_seconds()))

    async def forget(self, before: datetime) -> int:
        of_a_month = col(OutboxRow.type) == EventType.BUDGET
        until = case((of_a_month, before - _MONTH), else_=before)
        old = delete(OutboxRow).where(col(OutboxRow.created_at) < until)
        async with self._database.write(unhurried=True) as session:
            return len((await session.scalars(old.returning(col(OutboxRow.seq)))).all())


def _its(due: Due) -> ColumnElement[bool]:
    """Of this attempt: another may have been claimed by whoever took this process for dead."""
    return (
        (col(OutboxRow.endpoint) == due.message.endpoint)
        & (col(OutboxRow.id) == due.message.id)
        & (col(OutboxRow.attempts) == due.attempt)
    )


def _moment(session: AsyncSession, now: datetime) -> Any:
    """Now. Processes on several machines have no time in common but the database's."""
    if session.get_bind().dialect.name == "postgresql":
        return func.clock_timestamp(type_=DateTime(timezone=True))
    return now


async def add_messages(session: AsyncSession, messages: Sequence[Message], now: datetime) -> None:
    """Due at once. Those that are there already stay as they are."""
    if messages:
        due_at = _moment(session, now)
        rows = [
            {
                "id": it.id,
                "endpoint": it.endpoint,
                "type": it.type,
                "body": it.body,
                "attempts": 0,
                "created_at": now,
                "due_at": due_at,
            }
            for it in messages
        ]
        new = inserting(session, OutboxRow).values(rows)
        await session.execute(new.on_conflict_do_nothing())
