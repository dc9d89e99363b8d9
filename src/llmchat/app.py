"""The composition root: the only module that names implementations."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

import structlog
from fastapi import FastAPI

from llmchat.chat.context import Prompts
from llmchat.chat.feed import Feed
from llmchat.chat.flow import Clocks
from llmchat.chat.history import HistoryService
from llmchat.chat.news import News
from llmchat.chat.recovery import Recovery
from llmchat.chat.retention import Retention
from llmchat.chat.runner import Runner
from llmchat.chat.service import ChatService
from llmchat.chat.stopping import Stopping
from llmchat.chat.sweep import Sweep
from llmchat.chat.watching import ConversationWatch
from llmchat.clock import Clock
from llmchat.config.provider import ProviderSettings
from llmchat.domain import Params
from llmchat.engines import Engines, open_engines
from llmchat.errors import StorageUnavailable
from llmchat.ids import WorkerId, new_id
from llmchat.providers.base import Provider
from llmchat.providers.continuing import Continuing
from llmchat.providers.demo import DemoProvider
from llmchat.providers.factory import ProviderFactory, Source
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.retrying import Retrying
from llmchat.settings import Settings
from llmchat.signals.base import Abandoned, Happened, Signal, StopWanted
from llmchat.store.conversations import SqlConversationStore
from llmchat.store.generations import SqlGenerationStore
from llmchat.tokenlog.memory import MemoryTokenLog
from llmchat.web import api
from llmchat.web.deps import Services

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
    feed: Feed
    news: News
    runner: Runner
    recovery: Recovery
    sweep: Sweep

    async def drain(self) -> None:
        """Before the server stops to listen: take nothing new, send the readers away, see what
        runs to its end."""
        self.runner.draining = True
        self.engines.log.release_readers()
        self.feed.release()
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


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application. It opens what it needs when its lifespan begins, and
    then has `app.state.parts` and `app.state.services`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            app.state.parts = await _open(settings, stack)
            app.state.services = _services(app.state.parts)
            yield

    return api.build(lifespan, version=VERSION, max_body_bytes=settings.max_body_bytes)


async def _open(settings: Settings, stack: AsyncExitStack) -> Parts:
    """Opens everything; the stack closes it the other way round."""
    clock = Clock()
    engines = await open_engines(settings, clock, stack)
    models = await stack.enter_async_context(aclosing(providers_of(settings)))
    conversations = SqlConversationStore(engines.database, clock.now)
    generations = SqlGenerationStore(engines.database, clock.now)
    prompts = Prompts(conversations, models, budget_tokens=settings.max_history_tokens)
    feed = Feed()
    news = await stack.enter_async_context(News(conversations, feed, engines.signals))
    runner = await stack.enter_async_context(
        Runner(
            worker=WorkerId(new_id("worker")),
            log=engines.log,
            scratch=MemoryTokenLog(clock.seconds),
            generations=generations,
            prepare=prompts.prepare,
            clocks=_clocks(settings),
            lease_seconds=settings.lease_seconds,
            now=clock.now,
            signals=engines.signals,
            hands_over=settings.on_crash != "mark",
            checkpoints=engines.shared,
        )
    )
    recovery, sweep = _recovery(settings, engines, runner, generations, models)
    engines.signals.listen(partial(_heard, runner, sweep, news), feed.lose)
    if not engines.shared:
        # Before the first request: whoever comes back after a crash finds its generation ended.
        await sweep.recover_all()
    await stack.enter_async_context(sweep)
    retention = settings.log_retention_seconds
    await stack.enter_async_context(
        Retention(engines.log, retention_seconds=retention, now=clock.seconds)
    )
    parts = Parts(
        settings, engines, models, conversations, generations, feed, news, runner, recovery, sweep
    )
    for warning in await parts.warnings():
        _log.warning("A promise does not hold", why=warning)
    return parts


def _recovery(
    settings: Settings,
    engines: Engines,
    runner: Runner,
    generations: SqlGenerationStore,
    models: ProviderFactory,
) -> tuple[Recovery, Sweep]:
    recovery = Recovery(
        runner=runner,
        log=engines.log,
        generations=generations,
        models=models,
        on_crash=settings.on_crash,
        log_may_vanish=engines.shared,
    )
    sweep = Sweep(
        runner=runner,
        recovery=recovery,
        generations=generations,
        lease_seconds=settings.lease_seconds,
    )
    return recovery, sweep


def _heard(runner: Runner, sweep: Sweep, news: News, signal: Signal) -> None:
    match signal:
        case StopWanted(id):
            runner.stop_here(id)
        case Abandoned():
            sweep.wake()
        case Happened():
            news.hear(signal)


def _services(parts: Parts) -> Services:
    settings, log = parts.settings, parts.engines.log
    stopping = Stopping(parts.runner, parts.recovery, parts.generations)
    return Services(
        chat=ChatService(
            conversations=parts.conversations,
            generations=parts.generations,
            log=log,
            models=parts.models,
            runner=parts.runner,
            stopping=stopping,
            news=parts.news,
            defaults=_defaults(settings),
        ),
        history=HistoryService(
            conversations=parts.conversations,
            log=log,
            stopping=stopping,
            news=parts.news,
        ),
        watch=ConversationWatch(parts.conversations, log, parts.feed),
        models=parts.models,
        not_ready=parts.not_ready,
        warnings=parts.warnings,
        heartbeat_seconds=settings.heartbeat_seconds,
        # The settings are about the embedded store; Redis writes its file, and syncs it later.
        durability="process" if parts.engines.shared else settings.durability,
        version=VERSION,
    )


def providers_of(settings: Settings) -> ProviderFactory:
    """The providers that the settings name, each wrapped as configured."""
    sources = [
        Source(
            name,
            _provider(name, found, settings.max_attempts),
            found.base_url or "built in",
            found.source,
            found.optional,
        )
        for name, found in settings.resolved_providers().items()
    ]
    return ProviderFactory(sources, default_model=settings.default_model)


def _provider(name: str, found: ProviderSettings, attempts: int) -> Provider:
    if found.kind == "demo":
        return DemoProvider()
    provider = OpenAIProvider(
        name,
        base_url=found.base_url or "",
        api_key=None if found.api_key is None else found.api_key.get_secret_value(),
        headers=found.headers,
        models=found.models,
        prefills=found.prefill,
    )
    return Continuing(Retrying(provider, attempts=attempts))


def _clocks(settings: Settings) -> Clocks:
    return Clocks(
        first_token_seconds=settings.first_token_seconds,
        token_gap_seconds=settings.token_gap_seconds,
        generation_seconds=settings.generation_seconds,
    )


def _defaults(settings: Settings) -> Params:
    return Params(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_tokens,
        skip_thinking=settings.skip_thinking,
    )
