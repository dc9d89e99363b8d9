"""One timer for every stream: a wheel whose slots spread the streams' phases over the period."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable

TICK_NS = 250_000
GOLDEN = 0.6180339887498949
"""Multiples of it, modulo 1, fill an interval evenly however many are taken."""

CLOCK_MONOTONIC = 1

Emit = Callable[[], bool]
"""Sends one token; False takes the stream off the wheel."""


def _timer_fd(interval_ns: int) -> int:
    """A timerfd: event loops count in milliseconds, which would bunch the streams."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK)
    seconds, nanoseconds = divmod(interval_ns, 1_000_000_000)
    spec = struct.pack("=4q", seconds, nanoseconds, seconds, nanoseconds)
    if fd < 0 or libc.timerfd_settime(fd, 0, spec, None) != 0:
        raise OSError(ctypes.get_errno(), "timerfd")
    return fd


def slots(rate: float) -> int:
    """How many ticks one period of that rate takes."""
    return max(1, round(1e9 / rate / TICK_NS))


def period_ns(rate: float) -> int:
    """The time between two tokens of a stream, as the wheel really turns."""
    return slots(rate) * TICK_NS


class Wheel:
    """The streams of one rate, each in its slot of the period."""

    def __init__(self, rate: float) -> None:
        self._slots: list[list[Emit]] = [[] for _ in range(slots(rate))]
        self._added = 0

    def add(self, emit: Emit) -> None:
        self._added += 1
        self._slots[int(self._added * GOLDEN % 1 * len(self._slots))].append(emit)

    def turn(self, tick: int) -> None:
        at = tick % len(self._slots)
        if slot := self._slots[at]:
            self._slots[at] = [emit for emit in slot if emit()]


class Ticker:
    """Turns all wheels, and knows how late it was."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._wheels: dict[float, Wheel] = {}
        self._tick = 0
        self.worst_lag_ns = 0
        self._fd = _timer_fd(TICK_NS)
        loop.add_reader(self._fd, self._expired)

    def add(self, rate: float, emit: Emit) -> None:
        if rate not in self._wheels:
            self._wheels[rate] = Wheel(rate)
        self._wheels[rate].add(emit)

    def _expired(self) -> None:
        (expirations,) = struct.unpack("=Q", os.read(self._fd, 8))
        self.worst_lag_ns = max(self.worst_lag_ns, (expirations - 1) * TICK_NS)
        for _ in range(expirations):
            self._tick += 1
            for wheel in self._wheels.values():
                wheel.turn(self._tick)
