"""How long a model may be silent, and how long it was."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llmchat.errors import UpstreamTimeout
from llmchat.events import Delta, Event, Reset


@dataclass(frozen=True, slots=True)
class Clocks:
    """The longest silences: before the first token, between two, and the whole."""

    first_token_seconds: float
    token_gap_seconds: float
    generation_seconds: float


class Watch:
    """The three clocks on one timer, which is set anew when it rings and not at every token."""

    def __init__(self, clocks: Clocks, ring: Callable[[UpstreamTimeout], None]) -> None:
        self._clocks = clocks
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._begun = self._last = self._loop.time()
        self.first_token_seconds: float | None = None
        self.reasoning_seconds: float | None = None
        self._thinks_since: float | None = None

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return self._loop.time() - self._begun

    def start(self) -> None:
        self._begun = self._last = self._loop.time()
        self._set()

    def tick(self) -> None:
        self._last = self._loop.time()
        if self.first_token_seconds is None:
            self.first_token_seconds = self._last - self._begun
            self.cancel()
            self._set()

    def hear(self, events: Sequence[Event]) -> None:
        """What was said: whether it still thinks."""
        for event in events:
            match event:
                case Delta(channel="reasoning"):
                    self._thinks_since = self._thinks_since or self._last
                    self.reasoning_seconds = self._last - self._thinks_since
                case Delta(text=text) if text and self._thinks_since is not None:
                    self.reasoning_seconds = self._last - self._thinks_since
                    self._thinks_since = None
                case Reset():
                    self._thinks_since = self.reasoning_seconds = None

    def restart(self) -> None:
        """Another attempt: its first token may take as long as the first one's."""
        self._last = self._loop.time()
        self.first_token_seconds = None
        self.cancel()
        self._set()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _set(self) -> None:
        self._timer = self._loop.call_at(min(self._due()), self._look)

    def _due(self) -> tuple[float, float]:
        clocks = self._clocks
        waiting = self.first_token_seconds is None
        silence = clocks.first_token_seconds if waiting else clocks.token_gap_seconds
        return self._last + silence, self._begun + clocks.generation_seconds

    def _look(self) -> None:
        silent_at, over_at = self._due()
        now = self._loop.time()
        if now >= over_at:
            self._ring(_timeout("took longer than", self._clocks.generation_seconds))
        elif now < silent_at:
            self._set()
        elif self.first_token_seconds is not None:
            self._ring(_timeout("sent no token for", self._clocks.token_gap_seconds))
        else:
            self._ring(_timeout("sent no first token within", self._clocks.first_token_seconds))


def _timeout(what: str, seconds: float) -> UpstreamTimeout:
    return UpstreamTimeout(f"The model {what} {seconds:g} seconds. What came is kept.")
