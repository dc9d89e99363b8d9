"""The time of day, safe against somebody setting the clock."""

import time
from datetime import UTC, datetime


class Clock:
    """Wall time read once and carried on by the monotonic clock.

    If the machine's clock jumps while we run, timestamps and retention do not: an expiry an hour
    early would delete a log that a reader is still promised. After a restart the wall is read anew.
    """

    def __init__(self) -> None:
        self._anchor_seconds = time.time() - time.monotonic()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def seconds(self) -> float:
        """Seconds since the Unix epoch."""
        return self._anchor_seconds + time.monotonic()
