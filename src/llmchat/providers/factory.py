"""From a model id, `groq/llama-3.3-70b`, to the provider that serves it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Protocol

from llmchat.domain import Json, Model
from llmchat.errors import ProviderError, UnknownModel
from llmchat.metering import Prices, free
from llmchat.providers.base import Circuit, Health, NoModels, Provider
from llmchat.providers.reachable import reach
from llmchat.tasks import TaskSet

_MODELS_KEPT_SECONDS = 15.0
_SLOW_MILLISECONDS = 2000.0
_MODELS_NAMED = 5
_LAST_RESORT = "demo/echo"
_ROUTES = "route"
_NO_MODEL = (
    "The server answers, but serves no model: load one there, or name its models in the settings."
)


class Breakable(Provider, Protocol):
    """A Provider that knows its circuit."""

    @property
    def circuit(self) -> Circuit: ...


class Line(Protocol):
    """Those that wait until a provider has room for them."""

    @property
    def most(self) -> int: ...
    @property
    def writing(self) -> int: ...
    @property
    def waiting(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server of a provider, to be asked how it is. `has` lists the models that are there, where
    that can be known for certain, whatever the settings name."""

    url: str
    provider: Breakable
    has: Callable[[], Awaitable[Sequence[str]]] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A provider as configured. `url` is for people; `found` says what in the settings named it;
    an `optional` one was only looked for, and its absence is no fault. `context_window` is that of
    its models, whatever the server says. `pull` says how a model that is missing gets there, with
    `{model}` for its name. Where its models are `named` in the settings, a list of them says
    nothing of its servers. Its `endpoints` are inside of `provider`; one that has none is asked
    itself how it is. `line` is where its answers wait, if it writes no more than some at once."""

    name: str
    provider: Provider
    url: str
    found: str
    optional: bool = False
    context_window: int | None = None
    pull: str = ""
    named: bool = False
    endpoints: Sequence[Endpoint] = ()
    line: Line | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Several models as one: `models` are their ids, of providers that are sources."""

    provider: Provider
    models: Sequence[str]


class ProviderFactory:
    """All providers and routes that the settings name, as one catalogue of models."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        default_model: str | None,
        routes: Mapping[str, Route] | None = None,
        prices: Prices = free,
    ) -> None:
        self._prices = prices
        self._sources: Mapping[str, Source] = {source.name: source for source in sources}
        self._routes = routes or {}
        self._default_model = default_model
        self._listed: Mapping[str, Sequence[Model]] = {}
        self._listed_at = float("-inf")
        self._listing = asyncio.Lock()
        self._windows: dict[str, Mapping[str, int | None]] = {}
        self._tasks = TaskSet()

    @property
    def sources(self) -> Sequence[Source]:
        return list(self._sources.values())

    def resolve(self, model: str) -> tuple[Provider, str]:
        provider, _, name = model.partition("/")
        if provider == _ROUTES and name in self._routes:
            return self._routes[name].provider, name
        source = self._sources.get(provider)
        if source is None or not name:
            known = ", ".join(sorted(self._sources))
            routes = "".join(f", {_ROUTES}/{route}" for route in sorted(self._routes))
            raise UnknownModel(
                f"There is no model {model!r}. A model is named provider/name, as "
                f"GET /api/llm/models lists it; the providers are {known}{routes}."
            )
        return source.provider, name

    async def available(self) -> Sequence[Model]:
        """The models of the providers, and behind them the routes."""
        listed = await self._list()
        models = [
            replace(model, price=self._price(model.id))
            for models in listed.values()
            for model in models
        ]
        return [*models, *(_routed(name, route, listed) for name, route in self._routes.items())]

    def _price(self, model: str) -> Json | None:
        price = self._prices(model)
        if price is None:
            return None
        return {kind: float(getattr(price, kind)) for kind in ("input", "cached", "output")}

    def window(self, model: str) -> int | None:
        provider, _, name = model.partition("/")
        if provider == _ROUTES and name in self._routes:
            # Of the smallest of its models: what all of them can be sent.
            found = map(self.window, self._routes[name].models)
            return min((size for size in found if size is not None), default=None)
        source = self._sources.get(provider)
        if source is not None and source.context_window is not None:
            return source.context_window
        if self._listed_at == float("-inf") and not self._tasks:
            # Nobody has asked for the models yet, and perhaps nobody ever does: the next prompts
            # shall know what fits.
            self._tasks.spawn(self._list(), name="list models")
        return self._windows.get(provider, {}).get(model)

    async def default(self) -> str:
        """The one that is set, else the first of a real server, else one that needs none."""
        if self._default_model is not None:
            return self._default_model
        listed = await self._list()
        found = [model.id for name, models in listed.items() if name != "demo" for model in models]
        return found[0] if found else _LAST_RESORT

    async def health(self) -> Sequence[Health]:
        checked = await asyncio.gather(*(self._check_all(source) for source in self.sources))
        return [
            health
            for source, endpoints in zip(self.sources, checked, strict=True)
            for health in endpoints
            if health.status != "down" or not source.optional
        ]

    async def aclose(self) -> None:
        await self._tasks.cancel_all()
        for route in self._routes.values():
            await route.provider.aclose()
        for source in self.sources:
            await source.provider.aclose()

    async def _list(self) -> Mapping[str, Sequence[Model]]:
        async with self._listing:
            if time.monotonic() - self._listed_at > _MODELS_KEPT_SECONDS:
                lists = await asyncio.gather(*(_models(source) for source in self.sources))
                self._listed = dict(zip(self._sources, lists, strict=True))
                self._listed_at = time.monotonic()
                # A server that is away for a while has the models that it had.
                self._windows |= {
                    name: {model.id: model.context_window for model in models}
                    for name, models in self._listed.items()
                    if models
                }
        return self._listed

    async def _check_all(self, source: Source) -> Sequence[Health]:
        if not source.endpoints:
            return [await self._check(source, source.url, source.provider, "closed")]
        asked = (
            self._check(source, it.url, it.provider, it.provider.circuit, it.has)
            for it in source.endpoints
        )
        return await asyncio.gather(*asked)

    async def _check(
        self,
        source: Source,
        url: str,
        provider: Provider,
        circuit: Circuit,
        has: Callable[[], Awaitable[Sequence[str]]] | None = None,
    ) -> Health:
        begun = time.perf_counter()
        models: Sequence[Model] = []
        try:
            if source.named and has is None:
                await reach(url)
            models = await provider.models()
            listed = [model.id for model in models] if has is None else await has()
            detail, lacks = self._lacks(source, listed)
        except NoModels as error:
            detail, lacks = self._lacks(source, [], error.detail)
        except ProviderError as error:
            return Health(source.name, "down", None, circuit, url, None, error.detail)
        latency_ms = (time.perf_counter() - begun) * 1000
        slow = latency_ms > _SLOW_MILLISECONDS or detail is not None or circuit != "closed"
        return Health(
            source.name,
            "degraded" if slow else "healthy",
            round(latency_ms, 1),
            circuit,
            url,
            f"{source.name}/{models[0].id}" if models else None,
            detail,
            lacks,
        )

    def _lacks(
        self, source: Source, listed: Sequence[str], said_of_none: str = _NO_MODEL
    ) -> tuple[str | None, bool]:
        """What is wrong with this list of models; whether one of them is missing for certain."""
        wanted = self._wanted(source)
        if not listed and not (wanted and source.pull):
            return said_of_none, False
        missing = (_missing(source, name, role, listed) for name, role in wanted.items())
        detail = next(filter(None, missing), None)
        return detail, detail is not None and bool(source.pull)

    def _wanted(self, source: Source) -> Mapping[str, str]:
        """The models that the settings count on, each with what it is for."""
        roles = {} if self._default_model is None else {self._default_model: "the default model"}
        # Other servers than those that pull may well serve more than they list.
        if source.pull:
            for route, it in self._routes.items():
                roles |= {
                    id: f"a model of {_ROUTES}/{route}" for id in it.models if id not in roles
                }
        found = ((*id.partition("/"), role) for id, role in roles.items())
        return {name: role for provider, _, name, role in found if provider == source.name}


def _missing(source: Source, wanted: str, role: str, listed: Sequence[str]) -> str | None:
    # Ollama knows its latest by the bare name, and Gemini leaves the prefix away.
    if {wanted, f"{wanted}:latest", f"models/{wanted}"} & {*listed}:
        return None
    near = get_close_matches(wanted, listed, n=_MODELS_NAMED, cutoff=0.4)
    named = list(dict.fromkeys([*near, *listed]))[:_MODELS_NAMED]
    more = f" and {len(listed) - len(named)} more" if len(listed) > len(named) else ""
    has = f"it has {', '.join(named) or 'none'}{more}."
    if source.pull:
        return f"{source.pull.format(model=wanted)} It is {role}; {has}"
    return f"{source.name} serves no model {wanted}, which is {role}; {has}"


def _routed(name: str, route: Route, listed: Mapping[str, Sequence[Model]]) -> Model:
    """A route is there when the provider of one of its models answers: a server may serve more than
    it lists. What its models can all be sent is what the smallest of them can."""
    providers = [model.partition("/")[0] for model in route.models]
    there = [model for provider in providers for model in listed.get(provider, ())]
    known = [model.context_window for model in there if model.id in route.models]
    window = min((size for size in known if size is not None), default=None)
    return Model(f"{_ROUTES}/{name}", _ROUTES, available=bool(there), context_window=window)


async def _models(source: Source) -> Sequence[Model]:
    """With full ids; none when the server does not answer: it may later."""
    try:
        found = await source.provider.models()
    except ProviderError:
        return []
    return [
        replace(
            model,
            id=f"{source.name}/{model.id}",
            provider=source.name,
            context_window=source.context_window or model.context_window,
        )
        for model in found
    ]
