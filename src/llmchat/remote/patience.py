"""How long to go on trying, and how long to wait before the next time."""

import asyncio
import random
from collections.abc import Callable

_LONGEST_SECONDS = 10.0


class Patience:
    """For one request, or for the way from one sign of life to the next: `renew` begins it anew.

    Waits grow, and are drawn by lot: a service that comes back is not met by all at once.
    """

    def __init__(
        self, seconds: float, *, first_seconds: float, now: Callable[[], float] | None = None
    ) -> None:
        self._seconds = seconds
        self._first_seconds = first_seconds
        self._now = now or asyncio.get_running_loop().time
        self.renew()

    def renew(self) -> None:
        self._until = self._now() + self._seconds
        self._failures = 0

    async def outlast(self, error: Exception, *, retry_after: float | None = None) -> None:
        """Wait before the next attempt, no less than `retry_after`; raises the error instead, when
        that would take longer than this lasts."""
        most = min(_LONGEST_SECONDS, self._first_seconds * 2**self._failures)
        seconds = random.uniform(0, most) + (retry_after or 0)  # noqa: S311
        self._failures = min(self._failures + 1, 16)
        if self._now() + seconds > self._until:
            raise error
        await asyncio.sleep(seconds)
