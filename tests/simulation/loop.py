"""An event loop whose time is virtual and whose order is drawn from a seed."""

import asyncio
import heapq
import itertools
import random
from collections import deque
from collections.abc import Coroutine
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any


class Deadlock(AssertionError):
    """Nobody has anything to do any more, or nobody ever gets done."""


@dataclass(eq=False)
class Machine:
    """What a process runs on. A `frozen` one runs nothing until it wakes; a `killed` one never
    runs anything again."""

    name: str
    frozen: bool = False
    killed: bool = False
    held: list[asyncio.Handle] = field(default_factory=list)
    context: Context = field(default_factory=copy_context)

    def __post_init__(self) -> None:
        self.context.run(MACHINE.set, self)


MACHINE: ContextVar[Machine | None] = ContextVar("machine", default=None)
"""On which machine a callback runs; None is the world outside."""


class SimulatedTask(asyncio.Task[Any]):
    """Hashed by its number: sets of tasks are then in the same order in every run."""

    number: int
    machine: Machine | None

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class SimulatedLoop(asyncio.BaseEventLoop):
    """Nothing takes time but waiting: when nobody can run, time jumps to the next timer.

    Tasks that could run in the same turn run in any order, as do timers of one moment. All other
    callbacks keep the order that asyncio promises.
    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[Any]
    _timer_cancelled_count: int

    def __init__(self, rng: random.Random, *, most_seconds: float) -> None:
        super().__init__()
        self._rng = rng
        self._seconds = 0.0
        self._most_seconds = most_seconds
        self._numbers = itertools.count()
        self.failures: list[dict[str, Any]] = []
        self.tasks: dict[SimulatedTask, None] = {}
        make: Any = self._make_task
        self.set_task_factory(make)
        self.set_exception_handler(lambda _, context: self.failures.append(context))

    def time(self) -> float:
        return self._seconds

    def spawn_on(
        self, machine: Machine, work: Coroutine[Any, Any, Any], name: str
    ) -> asyncio.Task[Any]:
        return self.create_task(work, name=name, context=machine.context.copy())

    def tasks_of(self, machine: Machine | None) -> list[SimulatedTask]:
        self.tasks = {task: None for task in self.tasks if not task.done()}
        return [task for task in self.tasks if task.machine is machine]

    def wake(self, machine: Machine) -> None:
        """It goes on, with all that came for it meanwhile."""
        machine.frozen = False
        held, machine.held = machine.held, []
        self._ready.extend(held)

    def _make_task(
        self, _: object, work: Coroutine[Any, Any, Any], context: Context | None = None
    ) -> SimulatedTask:
        task = SimulatedTask.__new__(SimulatedTask)
        task.number = next(self._numbers)
        task.machine = (context or copy_context()).get(MACHINE)
        SimulatedTask.__init__(task, work, loop=self, context=context)
        self.tasks[task] = None
        return task

    def _run_once(self) -> None:
        if not self._ready:
            self._jump()
        timers = self._due()
        handles: list[Any] = self._shuffled([*self._ready, *timers])
        self._ready.clear()
        for handle in handles:
            if handle._cancelled:
                continue
            machine = handle._context.get(MACHINE)
            if machine is not None and (machine.frozen or machine.killed):
                machine.held.append(handle)
            else:
                handle._run()

    def _jump(self) -> None:
        scheduled = self._scheduled
        while scheduled and scheduled[0]._cancelled:
            self._timer_cancelled_count -= 1
            heapq.heappop(scheduled)._scheduled = False
        if not scheduled:
            raise Deadlock("Everybody waits, and nothing will ever happen.")
        self._seconds = max(self._seconds, scheduled[0]._when)
        if self._seconds > self._most_seconds:
            raise Deadlock(f"After {self._most_seconds:g} seconds there is no end.")

    def _due(self) -> list[asyncio.TimerHandle]:
        due = []
        while self._scheduled and self._scheduled[0]._when <= self._seconds:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            due.append(handle)
        self._rng.shuffle(due)
        return due

    def _shuffled(self, handles: list[asyncio.Handle]) -> list[asyncio.Handle]:
        numbered = [(at, number) for at, each in enumerate(handles) if (number := _task(each)) >= 0]
        if len(numbered) < 2:
            return handles
        # Sorted first: who was woken out of a set comes in an order that no seed repeats.
        numbered.sort(key=lambda pair: pair[1])
        places = sorted(at for at, _ in numbered)
        self._rng.shuffle(numbered)
        shuffled = list(handles)
        for place, (at, _) in zip(places, numbered, strict=True):
            shuffled[place] = handles[at]
        return shuffled

    def _process_events(self, event_list: object) -> None:
        raise AssertionError("there are no sockets here")

    def _write_to_self(self) -> None:
        raise AssertionError("there are no threads here")


def _task(handle: Any) -> int:
    """The number of the task that this lets go on; -1 when it is another callback."""
    owner = getattr(handle._callback, "__self__", None)
    return owner.number if isinstance(owner, SimulatedTask) else -1
