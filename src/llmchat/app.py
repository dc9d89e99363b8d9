"""The composition root: the only module that names implementations."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
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
from llmchat.providers.demo import DemoProvider
from llmchat.providers.factory import ProviderFactory, Source
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.retrying import Retrying
from llmchat.settings import Settings
from llmchat.store import migrations
from llmchat.store.conversations import SqlConversationStore
from llmchat.store.database import Database
from llmchat.store.generations import SqlGenerationStore
from llmchat.tokenlog.memory import MemoryTokenLog
from llmchat.tokenlog.sqlite import SqliteTokenLog
from llmchat.web import api
from llmchat.web.deps import Services

VERSION = version("llmchat")

Drain = Callable[[], Awaitable[None]]


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application. It opens what it needs when its lifespan begins, and
    then has `app.state.services`, `app.state.drain` (to be called before the server stops to
    listen) and `app.state.providers`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            await _open(app, settings, stack)
            yield

    return api.build(lifespan, version=VERSION, max_body_bytes=settings.max_body_bytes)


async def _open(app: FastAPI, settings: Settings, stack: AsyncExitStack) -> None:
    """Everything in the order in which it depends on each other; closed the other way round."""
    clock = Clock()
    stack.enter_context(datadir.locked(settings.data_dir))
    database = await _open_database(settings, stack)
    log = await stack.enter_async_context(
        SqliteTokenLog(
            datadir.log_path(settings.data_dir), durability=settings.durability, now=clock.seconds
        )
    )
    factory = await stack.enter_async_context(aclosing(providers_of(settings)))
    conversations = SqlConversationStore(database, clock.now)
    generations = SqlGenerationStore(database, clock.now)
    feed = Feed()
    prompts = Prompts(conversations, factory, budget_tokens=settings.max_history_tokens)
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
        runner=runner,
        log=log,
        generations=generations,
        lease_seconds=settings.lease_seconds,
    )
    # Before the first request: whoever comes back after a crash finds its generation ended.
    await sweep.end_all()
    await stack.enter_async_context(sweep)
    await stack.enter_async_context(
        Retention(log, retention_seconds=settings.log_retention_seconds, now=clock.seconds)
    )
    chat = ChatService(
        conversations=conversations,
        generations=generations,
        log=log,
        models=factory,
        runner=runner,
        feed=feed,
        defaults=_defaults(settings),
    )

    async def not_ready() -> Sequence[str]:
        return [
            *(["The server is shutting down."] if runner.draining else []),
            *await _storage_problems(database),
        ]

    async def drain() -> None:
        runner.draining = True
        log.release_readers()
        feed.release()
        await runner.drain(grace_seconds=settings.shutdown_grace_seconds)
        await sweep.end_all()

    app.state.services = Services(
        chat=chat,
        history=HistoryService(conversations=conversations, log=log, runner=runner, feed=feed),
        watch=ConversationWatch(conversations, log, feed),
        models=factory,
        not_ready=not_ready,
        heartbeat_seconds=settings.heartbeat_seconds,
        durability=settings.durability,
        version=VERSION,
    )
    app.state.drain = drain
    app.state.providers = factory


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
    )
    return Retrying(provider, attempts=attempts)


def database_path(settings: Settings) -> Path:
    """The SQLite file of the conversations."""
    if settings.database_url is None:
        return datadir.database_path(settings.data_dir)
    return Path(str(make_url(settings.database_url).database))


async def _open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    path = database_path(settings)
    await asyncio.to_thread(migrations.upgrade, f"sqlite:///{path}")
    return await stack.enter_async_context(aclosing(Database(path)))


async def _storage_problems(database: Database) -> Sequence[str]:
    try:
        await database.ping()
    except StorageUnavailable as error:
        return [error.detail]
    return []


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
