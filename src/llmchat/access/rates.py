"""How often somebody may do something: the port, and the counting that processes share."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from llmchat.errors import RateLimited, StorageUnavailable

_log = structlog.get_logger(__name__)

_ANSWER_SECONDS = 1.0
_MOST_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Window:
    """What is left of `limit` until it is whole again, in `reset_seconds` from now."""

    limit: int
    remaining: int
    reset_seconds: int

    def exceeded(self, what: str, kind: str) -> RateLimited:
        return RateLimited(
            f"{what} at most {self.limit} times a minute. Try again in {self.reset_seconds} s.",
            limit=self.limit,
            remaining=0,
            retry_after_seconds=self.reset_seconds,
            kind=kind,
        )


class Rates(Protocol):
    """Counts in windows of a minute. `what` and `who` name the counter."""

    async def take(self, what: str, who: str, limit: int) -> tuple[bool, Window]:
        """Count one more, and say whether that is within the limit. What is beyond it is not
        counted. Raises StorageUnavailable where nobody can tell."""
        ...

    async def look(self, what: str, who: str, limit: int) -> Window:
        """The same without counting."""
        ...

    async def aclose(self) -> None: ...


class SharedRates:
    """Rates that all processes count together, in Redis, in windows that slide. When it does not
    answer nobody is limited, or with `strict` everybody is refused."""

    def __init__(
        self, url: str, *, strict: bool, failed: Callable[[], None] = lambda: None
    ) -> None:
        """`failed` is called whenever Redis does not answer."""
        self._failed = failed
        # Not the library's own pool: its clients wait for seconds, and that ten times.
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_MOST_CONNECTIONS,
            timeout=_ANSWER_SECONDS,
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        options: dict[str, Any] = {"connection_pool": self._pool}
        storage = RedisStorage(
            f"async+{url}",
            implementation="redispy",
            key_prefix="llmchat:rate",
            **options,
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._strict = strict

    async def take(self, what: str, who: str, limit: int) -> tuple[bool, Window]:
        item = RateLimitItemPerMinute(limit)
        try:
            allowed = await self._limiter.hit(item, what, who)
            return allowed, await self._window(item, what, who)
        except (RedisError, OSError) as error:
            return True, self._unknown(limit, error)

    async def look(self, what: str, who: str, limit: int) -> Window:
        try:
            return await self._window(RateLimitItemPerMinute(limit), what, who)
        except (RedisError, OSError) as error:
            return self._unknown(limit, error)

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def _window(self, item: RateLimitItemPerMinute, what: str, who: str) -> Window:
        found = await self._limiter.get_window_stats(item, what, who)
        return window_of(item.amount, found.remaining, found.reset_time)

    def _unknown(self, limit: int, error: Exception) -> Window:
        self._failed()
        if self._strict:
            raise StorageUnavailable(
                "Redis does not answer, and without it nobody knows how often you have called.",
                retry_after_seconds=2,
            ) from error
        _log.warning("Requests are not limited: Redis does not answer", error=str(error))
        return Window(limit, limit, 0)


def window_of(limit: int, remaining: int, reset_at: float) -> Window:
    """From what the library says; its time is the wall clock's."""
    return Window(limit, max(0, remaining), max(1, math.ceil(reset_at - time.time())))
