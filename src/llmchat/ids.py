"""Opaque ids: a prefix, the time in the front so that they sort, and 80 random bits."""

import secrets
import threading
import time
from typing import NewType

OwnerId = NewType("OwnerId", str)
ConversationId = NewType("ConversationId", str)
MessageId = NewType("MessageId", str)
GenerationId = NewType("GenerationId", str)
KeyId = NewType("KeyId", str)
LinkId = NewType("LinkId", str)
WorkerId = NewType("WorkerId", str)

# In ASCII order, so that comparing two ids as text compares their times.
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TIME_DIGITS = 9
_RANDOM_DIGITS = 14


def new_id(prefix: str) -> str:
    """An id like `gen_0Q3kd…`: 23 base-62 digits, later ones sort after earlier ones.

    The front is microseconds since the epoch, never repeated and never going back within a process;
    the rest is 83 bits from the system's random source, so an id cannot be guessed.
    """
    return f"{prefix}_{_digits(_ticks.next(), _TIME_DIGITS)}{_random()}"


class _Ticks:
    """Microseconds of the wall clock, made to go forward only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1000)
            return self._last


_ticks = _Ticks()


def _digits(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def _random() -> str:
    return _digits(secrets.randbelow(len(_ALPHABET) ** _RANDOM_DIGITS), _RANDOM_DIGITS)
