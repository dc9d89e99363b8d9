"""The composition root: the only module that names implementations."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import make_url

from llmchat import datadir
from llmchat.chat.context import Prompts
from llmchat.chat.feed import Feed
from llmchat.chat.flow import Clocks
from llmchat.chat.history import HistoryService
from llmchat.chat.retention import Retention
from llmchat.chat.runner import Runner
from llmchat.chat.service import ChatService
from llmchat.chat.sweep import Sweep
from llmchat.chat.watching import ConversationWatch
from llmchat.clock import Clock
from llmchat.config.provider import ProviderSettings
from llmchat.domain import Params
from llmchat.errors import StorageUnavailable
from llmchat.ids import WorkerId, new_id
from llmchat.providers.base import Provider
from llmchat.providers.continuing import Continuing
from llmchat.providers.demo import DemoProvider
from llmchat.providers.factory import ProviderFactory, Source
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.retrying import Retrying
from llmchat.settings import Settings
from llmchat.store import migrations
from llmchat.store.conversations import SqlConversationStore
from llmchat.store.database import Database
from llmchat.store.generations import SqlGenerationStore
from llmchat.store.sqlite import SqliteDatabase
from llmchat.tokenlog.memory import MemoryTokenLog
from llmchat.tokenlog.sqlite import SqliteTokenLog
from llmchat.web import api
from llmchat.web.deps import Services

VERSION = version("llmchat")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is made of, in the order in which it depends on each other."""

    settings: Settings
    database: Database
    log: SqliteTokenLog
    models: ProviderFactory
    conversations: SqlConversationStore
    generations: SqlGenerationStore
    feed: Feed
    runner: Runner
    sweep: Sweep

    async def drain(self) -> None:
        """Before the server stops to listen: take nothing new, send the readers away, see what
        runs to its end."""
        self.runner.draining = True
        self.log.release_readers()
        self.feed.release()
        await self.runner.drain(grace_seconds=self.settings.shutdown_grace_seconds)
        await self.sweep.end_all()

    async def not_ready(self) -> Sequence[str]:
        reasons = ["The server is shutting down."] if self.runner.draining else []
        try:
            await self.database.ping()
        except StorageUnavailable as error:
            reasons.append(error.detail)
        return reasons


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
    stack.enter_context(datadir.locked(settings.data_dir))
    database = await _open_database(settings, stack)
    log_path = datadir.log_path(settings.data_dir)
    log = await stack.enter_async_context(
        SqliteTokenLog(log_path, durability=settings.durability, now=clock.seconds)
    )
    models = await stack.enter_async_context(aclosing(providers_of(settings)))
    conversations = SqlConversationStore(database, clock.now)
    generations = SqlGenerationStore(database, clock.now)
    prompts = Prompts(conversations, models, budget_tokens=settings.max_history_tokens)
    runner = await stack.enter_async_context(
        Runner(
            worker=WorkerId(new_id("worker")),
            log=log,
            scratch=MemoryTokenLog(clock.seconds),
            generations=generations,
            prepare=prompts.prepare,
            clocks=_clocks(settings),
            lease_seconds=settings.lease_seconds,
            now=clock.now,
        )
    )
    sweep = Sweep(
        runner=runner, log=log, generations=generations, lease_seconds=settings.lease_seconds
    )
    # Before the first request: whoever comes back after a crash finds its generation ended.
    await sweep.end_all()
    await stack.enter_async_context(sweep)
    retention = settings.log_retention_seconds
    await stack.enter_async_context(Retention(log, retention_seconds=retention, now=clock.seconds))
    return Parts(settings, database, log, models, conversations, generations, Feed(), runner, sweep)


def _services(parts: Parts) -> Services:
    settings = parts.settings
    return Services(
        chat=ChatService(
            conversations=parts.conversations,
            generations=parts.generations,
            log=parts.log,
            models=parts.models,
            runner=parts.runner,
            feed=parts.feed,
            defaults=_defaults(settings),
        ),
        history=HistoryService(
            conversations=parts.conversations,
            log=parts.log,
            runner=parts.runner,
            feed=parts.feed,
        ),
        watch=ConversationWatch(parts.conversations, parts.log, parts.feed),
        models=parts.models,
        not_ready=parts.not_ready,
        heartbeat_seconds=settings.heartbeat_seconds,
        durability=settings.durability,
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


def database_path(settings: Settings) -> Path:
    """The SQLite file of the conversations."""
    if settings.database_url is None:
        return datadir.database_path(settings.data_dir)
    return Path(str(make_url(settings.database_url).database))


async def _open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    path = database_path(settings)
    await asyncio.to_thread(migrations.upgrade, migrations.sqlite_url(path))
    return await stack.enter_async_context(aclosing(SqliteDatabase(path)))


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
