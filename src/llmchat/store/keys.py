"""API keys in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, Connection, exists, inspect, select, update
from sqlmodel import Field, SQLModel, col

from llmchat.access.base import Allowance, ApiKey, Scope
from llmchat.errors import NotFound
from llmchat.ids import KeyId, OwnerId
from llmchat.store.columns import ORDERED, json_column, seq_column, time_column
from llmchat.store.database import Database
from llmchat.store.upsert import inserting


class ApiKeyRow(SQLModel, table=True):
    """`first` is true for one row at most: of all who make a first key, one succeeds."""

    __tablename__: ClassVar[Any] = "api_key"
    __table_args__: ClassVar[Any] = (ORDERED,)

    seq: int | None = seq_column()
    id: str = Field(unique=True)
    owner: str
    name: str
    scopes: list[str] = Field(sa_column=Column(JSON, nullable=False))
    digest: str
    first: bool | None = Field(default=None, unique=True)
    created_at: datetime = time_column()
    expires_at: datetime | None = time_column(nullable=True)
    last_used_at: datetime | None = time_column(nullable=True)
    revoked_at: datetime | None = time_column(nullable=True)
    allowance: dict[str, Any] | None = json_column()

    def to_key(self) -> ApiKey:
        return ApiKey(
            id=KeyId(self.id),
            user=OwnerId(self.owner),
            name=self.name,
            scopes=frozenset(Scope(scope) for scope in self.scopes),
            digest=self.digest,
            created_at=self.created_at,
            expires_at=self.expires_at,
            last_used_at=self.last_used_at,
            revoked_at=self.revoked_at,
            allowance=Allowance.from_json(self.allowance or {}),
        )


class SqlKeyStore:
    """A KeyStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey) -> None:
        async with self._database.write() as session:
            session.add(ApiKeyRow(**_columns(key)))

    async def add_first(self, key: ApiKey) -> bool:
        async with self._database.write() as session:
            if await session.scalar(select(exists().select_from(ApiKeyRow))):
                return False
            first = inserting(session, ApiKeyRow).values(**_columns(key), first=True)
            added = await session.execute(
                first.on_conflict_do_nothing(index_elements=["first"]).returning(col(ApiKeyRow.id))
            )
            return added.first() is not None

    async def find(self, id: KeyId) -> ApiKey | None:
        async with self._database.read() as session:
            row = await session.scalar(select(ApiKeyRow).where(col(ApiKeyRow.id) == id))
        return None if row is None else row.to_key()

    async def list(self) -> Sequence[ApiKey]:
        async with self._database.read() as session:
            rows = await session.scalars(select(ApiKeyRow).order_by(col(ApiKeyRow.seq)))
            return [row.to_key() for row in rows]

    async def revoke(self, id: KeyId, at: datetime) -> ApiKey:
        async with self._database.write() as session:
            row = await session.scalar(
                select(ApiKeyRow).where(col(ApiKeyRow.id) == id).with_for_update()
            )
            if row is None:
                raise NotFound(f"There is no key {id}.")
            row.revoked_at = row.revoked_at or at
            return row.to_key()

    async def used(self, id: KeyId, at: datetime) -> None:
        async with self._database.write() as session:
            await session.execute(
                update(ApiKeyRow).where(col(ApiKeyRow.id) == id).values(last_used_at=at)
            )


def any_key(connection: Connection) -> bool:
    """Whether anybody has ever made one, be it revoked by now; also before the first migration."""
    if not inspect(connection).has_table(str(ApiKeyRow.__tablename__)):
        return False
    return bool(connection.scalar(select(exists(select(col(ApiKeyRow.id))))))


def _columns(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "owner": key.user,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "digest": key.digest,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "allowance": key.allowance.as_json() or None,
    }
