"""What is measured, and where its figures come from."""

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from llmchat.clock import Clock
from llmchat.engines import Engines, open_engines
from llmchat.metrics.board import Board
from llmchat.metrics.meters import Meters
from llmchat.metrics.upstreams import Line, Server
from llmchat.parts import VERSION, Parts
from llmchat.providers.factory import ProviderFactory
from llmchat.settings import Settings
from llmchat.tokenlog.timed import TimedTokenLog
from llmchat.tracing.switch import tracing_of
from llmchat.web.deps import Services
from llmchat.web.watched import Figures

if TYPE_CHECKING:
    from llmchat.tracing.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Instruments:
    """What watches the service: figures always, traces where they are asked for."""

    meters: Meters
    tracing: "Tracing | None" = None


def instruments_of(settings: Settings, board: Board | None = None) -> Instruments:
    return Instruments(meters_of(settings, board), tracing_of(os.environ, VERSION))


def meters_of(settings: Settings, board: Board | None = None) -> Meters:
    """Of this process, which is the worker that has joined the board, if there is one."""
    providers = settings.resolved_providers().items()
    named = [f"{name}/{model}" for name, table in providers for model in table.models]
    routes = settings.routes.items()
    answering = [*(f"route/{name}" for name, _ in routes), *([settings.default_model or ""])]
    asked = [model for _, route in routes for model in route.models]
    return Meters(
        version=VERSION,
        engines="shared" if settings.is_shared else "embedded",
        models=[model for model in (*answering, *asked, *named) if model],
        webhooks=settings.all_webhooks,
        board=board,
    )


async def open_measured(
    settings: Settings, clock: Clock, stack: AsyncExitStack, meters: Meters
) -> Engines:
    """The engines that the settings ask for, whose faults are counted; appends to their log are
    timed. The stack closes them. Raises StorageUnavailable."""
    storage = meters.storage
    engines = await open_engines(settings, clock, stack, storage.failed)
    log = TimedTokenLog(
        engines.log, appended=storage.appended, failed=partial(storage.failed, "log")
    )
    return replace(engines, log=log)


def figures_of(settings: Settings, meters: Meters) -> Figures:
    return Figures(meters.registry.text, settings.metrics, settings.metrics_token)


def look_at(parts: Parts, services: Services, meters: Meters) -> None:
    """At what has no moment of its own: it is as it is."""
    meters.doors.look_at(lambda: services.places.open, lambda: services.broker.connected)
    meters.upstreams.look_at(partial(_servers, parts.models), partial(_lines, parts.models))


def _servers(models: ProviderFactory) -> Sequence[Server]:
    return [
        Server(source.name, endpoint.url, endpoint.provider.circuit)
        for source in models.sources
        for endpoint in source.endpoints
    ]


def _lines(models: ProviderFactory) -> Sequence[Line]:
    return [
        Line(source.name, line.most, line.writing, line.waiting)
        for source in models.sources
        if (line := source.line) is not None
    ]
