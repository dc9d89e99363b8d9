"""The composition root: the only module that names implementations."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.metadata import version

import structlog
from fastapi import FastAPI

from llmchat import defaults, entrance, gathering
from llmchat.access.audit import Audit
from llmchat.access.keys import Keys
from llmchat.access.rates import Rates
from llmchat.access.tokens import IssuerTokens
from llmchat.catalogue import providers_of, token_counter
from llmchat.chat.budget import Budget
from llmchat.chat.context import Prompts
from llmchat.chat.feed import Feed
from llmchat.chat.history import HistoryService
from llmchat.chat.news import News
from llmchat.chat.quota import Quota
from llmchat.chat.recovery import Recovery
from llmchat.chat.retention import Retention
from llmchat.chat.rooms import Rooms
from llmchat.chat.runner import Runner
from llmchat.chat.service import ChatService
from llmchat.chat.sharing import SharingService
from llmchat.chat.speaking import Speaking
from llmchat.chat.stopping import Stopping
from llmchat.chat.sweep import Sweep
from llmchat.chat.titles import Titles
from llmchat.clock import Clock
from llmchat.engines import Engines, open_engines
from llmchat.errors import StorageUnavailable
from llmchat.ids import WorkerId, new_id
from llmchat.providers.base import Tokens
from llmchat.providers.factory import ProviderFactory
from llmchat.settings import Settings
from llmchat.store.audit import SqlAuditStore
from llmchat.store.conversations import SqlConversationStore
from llmchat.store.generations import SqlGenerationStore
from llmchat.store.keys import SqlKeyStore
from llmchat.store.members import SqlMemberStore
from llmchat.store.notes import SqlNoteStore
from llmchat.tokenlog.memory import MemoryTokenLog
from llmchat.web import api
from llmchat.web.deps import Services
from llmchat.web.places import Places

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
    news: News
    rooms: Rooms
    runner: Runner
    recovery: Recovery
    sweep: Sweep
    keys: Keys
    issuer_tokens: IssuerTokens | None
    audit: Audit
    rates: Rates
    now: Callable[[], datetime]
    first_key: str | None
    """The secret that this start made, to be shown once."""

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


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application. It opens what it needs when its lifespan begins, and
    then has `app.state.parts` and `app.state.services`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            app.state.parts = await _open(settings, stack)
            app.state.services = _services(app.state.parts)
            yield

    return api.build(
        lifespan,
        version=VERSION,
        max_body_bytes=settings.max_body_bytes,
        allowed_hosts=entrance.allowed_hosts(settings),
        cors_origins=settings.cors_origins or (),
    )


async def _open(settings: Settings, stack: AsyncExitStack) -> Parts:
    """Opens everything; the stack closes it the other way round."""
    clock = Clock()
    engines = await open_engines(settings, clock, stack)
    tokens = token_counter()
    models = await stack.enter_async_context(aclosing(providers_of(settings, tokens)))
    conversations = SqlConversationStore(engines.database, clock.now)
    generations = SqlGenerationStore(engines.database, clock.now)
    budget = Budget(tokens, models, most_tokens=settings.max_history_tokens)
    feed = Feed()
    news = await stack.enter_async_context(News(conversations, feed, engines.signals))
    titles = await stack.enter_async_context(
        Titles(conversations, models, news, by=settings.titles)
    )
    prompts = Prompts(conversations, models, budget)
    running = _runner(settings, engines, clock, generations, prompts, tokens, titles)
    runner = await stack.enter_async_context(running)
    recovery, sweep = _recovery(settings, engines, runner, generations, models, tokens)
    heard = partial(gathering.heard, runner, sweep, news)
    rooms = await gathering.open_rooms(engines, conversations, feed, heard, stack)
    if not engines.shared:
        # Before the first request: whoever comes back after a crash finds its generation ended.
        await sweep.recover_all()
    await stack.enter_async_context(sweep)
    seconds = settings.log_retention_seconds
    retention = Retention(engines.log, retention_seconds=seconds, now=clock.seconds)
    await stack.enter_async_context(retention)
    keys = await stack.enter_async_context(aclosing(Keys(SqlKeyStore(engines.database), clock.now)))
    audit = Audit(SqlAuditStore(engines.database), clock.now)
    parts = Parts(
        settings=settings,
        engines=engines,
        models=models,
        conversations=conversations,
        generations=generations,
        budget=budget,
        news=news,
        rooms=rooms,
        runner=runner,
        recovery=recovery,
        sweep=sweep,
        keys=keys,
        issuer_tokens=await stack.enter_async_context(entrance.issuer_tokens(settings)),
        now=clock.now,
        audit=audit,
        rates=await stack.enter_async_context(aclosing(entrance.rates(settings))),
        first_key=await entrance.first_key(settings, keys, audit),
    )
    await _warn(parts)
    return parts


async def _warn(parts: Parts) -> None:
    for warning in await parts.warnings():
        _log.warning("A promise does not hold", why=warning)


def _runner(
    settings: Settings,
    engines: Engines,
    clock: Clock,
    generations: SqlGenerationStore,
    prompts: Prompts,
    tokens: Tokens,
    titles: Titles,
) -> Runner:
    return Runner(
        worker=WorkerId(new_id("worker")),
        log=engines.log,
        scratch=MemoryTokenLog(clock.seconds),
        generations=generations,
        prepare=prompts.prepare,
        tokens=tokens,
        clocks=defaults.clocks(settings),
        lease_seconds=settings.lease_seconds,
        now=clock.now,
        signals=engines.signals,
        hands_over=settings.on_crash != "mark",
        checkpoints=engines.shared,
        on_end=titles.on_end,
    )


def _recovery(
    settings: Settings,
    engines: Engines,
    runner: Runner,
    generations: SqlGenerationStore,
    models: ProviderFactory,
    tokens: Tokens,
) -> tuple[Recovery, Sweep]:
    recovery = Recovery(
        runner=runner,
        log=engines.log,
        generations=generations,
        models=models,
        tokens=tokens,
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


def _speaking(parts: Parts, chat: ChatService) -> Speaking:
    return Speaking(
        chat=chat,
        conversations=parts.conversations,
        notes=SqlNoteStore(parts.engines.database, parts.now),
        models=parts.models,
        news=parts.news,
        rooms=parts.rooms,
    )


def _services(parts: Parts) -> Services:
    settings, log = parts.settings, parts.engines.log
    stopping = Stopping(parts.runner, parts.recovery, parts.generations)
    chat = ChatService(
        conversations=parts.conversations,
        generations=parts.generations,
        log=log,
        models=parts.models,
        runner=parts.runner,
        stopping=stopping,
        news=parts.news,
        quota=Quota(parts.generations, settings.max_live_generations),
        budget=parts.budget,
        defaults=defaults.params(settings),
    )
    return Services(
        door=entrance.door(settings, parts.keys, parts.issuer_tokens, parts.rates),
        keys=parts.keys,
        audit=parts.audit,
        places=Places(per_caller=settings.max_streams_per_caller, in_all=settings.max_streams),
        chat=chat,
        speaking=_speaking(parts, chat),
        rooms=parts.rooms,
        socket_origins=settings.cors_origins or (),
        history=HistoryService(
            conversations=parts.conversations,
            log=log,
            stopping=stopping,
            news=parts.news,
        ),
        sharing=SharingService(
            members=SqlMemberStore(parts.engines.database, parts.now),
            conversations=parts.conversations,
            news=parts.news,
            now=parts.now,
        ),
        watch=parts.rooms.watch,
        models=parts.models,
        not_ready=parts.not_ready,
        warnings=parts.warnings,
        heartbeat_seconds=settings.heartbeat_seconds,
        # The settings are about the embedded store; Redis writes its file, and syncs it later.
        durability="process" if parts.engines.shared else settings.durability,
        version=VERSION,
    )
