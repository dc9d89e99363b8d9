"""The time of day as a test sets it."""

from datetime import UTC, datetime


class SetTime:
    """Stands still until somebody moves it, in either direction."""

    def __init__(self) -> None:
        self._seconds = 1_800_000_000.0

    def seconds(self) -> float:
        """Seconds since the Unix epoch."""
        return self._seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._seconds, UTC)

    def move(self, seconds: float) -> None:
        self._seconds += seconds
