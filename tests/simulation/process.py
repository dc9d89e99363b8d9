"""One process of the service: the real parts, put together as app.py does."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from llmchat.chat.budget import Budget
from llmchat.chat.clocks import Clocks
from llmchat.chat.context import Prompts
from llmchat.chat.feed import Feed
from llmchat.chat.leftovers import Leftovers
from llmchat.chat.news import News
from llmchat.chat.quota import Quota
from llmchat.chat.recovery import OnCrash, Recovery
from llmchat.chat.runner import Runner
from llmchat.chat.service import ChatService
from llmchat.chat.spending import Spending
from llmchat.chat.stopping import Stopping
from llmchat.chat.sweep import Sweep
from llmchat.domain import Params
from llmchat.gathering import heard
from llmchat.ids import WorkerId
from llmchat.providers.tokens import TokenCounter
from llmchat.tasks import cancel
from llmchat.tokenlog.base import TokenLog
from llmchat.tokenlog.memory import MemoryTokenLog
from tests.simulation.connections import SimulatedSignals, SimulatedTokenLog
from tests.simulation.loop import Machine, SimulatedLoop
from tests.simulation.provider import SimulatedModels
from tests.simulation.redis import SimulatedRedis
from tests.simulation.rows import NOON
from tests.simulation.stores import SimulatedConversations, SimulatedGenerations, SimulatedUsage

LEASE_SECONDS = 3.0
CLOCKS = Clocks(first_token_seconds=6.0, token_gap_seconds=4.0, generation_seconds=20.0)
TOKENS = TokenCounter(None)

MakeLog = Callable[[SimulatedRedis, Callable[[], float]], SimulatedTokenLog]


@dataclass(frozen=True, slots=True)
class Place:
    """What all processes of a world share."""

    loop: SimulatedLoop
    redis: SimulatedRedis
    conversations: SimulatedConversations
    generations: SimulatedGenerations
    usage: SimulatedUsage
    models: SimulatedModels
    on_crash: OnCrash
    make_log: MakeLog


class Process:
    """`open` makes it serve until it is closed, or killed."""

    chat: ChatService
    runner: Runner
    log: TokenLog

    def __init__(self, place: Place, name: str) -> None:
        self.machine = Machine(name)
        self.name = name
        self.drained = False
        self._place = place
        self._stack = AsyncExitStack()
        self._spending = Spending(
            place.usage, tokens=TOKENS, now=lambda: NOON, longest_seconds=CLOCKS.generation_seconds
        )
        self._handlers: list[asyncio.Task[Any]] = []

    @property
    def serves(self) -> bool:
        return not (self.machine.killed or self.drained)

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """A request that it answers."""
        task = self._place.loop.spawn_on(self.machine, work, f"{self.name} {name}")
        self._handlers.append(task)
        return task

    async def open(self) -> None:
        place, stack = self._place, self._stack
        log = place.make_log(place.redis, place.loop.time)
        self.log = await stack.enter_async_context(log)
        signals = SimulatedSignals(place.redis)
        feed = Feed()
        news = await stack.enter_async_context(News(place.conversations, feed, signals))
        runner = await stack.enter_async_context(self._runner(signals))
        recovery = Recovery(
            runner=runner,
            log=self.log,
            generations=place.generations,
            models=place.models,
            leftovers=self._leftovers(),
            on_crash=place.on_crash,
            log_may_vanish=True,
        )
        sweep = Sweep(
            runner=runner,
            recovery=recovery,
            generations=place.generations,
            lease_seconds=LEASE_SECONDS,
        )
        signals.listen(partial(heard, runner, sweep, news), feed.lose)
        await stack.enter_async_context(signals)
        await stack.enter_async_context(sweep)
        self.runner = runner
        self.chat = ChatService(
            conversations=place.conversations,
            generations=place.generations,
            log=self.log,
            models=place.models,
            runner=runner,
            stopping=Stopping(runner, recovery, place.generations),
            news=news,
            quota=Quota(place.generations, None),
            budget=self._budget(),
            spending=self._spending,
            defaults=Params(),
        )

    async def drain(self, grace_seconds: float) -> None:
        """As a server does on SIGTERM; nothing of it is left."""
        self.runner.draining = True
        self.log.release_readers()
        await self.runner.drain(grace_seconds=grace_seconds)
        self.drained = True
        for handler in self._handlers:
            await cancel(handler)
        await self._stack.aclose()

    def _budget(self) -> Budget:
        return Budget(TOKENS, self._place.models)

    def _prompts(self) -> Prompts:
        return Prompts(self._place.conversations, self._place.models, self._budget())

    def _leftovers(self) -> Leftovers:
        return Leftovers(self.log, self._spending, TOKENS, self._prompts().prepare)

    def _runner(self, signals: SimulatedSignals) -> Runner:
        place = self._place
        return Runner(
            worker=WorkerId(self.name),
            log=self.log,
            scratch=MemoryTokenLog(place.loop.time),
            generations=place.generations,
            prepare=self._prompts().prepare,
            tokens=TOKENS,
            spending=self._spending,
            clocks=CLOCKS,
            lease_seconds=LEASE_SECONDS,
            now=lambda: NOON,
            signals=signals,
            hands_over=place.on_crash != "mark",
            checkpoints=True,
        )
