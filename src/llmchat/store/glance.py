"""A look into a database that nobody has opened yet.

Nothing here may be called where an event loop runs: it waits, and has one of its own for Postgres.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.exc import DBAPIError

from llmchat.errors import StorageUnavailable
from llmchat.store import postgres
from llmchat.store.database import said_by, unavailable

_CONNECT_SECONDS = 10

T = TypeVar("T")


def glance(url: str, ask: Callable[[Connection], T]) -> T:
    """What `ask` finds there. Raises StorageUnavailable when it cannot be asked."""
    with translated(url):
        if postgres.is_postgres(url):
            return asyncio.run(_postgres(url, ask))
        engine = create_engine(url)
        try:
            with engine.connect() as connection:
                return ask(connection)
        finally:
            engine.dispose()


@contextmanager
def translated(url: str) -> Generator[None, None, None]:
    """What a driver raises inside comes out as StorageUnavailable."""
    try:
        yield
    except DBAPIError as error:
        if postgres.is_postgres(url):
            name = postgres.named(postgres.parsed(url))
            raise unavailable(name, said_by(error)) from error
        raise StorageUnavailable(
            f"The database {make_url(url).database} could not be used: {said_by(error)}. Let this "
            "user read and write it; if it is damaged, put a backup in its place with "
            "`llmchat db restore --replace`."
        ) from error


async def _postgres(url: str, ask: Callable[[Connection], T]) -> T:
    async with postgres.engine_without_pool(url, _CONNECT_SECONDS).connect() as connection:
        return await connection.run_sync(ask)
