"""What holds for every answer, as the settings say: clocks, defaults, its log, who pays for it."""

from collections.abc import Callable, Sequence

from llmchat.access.base import Allowance
from llmchat.access.usage import Entry
from llmchat.chat.clocks import Clocks
from llmchat.chat.retention import Retention
from llmchat.chat.spending import Alarm, Spending
from llmchat.clock import Clock
from llmchat.domain import Params
from llmchat.metering import Price, Prices
from llmchat.providers.base import Tokens
from llmchat.providers.prices import prices_of
from llmchat.settings import Settings
from llmchat.store.database import Database
from llmchat.store.usage import SqlUsageStore
from llmchat.tokenlog.base import TokenLog


def clocks(settings: Settings) -> Clocks:
    return Clocks(
        first_token_seconds=settings.first_token_seconds,
        token_gap_seconds=settings.token_gap_seconds,
        generation_seconds=settings.generation_seconds,
    )


def defaults(settings: Settings) -> Params:
    return Params(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_tokens,
        skip_thinking=settings.skip_thinking,
    )


def retention(settings: Settings, log: TokenLog, clock: Clock) -> Retention:
    seconds = settings.log_retention_seconds
    return Retention(log, retention_seconds=seconds, now=clock.seconds)


def prices(settings: Settings) -> Prices:
    table = {
        name: Price(said.input, said.input if said.cached is None else said.cached, said.output)
        for name, said in settings.prices.items()
    }
    found = settings.resolved_providers().items()
    return prices_of(table, {name: (provider.urls or ("",))[0] for name, provider in found})


def spending(
    settings: Settings,
    database: Database,
    known: Prices,
    clock: Clock,
    tokens: Tokens,
    alarm: Alarm,
    noted: Callable[[Sequence[Entry]], None],
) -> Spending:
    """`noted` is told what was used up, `alarm` that an allowance is."""
    return Spending(
        SqlUsageStore(database, clock.now, known),
        tokens=tokens,
        now=clock.now,
        longest_seconds=settings.generation_seconds,
        prices=known,
        alarm=alarm,
        allowance=Allowance(
            settings.tokens_per_day,
            settings.tokens_per_month,
            settings.usd_per_day,
            settings.usd_per_month,
        ),
        routes={name: route.models for name, route in settings.routes.items()},
        noted=noted,
    )
