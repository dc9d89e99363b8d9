"""Where conversations, logs and signals are kept: in this process, or in Postgres and Redis."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import make_url

from llmchat import datadir
from llmchat.clock import Clock
from llmchat.errors import StorageUnavailable
from llmchat.faults import Failed, unheard
from llmchat.settings import Settings
from llmchat.signals.base import Alone, Signals
from llmchat.signals.redis import RedisSignals
from llmchat.store import migrations, restoring
from llmchat.store.database import Database
from llmchat.store.postgres import PostgresDatabase
from llmchat.store.sqlite import SqliteDatabase
from llmchat.tokenlog.base import TokenLog
from llmchat.tokenlog.redis import RedisTokenLog
from llmchat.tokenlog.sqlite import SqliteTokenLog

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Engines:
    """`shared`: other processes work on the same data. `warnings` names the promises that do not
    hold as these engines are set up now; it raises StorageUnavailable when they do not answer."""

    database: Database
    log: TokenLog
    signals: Signals
    shared: bool
    warnings: Callable[[], Awaitable[Sequence[str]]]


async def open_engines(
    settings: Settings, clock: Clock, stack: AsyncExitStack, failed: Failed = unheard
) -> Engines:
    """What the settings ask for; the stack closes it. Raises StorageUnavailable."""
    if settings.redis_url is None or not settings.is_shared:
        return await _embedded(settings, clock, stack, failed)
    return await _shared(settings, settings.redis_url, clock, stack, failed)


def schema_url(settings: Settings) -> str:
    """The database of the conversations, as alembic takes it."""
    path = database_path(settings)
    return str(settings.database_url) if path is None else migrations.sqlite_url(path)


def database_path(settings: Settings) -> Path | None:
    """The SQLite file of the conversations, if it is one."""
    if settings.database_url is None:
        return datadir.database_path(settings.data_dir)
    if settings.is_shared:
        return None
    return Path(str(make_url(settings.database_url).database))


async def _embedded(
    settings: Settings, clock: Clock, stack: AsyncExitStack, failed: Failed
) -> Engines:
    stack.enter_context(datadir.locked(settings.data_dir))
    path, log_path = database_path(settings), datadir.log_path(settings.data_dir)
    assert path is not None
    if restoring.finish(datadir.restore_note(settings.data_dir), (path, log_path)):
        _log.warning("A restore that was cut off was ended", data_dir=str(settings.data_dir))
    await asyncio.to_thread(migrations.upgrade, schema_url(settings))
    database = await stack.enter_async_context(
        aclosing(SqliteDatabase(path, failed=partial(failed, "database")))
    )
    log = await stack.enter_async_context(
        SqliteTokenLog(log_path, durability=settings.durability, now=clock.seconds)
    )
    return Engines(database, log, Alone(), False, _none)


async def _shared(
    settings: Settings, redis_url: str, clock: Clock, stack: AsyncExitStack, failed: Failed
) -> Engines:
    url = schema_url(settings)
    current, wanted = await asyncio.to_thread(migrations.revisions, url)
    if current != wanted:
        raise StorageUnavailable(
            f"The database has schema {current or 'none'}, and this version wants {wanted}: "
            "run `llmchat db upgrade` once, before any process of it serves."
        )
    database = await stack.enter_async_context(
        aclosing(PostgresDatabase(url, failed=partial(failed, "database")))
    )
    signals = RedisSignals(redis_url, partial(failed, "signals"))
    log = await stack.enter_async_context(
        RedisTokenLog(
            redis_url, retention_seconds=settings.log_retention_seconds, now=clock.seconds
        )
    )
    await stack.enter_async_context(signals)
    return Engines(database, log, signals, True, log.warnings)


async def open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    """The database alone, for a command, also while a service is using it. Raises
    StorageUnavailable, also when its schema is not this version's."""
    url, path = schema_url(settings), database_path(settings)
    if path is not None:
        restoring.refuse_half(datadir.restore_note(settings.data_dir))
    if path is not None and not path.exists():
        with datadir.locked(settings.data_dir):
            await asyncio.to_thread(migrations.upgrade, url)
    current, wanted = await asyncio.to_thread(migrations.revisions, url)
    if current != wanted:
        raise StorageUnavailable(
            f"The database has schema {current or 'none'}, and this version wants {wanted}: "
            "run `llmchat db upgrade`."
        )
    database = PostgresDatabase(url) if path is None else SqliteDatabase(path, checkpoints=False)
    return await stack.enter_async_context(aclosing(database))


async def _none() -> Sequence[str]:
    return ()
