"""An embedded log whose file is busy or full, and what it does meanwhile."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path

from llmchat.events import Event
from llmchat.ids import GenerationId
from llmchat.tokenlog.sqlite import SqliteTokenLog
from tests.contract.following import until


@contextmanager
def writer_blocked(path: Path) -> Generator[None, None, None]:
    """Somebody else holds SQLite's write lock: a commit that has begun waits."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@asynccontextmanager
async def disk_full(log: SqliteTokenLog) -> AsyncGenerator[None, None]:
    """The file cannot grow by a single page."""

    def limit(pages: int | None) -> None:
        execute = log._file._writer.execute
        most = execute("PRAGMA page_count").fetchone()[0] if pages is None else pages
        execute(f"PRAGMA max_page_count = {most}")

    await log._write(partial(limit, None))
    yield
    await log._write(partial(limit, 2**30))


@contextmanager
def commits(log: SqliteTokenLog) -> Generator[list[str], None, None]:
    """The COMMIT statements that the file is given in this block."""
    seen: list[str] = []

    def see(statement: str) -> None:
        if statement == "COMMIT":
            seen.append(statement)

    log._file._writer.set_trace_callback(see)
    yield seen
    log._file._writer.set_trace_callback(None)


async def begun(
    log: SqliteTokenLog, id: GenerationId, events: Sequence[Event], *, at: int
) -> asyncio.Task[None]:
    """An append whose commit has begun, alone."""
    append = asyncio.create_task(log.append(id, events, at=at))
    await until(lambda: bool(log._pending))
    await until(lambda: not log._pending)
    return append
