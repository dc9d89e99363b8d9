"""The embedded database: how it is opened, migrated and asked."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from llmchat.errors import StorageUnavailable

_BUSY_MILLISECONDS = 5000
_READERS = 2


class Database:
    """One connection that writes and a few that read, so that a long search delays no send.

    A single writer means that nobody ever meets `database is locked`, and that only one connection
    checkpoints (see tokenlog/logfile.py for why that matters).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        url = URL.create("sqlite+aiosqlite", database=str(path))
        self._writer = create_async_engine(url, pool_size=1, max_overflow=0)
        self._readers = create_async_engine(url, pool_size=_READERS, max_overflow=0)
        _prepare(self._writer, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")
        _prepare(self._readers, "PRAGMA query_only = ON", "PRAGMA wal_autocheckpoint = 0")
        event.listen(self._writer.sync_engine, "begin", _begin_immediate)
        event.listen(self._readers.sync_engine, "begin", _begin)

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncSession, None]:
        """A transaction that is committed at the end of the block, or rolled back."""
        async with _translated(self.path), AsyncSession(self._writer) as session:
            session.sync_session.expire_on_commit = False
            async with session.begin():
                yield session

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncSession, None]:
        async with _translated(self.path), AsyncSession(self._readers) as session:
            yield session

    async def ping(self) -> None:
        """Raises StorageUnavailable when the database cannot be asked."""
        async with self.read() as session:
            # `SELECT 1` alone does not look at the file.
            await session.execute(text("SELECT 1 FROM sqlite_master"))

    async def aclose(self) -> None:
        # Readers first: the last connection to close checkpoints.
        await self._readers.dispose()
        await self._writer.dispose()


def _prepare(engine: AsyncEngine, *pragmas: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _: ConnectionPoolEntry) -> None:
        # Transactions are ours to begin: the driver would begin them DEFERRED, and a read that
        # turns into a write then fails at once instead of waiting.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA foreign_keys = ON")
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()


def _begin(connection: Any) -> None:
    # Without it every statement would see the newest state, and a page of messages could be
    # put together from before and after a deletion.
    connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@asynccontextmanager
async def _translated(path: Path) -> AsyncGenerator[None, None]:
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise StorageUnavailable(
            f"The database in {path} could not be used: {error.orig}.", retry_after_seconds=5
        ) from error
