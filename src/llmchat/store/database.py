"""How the stores ask a database: in short transactions, each given a limited time."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from llmchat.errors import StorageUnavailable

_RETRY_AFTER_SECONDS = 5
UNHURRIED = 10
"""How many times longer a search may take than anything else."""


class Database(ABC):
    """`name` is what errors call it. A transaction that takes longer than `patience_seconds`, all
    waiting included, is given up. Whatever a driver raises becomes StorageUnavailable."""

    def __init__(
        self,
        name: str,
        *,
        writer: AsyncEngine,
        readers: AsyncEngine,
        patience_seconds: float | None,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        """`failed` is called whenever it could not be used."""
        self.name = name
        self._failed = failed
        self._writer = writer
        self._readers = readers
        self._patience_seconds = patience_seconds

    @asynccontextmanager
    async def write(self, *, unhurried: bool = False) -> AsyncGenerator[AsyncSession, None]:
        """A transaction that is committed at the end of the block, or rolled back. `unhurried`: it
        may take long, as one with a whole conversation does."""
        patience = self._patience(unhurried=unhurried)
        async with self._given(patience), AsyncSession(self._writer) as session:
            session.sync_session.expire_on_commit = False
            async with session.begin():
                yield session

    @asynccontextmanager
    async def read(self, *, unhurried: bool = False) -> AsyncGenerator[AsyncSession, None]:
        """All statements of the block see one state. `unhurried`: it may take long, as a search
        through all messages does."""
        patience = self._patience(unhurried=unhurried)
        async with self._given(patience), AsyncSession(self._readers) as session:
            yield session

    def _patience(self, *, unhurried: bool) -> float | None:
        seconds = self._patience_seconds
        return seconds * UNHURRIED if unhurried and seconds is not None else seconds

    @abstractmethod
    async def ping(self) -> None:
        """Raises StorageUnavailable when the database cannot be asked."""

    @abstractmethod
    async def aclose(self) -> None: ...

    def _lost(self) -> None:  # noqa: B027
        """A connection broke, or nobody answered: the others may be no better."""

    @asynccontextmanager
    async def _given(self, seconds: float | None) -> AsyncGenerator[None, None]:
        with_limit = asyncio.timeout(seconds)
        try:
            async with with_limit:
                yield
        except IntegrityError:
            raise
        # TimeoutError is an OSError; drivers raise both unwrapped while they connect.
        except (DBAPIError, DisconnectionError, PoolTimeoutError, OSError) as error:
            if not isinstance(error, DBAPIError) or error.connection_invalidated:
                self._lost()
            self._failed()
            late = with_limit.expired()
            reason = f"it took longer than {seconds} s" if late else said_by(error)
            raise unavailable(self.name, reason) from error


def unavailable(name: str, reason: str) -> StorageUnavailable:
    return StorageUnavailable(
        f"The database {name} could not be used: {reason}.",
        retry_after_seconds=_RETRY_AFTER_SECONDS,
    )


def said_by(error: BaseException) -> str:
    """The driver's own words: SQLAlchemy would show the statement and its values as well."""
    original = getattr(error, "orig", None) or error
    return str(original).rstrip(".") or type(original).__name__
