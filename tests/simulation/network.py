"""What lies between a process and the storage: time, and all that can go wrong on the way."""

import asyncio
import random
from collections.abc import Callable
from contextvars import Context
from typing import TypeVar

from tests.simulation.loop import MACHINE, Machine

T = TypeVar("T")

_QUICK_SECONDS = (0.001, 0.02)
_SLOW_SECONDS = (0.1, 0.9)
_SILENT_SECONDS = 1.0
OUTSIDE = Context()


class Network:
    """To one service. What is asked happens there at one moment, also when the answer is lost, or
    when whoever asked is dead by then. While it is `down`, nothing happens."""

    def __init__(
        self,
        rng: random.Random,
        failure: Callable[[str], Exception],
        *,
        fault_share: float,
        slow_share: float,
    ) -> None:
        self._rng = rng
        self._failure = failure
        self.fault_share = fault_share
        self._slow_share = slow_share
        self.down = False
        self.unreachable_from: set[Machine | None] = set()

    def latency(self) -> float:
        slow = self._rng.random() < self._slow_share
        return self._rng.uniform(*(_SLOW_SECONDS if slow else _QUICK_SECONDS))

    async def ask(self, effect: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[T] = loop.create_future()
        lost = MACHINE.get() in self.unreachable_from
        loop.call_later(self.latency(), self._arrive, effect, answered, lost, context=OUTSIDE)
        return await answered

    def _arrive(self, effect: Callable[[], T], answered: asyncio.Future[T], lost: bool) -> None:
        loop = asyncio.get_running_loop()
        luck = self._rng.random()
        if lost or self.down or luck < self.fault_share / 2:
            self._fail(answered, "it is not there")
            return
        try:
            result = effect()
        except Exception as error:  # noqa: BLE001 - whoever asked gets to hear of it
            loop.call_later(self.latency(), _refuse, answered, error, context=OUTSIDE)
            return
        if luck < self.fault_share:
            self._fail(answered, "the answer was lost")
        else:
            loop.call_later(self.latency(), _answer, answered, result, context=OUTSIDE)

    def _fail(self, answered: asyncio.Future[T], why: str) -> None:
        after = _SILENT_SECONDS if self._rng.random() < 0.3 else self.latency()
        error = self._failure(why)
        asyncio.get_running_loop().call_later(after, _refuse, answered, error, context=OUTSIDE)


def _answer(answered: asyncio.Future[T], result: T) -> None:
    if not answered.done():
        answered.set_result(result)


def _refuse(answered: asyncio.Future[T], error: Exception) -> None:
    if not answered.done():
        answered.set_exception(error)
