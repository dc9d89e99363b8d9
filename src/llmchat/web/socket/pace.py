"""How fast one socket may send."""

from time import monotonic

FRAMES_AT_ONCE = 100
FRAMES_PER_SECOND = 50.0


class Pace:
    """A bucket of frames, full at first, that fills again by FRAMES_PER_SECOND."""

    def __init__(self) -> None:
        self._left = float(FRAMES_AT_ONCE)
        self._at = monotonic()

    def take(self) -> bool:
        """Whether one more is not too fast."""
        now = monotonic()
        self._left = min(FRAMES_AT_ONCE, self._left + (now - self._at) * FRAMES_PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
