"""The composition root: what is opened, in which order, and how it is wired together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import partial

import structlog
from fastapi import FastAPI

from llmchat import answering, devices, gathering, instruments
from llmchat.catalogue import providers_of, token_counter, untouched
from llmchat.chat.announcing import Announcements
from llmchat.chat.budget import Budget
from llmchat.chat.context import Prompts
from llmchat.chat.endlines import EndLines
from llmchat.chat.feed import Feed
from llmchat.chat.labels import Labels
from llmchat.chat.leftovers import Leftovers
from llmchat.chat.news import News
from llmchat.chat.observing import Observer, Observers
from llmchat.chat.recovery import Recovery
from llmchat.chat.runner import Runner
from llmchat.chat.spending import Spending
from llmchat.chat.sweep import Sweep
from llmchat.chat.titles import Titles
from llmchat.clock import Clock
from llmchat.doors import services_of
from llmchat.engines import Engines
from llmchat.entrance import allowed_hosts, open_entrance
from llmchat.ids import WorkerId, new_id
from llmchat.instruments import Instruments
from llmchat.lock import decided
from llmchat.metering import Prices
from llmchat.metrics.board import Board
from llmchat.notifying import open_webhooks
from llmchat.parts import VERSION, Parts
from llmchat.providers.base import Tokens
from llmchat.providers.factory import ProviderFactory
from llmchat.settings import Settings
from llmchat.store.conversations import SqlConversationStore
from llmchat.store.generations import SqlGenerationStore
from llmchat.tokenlog.crowded import CrowdedTokenLog
from llmchat.tokenlog.memory import MemoryTokenLog
from llmchat.web import api
from llmchat.web.deps import Services

_log = structlog.get_logger(__name__)


def create_app(settings: Settings, board: Board | None = None) -> FastAPI:
    """The service as an ASGI application. It opens what it needs when its lifespan begins, and
    then has `app.state.parts` and `app.state.services`. With a `board` it is one of several
    workers, and has joined it.

    Where `auth` is auto, each beginning of the lifespan decides whether callers are asked for a
    key. The host names are then those of an open service, unless the settings list others.
    """
    eyes = instruments.instruments_of(settings, board)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        # In a thread: an event loop runs here.
        chosen = await asyncio.to_thread(decided, settings)
        async with opened(chosen, eyes) as (parts, services), devices.open_door(parts, services):
            app.state.parts, app.state.services = parts, services
            yield

    app = api.build(
        lifespan,
        version=VERSION,
        max_body_bytes=settings.max_body_bytes,
        allowed_hosts=allowed_hosts(settings),
        onlooker=eyes.meters.doors,
        cors_origins=settings.cors_origins or (),
    )
    if eyes.tracing is not None:
        app.add_middleware(eyes.tracing.requests)
    return app


@asynccontextmanager
async def opened(
    settings: Settings, eyes: Instruments
) -> AsyncGenerator[tuple[Parts, Services], None]:
    """The service without an application around it: its parts, and what its doors call. What still
    runs behind this is interrupted, or left to another; `Parts.drain` waits for it first."""
    async with AsyncExitStack() as stack:
        if eyes.tracing is not None:
            # Closed last: it sends what all others did to their end.
            await stack.enter_async_context(eyes.tracing)
        parts = await _open(settings, eyes, stack)
        await parts.warn()
        meters = eyes.meters
        services = services_of(parts, meters.doors, instruments.figures_of(settings, meters))
        await stack.enter_async_context(services.responses)
        instruments.look_at(parts, services, meters)
        await stack.enter_async_context(meters.pulse)
        yield parts, services


async def _open(settings: Settings, eyes: Instruments, stack: AsyncExitStack) -> Parts:
    """Opens everything; the stack closes it the other way round."""
    clock = Clock()
    engines = await instruments.open_measured(settings, clock, stack, eyes.meters)
    tokens = token_counter()
    prices = answering.prices(settings)
    models = await stack.enter_async_context(aclosing(_models(settings, tokens, prices, eyes)))
    conversations = SqlConversationStore(
        engines.database, clock.now, published=settings.mqtt_url is not None
    )
    generations = SqlGenerationStore(engines.database, clock.now)
    budget = Budget(tokens, models, most_tokens=settings.max_history_tokens)
    watched = eyes.meters.webhooks
    announcements = await open_webhooks(settings, engines, clock, stack, watched, version=VERSION)
    alarm, noted = announcements.used_up, eyes.meters.spent.noted
    paying = answering.spending(settings, engines.database, prices, clock, tokens, alarm, noted)
    spending = await stack.enter_async_context(paying)
    feed = Feed()
    news = await stack.enter_async_context(News(conversations, feed, engines.signals))
    titling = Titles(conversations, models, news, spending, by=settings.titles)
    titles = await stack.enter_async_context(titling)
    prompts = Prompts(conversations, models, budget)
    seen_by = _observers(eyes, titles, announcements)
    running = _runner(settings, engines, clock, generations, prompts, tokens, spending, seen_by)
    runner = await stack.enter_async_context(running)
    leftovers = Leftovers(engines.log, spending, tokens, prompts.prepare)
    recovery, sweep = _recovery(settings, engines, runner, generations, models, leftovers)
    heard = partial(gathering.heard, runner, sweep, news)
    rooms = await gathering.open_rooms(engines, conversations, feed, heard, stack)
    await _end_what_died(engines, sweep, spending)
    await stack.enter_async_context(sweep)
    await stack.enter_async_context(answering.retention(settings, engines.log, clock))
    return Parts(
        settings=settings,
        engines=engines,
        models=models,
        conversations=conversations,
        generations=generations,
        budget=budget,
        spending=spending,
        news=news,
        rooms=rooms,
        runner=runner,
        recovery=recovery,
        sweep=sweep,
        entrance=await open_entrance(
            settings, engines.database, clock, stack, eyes.meters.storage.failed
        ),
        now=clock.now,
    )


def _models(
    settings: Settings, tokens: Tokens, prices: Prices, eyes: Instruments
) -> ProviderFactory:
    around = untouched if eyes.tracing is None else eyes.tracing.around
    return providers_of(settings, tokens, prices, around)


def _observers(eyes: Instruments, titles: Titles, announcements: Announcements) -> Observer:
    traces = [] if eyes.tracing is None else [eyes.tracing.generations]
    # What the traces name stands in the lines: their labels come behind ours.
    return Observers(Labels(), *traces, EndLines(), titles, eyes.meters.answers, announcements)


def _runner(
    settings: Settings,
    engines: Engines,
    clock: Clock,
    generations: SqlGenerationStore,
    prompts: Prompts,
    tokens: Tokens,
    spending: Spending,
    observer: Observer,
) -> Runner:
    return Runner(
        worker=WorkerId(new_id("worker")),
        log=engines.log,
        scratch=CrowdedTokenLog(MemoryTokenLog(clock.seconds)),
        generations=generations,
        prepare=prompts.prepare,
        tokens=tokens,
        spending=spending,
        clocks=answering.clocks(settings),
        lease_seconds=settings.lease_seconds,
        now=clock.now,
        signals=engines.signals,
        hands_over=settings.on_crash != "mark",
        checkpoints=engines.shared,
        observer=observer,
    )


def _recovery(
    settings: Settings,
    engines: Engines,
    runner: Runner,
    generations: SqlGenerationStore,
    models: ProviderFactory,
    leftovers: Leftovers,
) -> tuple[Recovery, Sweep]:
    recovery = Recovery(
        runner=runner,
        log=engines.log,
        generations=generations,
        models=models,
        leftovers=leftovers,
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


async def _end_what_died(engines: Engines, sweep: Sweep, spending: Spending) -> None:
    """Before the first request: whoever comes back after a crash finds its generation ended. What
    others may still be writing is the sweep's."""
    if not engines.shared:
        await sweep.recover_all()
        await spending.end_dead()
