"""Whoever wants to know that a storage could not do what it was asked for."""

from collections.abc import Callable
from typing import Literal

Storage = Literal["database", "log", "signals", "rates"]
"""`log`, `signals` and `rates` are Redis where several processes work together."""
Failed = Callable[[Storage], None]
"""Is told each time. It neither waits nor raises."""


def unheard(_storage: Storage) -> None:
    """Nobody wants to know."""
