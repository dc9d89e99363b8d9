"""Postgres: how it is reached, and what becomes of a connection that cannot be trusted."""

import time
from collections.abc import Callable
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import URL, NullPool, event, make_url, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from llmchat.store.database import UNHURRIED, Database, said_by, unavailable
from llmchat.text import clean

_DRIVER = "postgresql+asyncpg"
_POOL_SIZE = 10
_PATIENCE_SECONDS = 1.5
"""A send is to be refused within 2 s when Postgres does not answer."""

# What libpq knows and asyncpg would send to the server as a setting of the session.
_NOT_FOR_ASYNCPG = ("channel_binding", "connect_timeout", "gssencmode", "keepalives")


class PostgresDatabase(Database):
    """A pool of connections. One that its server has closed is replaced when it is next asked for,
    and after any trouble all that were open before, so nothing needs to be restarted."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = _POOL_SIZE,
        patience_seconds: float = _PATIENCE_SECONDS,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._trusted_since = time.monotonic()
        server = parsed(url)

        async def connect() -> Any:
            connection = await connected(server, patience_seconds)
            try:
                await connection.execute(_limits(patience_seconds))
            except BaseException:
                connection.terminate()
                raise
            return connection

        writer = create_async_engine(
            f"{_DRIVER}://",
            async_creator=connect,
            pool_size=pool_size,
            max_overflow=0,
            hide_parameters=True,
        )
        event.listen(writer.sync_engine, "connect", _note_age)
        event.listen(writer.sync_engine, "checkout", self._check)
        event.listen(writer.sync_engine, "before_cursor_execute", _cleaned, retval=True)
        readers = writer.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        super().__init__(
            named(server),
            writer=writer,
            readers=readers,
            patience_seconds=patience_seconds,
            failed=failed,
        )

    async def ping(self) -> None:
        async with self.read() as session:
            await session.execute(text("SELECT 1"))

    async def aclose(self) -> None:
        await self._writer.dispose()

    def _lost(self) -> None:
        self._trusted_since = time.monotonic()

    def _check(self, connection: Any, entry: ConnectionPoolEntry, _: Any) -> None:
        if connection.driver_connection.is_closed() or entry.info["since"] < self._trusted_since:
            raise DisconnectionError


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that ends at once: the farewell to a server that is gone takes as long as
    nobody gives up, and whoever waits for that is late with its own answer."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self.terminate()

    def _cancel_current_command(self, *_: Any) -> None:
        # asyncpg would open another connection to tell the server, which may be gone. SQLAlchemy
        # drops one whose command was cancelled in any case.
        self._loop.call_soon(self.terminate)


def is_postgres(url: str) -> bool:
    return url.startswith(("postgres:", "postgresql:", "postgresql+"))


def parsed(url: str) -> URL:
    """A URL as people write it, also `postgres://…` or with what only libpq knows."""
    found = make_url(url.replace("postgres:", "postgresql:", 1))
    return found.set(drivername="postgresql").difference_update_query(_NOT_FOR_ASYNCPG)


def named(server: URL) -> str:
    """What may be shown of a URL: its query could hold a password, too."""
    host = server.host or "localhost"
    return f"{server.database or ''} on {host}:{server.port or 5432}".strip()


async def connected(server: URL, seconds: float) -> Any:
    """A connection of asyncpg's, which reads the URL itself: it knows `sslmode` and the like."""
    dsn = server.render_as_string(hide_password=False)
    return await asyncpg.connect(dsn, connection_class=Connection, timeout=seconds)


def engine_without_pool(url: str, seconds: float) -> AsyncEngine:
    """For a migration: nothing but the connecting is limited in time."""
    server = parsed(url)

    async def connect() -> Any:
        try:
            return await connected(server, seconds)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise unavailable(named(server), said_by(error)) from error

    return create_async_engine(
        f"{_DRIVER}://", async_creator=connect, poolclass=NullPool, hide_parameters=True
    )


def _limits(patience_seconds: float) -> str:
    """The server gives up as well: whoever is frozen, or gone without a word, would otherwise keep
    the locks of its transaction, and a conversation would take no send any more."""
    patience = round(patience_seconds * 1000)
    limits = {
        "lock_timeout": patience,
        "idle_in_transaction_session_timeout": 4 * patience,
        "statement_timeout": UNHURRIED * patience,
    }
    return ";".join(f"SET {name} = {milliseconds}" for name, milliseconds in limits.items())


def _note_age(_: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["since"] = time.monotonic()


def _cleaned(_: Any, __: Any, statement: str, parameters: Any, *rest: Any) -> tuple[str, Any]:
    """Postgres has no U+0000: what a caller looks for by such a name is just not there."""
    return statement, _fit(parameters)


def _fit(value: Any) -> Any:
    """A value, the values of a statement, or those of many."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list | tuple):
        return type(value)(_fit(each) for each in value)
    return value
