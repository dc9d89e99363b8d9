"""A server that fails again and again is left alone for a while, and then asked by one request."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from llmchat.providers.base import Circuit

THRESHOLD = 5
PAUSE_SECONDS_FIRST = 10.0
PAUSE_SECONDS_MOST = 120.0
# Processes that found a server dead at the same moment do not all come back at the same moment.
_JITTER_SHARE = 0.2
_PROBING_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class Attempt:
    """One request at an endpoint. Its first outcome counts, later ones change nothing."""

    decided: bool = False


class Breaker:
    """What is known of one endpoint: pure, `clock` gives its seconds and `jitter` 0 to 1.

    closed → open after THRESHOLD failures in a row → half open after a pause, for one attempt at a
    time → closed when that one succeeds, else open again for twice as long.

    Closed, it admits everybody once it has seen a success. After a failure, and before the first
    success, no more attempts may be undecided than failures are left until it opens: a hundred
    requests that come at once do not all find out for themselves that the server is gone.
    """

    def __init__(
        self, clock: Callable[[], float], *, jitter: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._failures = 0
        self._proven = False
        self._undecided = 0
        self._pause_seconds = PAUSE_SECONDS_FIRST
        self._probe_at: float | None = None
        self._probe: Attempt | None = None

    @property
    def circuit(self) -> Circuit:
        if self._probe_at is None:
            return "closed"
        return "open" if self._clock() < self._probe_at else "half_open"

    @property
    def wait_seconds(self) -> float:
        """Until asking may help: nothing while it admits somebody."""
        if self._probe is not None:
            return _PROBING_SECONDS
        return 0.0 if self._probe_at is None else max(0.0, self._probe_at - self._clock())

    def admit(self, *, alone: bool = False) -> Attempt | None:
        """An attempt: the caller must say once how it ends. None when the endpoint is not to be
        asked now; while the circuit is closed, the outcome of another attempt may change that.
        Who is `alone` with this endpoint is always admitted."""
        has_room = self._has_room()
        if not has_room and not alone:
            return None
        attempt = Attempt()
        self._undecided += 1
        if has_room and self._probe_at is not None:
            self._probe = attempt
        return attempt

    def succeeded(self, attempt: Attempt) -> None:
        """The server works: a first token came. It counts whenever it comes."""
        if self._decide(attempt):
            self._failures = 0
            self._proven = True
            self._pause_seconds = PAUSE_SECONDS_FIRST
            self._probe_at = self._probe = None

    def failed(self, attempt: Attempt) -> None:
        """The server does not work. Of one that began before the circuit opened, that is known."""
        if not self._decide(attempt):
            return
        if self._probe_at is None:
            self._count()
        elif attempt is self._probe:
            self._pause_seconds = min(2 * self._pause_seconds, PAUSE_SECONDS_MOST)
            self._open()

    def left(self, attempt: Attempt) -> None:
        """It ended in a way that says nothing about the server."""
        if self._decide(attempt) and attempt is self._probe:
            self._probe = None

    def _has_room(self) -> bool:
        match self.circuit:
            case "open":
                return False
            case "half_open":
                return self._probe is None
        trusted = self._proven and not self._failures
        return trusted or self._undecided < THRESHOLD - self._failures

    def _count(self) -> None:
        self._failures += 1
        if self._failures >= THRESHOLD:
            self._open()

    def _open(self) -> None:
        self._proven = False
        self._probe = None
        share = 1 - _JITTER_SHARE * self._jitter()
        self._probe_at = self._clock() + self._pause_seconds * share

    def _decide(self, attempt: Attempt) -> bool:
        """Whether this is its first outcome."""
        if attempt.decided:
            return False
        attempt.decided = True
        self._undecided -= 1
        return True
