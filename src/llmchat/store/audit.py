"""The audit in SQL: rows that are added and never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import select
from sqlmodel import Field, SQLModel, col

from llmchat.access.base import Action, Actor, AuditEntry, Outcome
from llmchat.ids import KeyId, OwnerId
from llmchat.store.columns import ORDERED, seq_column, time_column
from llmchat.store.database import Database


class AuditRow(SQLModel, table=True):
    """It refers to nothing: it outlives the key, the user and the object that it names."""

    __tablename__: ClassVar[Any] = "audit"
    __table_args__: ClassVar[Any] = (ORDERED,)

    seq: int | None = seq_column()
    at: datetime = time_column()
    # Not `user`: in Postgres that word is whoever is connected.
    actor: str | None = Field(default=None)
    key_id: str | None = Field(default=None)
    action: str
    object_id: str | None = Field(default=None)
    outcome: str
    address: str | None = Field(default=None)
    request_id: str | None = Field(default=None)

    def to_entry(self) -> AuditEntry:
        actor = Actor(
            user=None if self.actor is None else OwnerId(self.actor),
            key_id=None if self.key_id is None else KeyId(self.key_id),
            address=self.address,
            request_id=self.request_id,
        )
        return AuditEntry(
            self.at, actor, Action(self.action), self.object_id, Outcome(self.outcome)
        )


class SqlAuditStore:
    """An AuditStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: AuditEntry) -> None:
        async with self._database.write() as session:
            session.add(
                AuditRow(
                    at=entry.at,
                    actor=entry.actor.user,
                    key_id=entry.actor.key_id,
                    action=entry.action,
                    object_id=entry.object_id,
                    outcome=entry.outcome,
                    address=entry.actor.address,
                    request_id=entry.actor.request_id,
                )
            )

    async def list(self) -> Sequence[AuditEntry]:
        async with self._database.read() as session:
            rows = await session.scalars(select(AuditRow).order_by(col(AuditRow.seq)))
            return [row.to_entry() for row in rows]
