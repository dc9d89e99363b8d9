"""The composition root: what is opened, in which order, and how it is wired together."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import partial

import structlog
from fastapi import FastAPI

from llmchat import answering, entrance, gathering
from llmchat.access.audit import Audit
from llmchat.access.keys import Keys
from llmchat.catalogue import providers_of, token_counter
from llmchat.chat.budget import Budget
from llmchat.chat.context import Prompts
from llmchat.chat.feed import Feed
from llmchat.chat.leftovers import Leftovers
from llmchat.chat.news import News
from llmchat.chat.recovery import Recovery
from llmchat.chat.runner import Runner
from llmchat.chat.spending import Spending
from llmchat.chat.sweep import Sweep
from llmchat.chat.titles import Titles
from llmchat.clock import Clock
from llmchat.doors import services_of
from llmchat.engines import Engines, open_engines
from llmchat.ids import WorkerId, new_id
from llmchat.parts import VERSION, Parts
from llmchat.providers.base import Tokens
from llmchat.providers.factory import ProviderFactory
from llmchat.settings import Settings
from llmchat.store.audit import SqlAuditStore
from llmchat.store.conversations import SqlConversationStore
from llmchat.store.generations import SqlGenerationStore
from llmchat.store.keys import SqlKeyStore
from llmchat.tokenlog.crowded import CrowdedTokenLog
from llmchat.tokenlog.memory import MemoryTokenLog
from llmchat.web import api

_log = structlog.get_logger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application. It opens what it needs when its lifespan begins, and
    then has `app.state.parts` and `app.state.services`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            app.state.parts = await _open(settings, stack)
            app.state.services = services_of(app.state.parts)
            await stack.enter_async_context(app.state.services.responses)
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
    prices = answering.prices(settings)
    models = await stack.enter_async_context(aclosing(providers_of(settings, tokens, prices)))
    conversations = SqlConversationStore(engines.database, clock.now)
    generations = SqlGenerationStore(engines.database, clock.now)
    budget = Budget(tokens, models, most_tokens=settings.max_history_tokens)
    paying = answering.spending(settings, engines.database, prices, clock, tokens)
    spending = await stack.enter_async_context(paying)
    feed = Feed()
    news = await stack.enter_async_context(News(conversations, feed, engines.signals))
    titling = Titles(conversations, models, news, spending, by=settings.titles)
    titles = await stack.enter_async_context(titling)
    prompts = Prompts(conversations, models, budget)
    running = _runner(settings, engines, clock, generations, prompts, tokens, spending, titles)
    runner = await stack.enter_async_context(running)
    leftovers = Leftovers(engines.log, spending, tokens, prompts.prepare)
    recovery, sweep = _recovery(settings, engines, runner, generations, models, leftovers)
    heard = partial(gathering.heard, runner, sweep, news)
    rooms = await gathering.open_rooms(engines, conversations, feed, heard, stack)
    await _end_what_died(engines, sweep, spending)
    await stack.enter_async_context(sweep)
    await stack.enter_async_context(answering.retention(settings, engines.log, clock))
    keys = await stack.enter_async_context(aclosing(Keys(SqlKeyStore(engines.database), clock.now)))
    audit = Audit(SqlAuditStore(engines.database), clock.now)
    parts = Parts(
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
        keys=keys,
        issuer_tokens=await stack.enter_async_context(entrance.issuer_tokens(settings)),
        now=clock.now,
        audit=audit,
        rates=await stack.enter_async_context(aclosing(entrance.rates(settings))),
        first_key=await entrance.first_key(settings, keys, audit),
    )
    await parts.warn()
    return parts


def _runner(
    settings: Settings,
    engines: Engines,
    clock: Clock,
    generations: SqlGenerationStore,
    prompts: Prompts,
    tokens: Tokens,
    spending: Spending,
    titles: Titles,
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
        on_end=titles.on_end,
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
