"""What happened in a world, in a few lines."""

from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import structlog

_KEPT_LINES = 60
_FAILED = "A background task failed"


class Trace:
    """The last lines, with the virtual time of each; what the service logs is among them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.failures: list[str] = []

    def add(self, line: str) -> None:
        self._lines.append(f"{self._now():9.3f}  {line}")

    def __str__(self) -> str:
        return "\n".join(self._lines)

    @contextmanager
    def listening(self) -> Generator[None, None, None]:
        """To the log. Changed in place: a logger that was used before keeps its processors."""
        processors = structlog.get_config()["processors"]
        before = list(processors)
        processors[:] = [self._hear]
        try:
            yield
        finally:
            processors[:] = before

    def _hear(self, _: object, __: str, event: structlog.typing.EventDict) -> Any:
        what = event.pop("event")
        self.add(f"log: {what} {event}")
        if what == _FAILED:
            self.failures.append(f"{event.get('task')}: {event.get('exc_info')!r}")
        raise structlog.DropEvent
