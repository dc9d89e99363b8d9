"""The parts of an opened service, which its doors and its server are given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

import structlog

from llmchat.chat.budget import Budget
from llmchat.chat.news import News
from llmchat.chat.recovery import Recovery
from llmchat.chat.rooms import Rooms
from llmchat.chat.runner import Runner
from llmchat.chat.spending import Spending
from llmchat.chat.sweep import Sweep
from llmchat.engines import Engines
from llmchat.entrance import Entrance
from llmchat.errors import StorageUnavailable
from llmchat.providers.factory import ProviderFactory
from llmchat.settings import Settings
from llmchat.store.conversations import SqlConversationStore
from llmchat.store.generations import SqlGenerationStore

_log = structlog.get_logger(__name__)

VERSION = version("llmchat")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is made of, in the order in which it depends on each other."""

    settings: Settings
    engines: Engines
    models: ProviderFactory
    conversations: SqlConversationStore
    generations: SqlGenerationStore
    budget: Budget
    spending: Spending
    news: News
    rooms: Rooms
    runner: Runner
    recovery: Recovery
    sweep: Sweep
    entrance: Entrance
    now: Callable[[], datetime]

    async def drain(self) -> None:
        """Before the server stops to listen: take nothing new, send the readers away, see what
        runs to its end."""
        self.runner.draining = True
        self.engines.log.release_readers()
        self.rooms.release()
        await self.runner.drain(grace_seconds=self.settings.shutdown_grace_seconds)
        if not self.runner.hands_over and not self.engines.shared:
            await self.sweep.recover_all()

    async def not_ready(self) -> Sequence[str]:
        reasons = ["The server is shutting down."] if self.runner.draining else []
        for ask in (self.engines.database.ping, self.engines.warnings):
            try:
                await ask()
            except StorageUnavailable as error:
                reasons.append(error.detail)
        return reasons

    async def warnings(self) -> Sequence[str]:
        try:
            return await self.engines.warnings()
        except StorageUnavailable:
            return ()

    async def warn(self) -> None:
        for warning in await self.warnings():
            _log.warning("A promise does not hold", why=warning)
