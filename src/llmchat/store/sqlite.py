"""The embedded database: how its file is opened and asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from llmchat.store.database import Database

_BUSY_MILLISECONDS = 5000
_READERS = 2


class SqliteDatabase(Database):
    """One connection that writes and a few that read, so that a long search delays no send.

    A single writer means that nobody ever meets `database is locked`, and that only one connection
    checkpoints (see tokenlog/logfile.py for why that matters): a command beside a running service
    leaves it to that.
    """

    def __init__(
        self, path: Path, *, checkpoints: bool = True, failed: Callable[[], None] = lambda: None
    ) -> None:
        url = URL.create("sqlite+aiosqlite", database=str(path))
        writer = create_async_engine(url, pool_size=1, max_overflow=0, hide_parameters=True)
        readers = create_async_engine(url, pool_size=_READERS, max_overflow=0, hide_parameters=True)
        _prepare(writer, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")
        if not checkpoints:
            _prepare(writer, "PRAGMA wal_autocheckpoint = 0")
        _prepare(readers, "PRAGMA query_only = ON", "PRAGMA wal_autocheckpoint = 0")
        event.listen(writer.sync_engine, "begin", _begin_immediate)
        event.listen(readers.sync_engine, "begin", _begin)
        super().__init__(
            f"in {path}", writer=writer, readers=readers, patience_seconds=None, failed=failed
        )

    async def ping(self) -> None:
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
