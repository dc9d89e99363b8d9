"""From the settings to the models: what is around each server, and in which order."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from llmchat.config.provider import DemoSettings, OllamaSettings, ProviderSettings
from llmchat.config.routes import RouteSettings, shortest_patience_seconds
from llmchat.kinds import endpoint, place
from llmchat.metering import Prices, free
from llmchat.providers.balanced import Balanced
from llmchat.providers.base import Provider, Tokens
from llmchat.providers.breaker import Breaker
from llmchat.providers.breaking import Breaking
from llmchat.providers.cached import AnswerCache, Cached
from llmchat.providers.continuing import Continuing
from llmchat.providers.demo import DemoProvider
from llmchat.providers.factory import Endpoint, ProviderFactory, Route, Source
from llmchat.providers.fallback import Choice, Fallback
from llmchat.providers.last_resort import LastResort
from llmchat.providers.limited import Limited
from llmchat.providers.measured import Measured
from llmchat.providers.metered import Metered
from llmchat.providers.ollama import OllamaProvider
from llmchat.providers.retrying import Retrying
from llmchat.providers.thinking import Thinking
from llmchat.providers.tokens import TokenCounter
from llmchat.providers.vocabularies import installed_vocabularies
from llmchat.settings import Settings

Around = Callable[[Provider, str], Provider]
"""What is put around a server of the provider of this name."""

_PULL = "Ollama runs, but has no model {model}: `ollama pull {model}`."
# Whoever leaves a server after half the time that anybody has for it was about to give it up.
_GIVEN_UP_SHARE = 0.5
_GIVEN_UP_SECONDS = 10.0


def token_counter() -> Tokens:
    """With the vocabularies that are installed."""
    return TokenCounter(installed_vocabularies())


def untouched(provider: Provider, _name: str) -> Provider:
    return provider


def providers_of(
    settings: Settings, tokens: Tokens, prices: Prices = free, around: Around = untouched
) -> ProviderFactory:
    """The providers and routes that the settings name, each wrapped as configured. `tokens` learns
    from what their servers report; `around` goes around every server.

    A provider and the routes that name it share its servers: one circuit for each endpoint, one
    queue, whichever way they are reached.
    """
    found = settings.resolved_providers()
    servers = {
        name: _servers(name, table, settings, tokens, around) for name, table in found.items()
    }
    cache = _cache(settings)
    sources = [
        Source(
            name,
            _provider(name, servers[name], settings, cache),
            ", ".join(place(table, url) for url in table.urls or ("",)),
            table.source,
            table.optional,
            table.context_window,
            pull=_PULL if isinstance(table, OllamaSettings) else "",
            named=bool(table.models),
            endpoints=servers[name].endpoints,
            line=servers[name].line,
        )
        for name, table in found.items()
    ]
    routes = {
        name: Route(_route(name, route, servers, settings, cache), route.models)
        for name, route in settings.routes.items()
    }
    return ProviderFactory(
        sources, default_model=settings.default_model, routes=routes, prices=prices
    )


def _provider(
    name: str, servers: "_Servers", settings: Settings, cache: AnswerCache | None
) -> Provider:
    """What answers as `name/…`, from the inside out."""
    provider = servers.provider
    if servers.endpoints:
        provider = Retrying(provider, attempts=settings.max_attempts)
    if cache is not None:
        provider = Cached(provider, cache, provider=name)
    return provider


def _route(
    name: str,
    route: RouteSettings,
    servers: "Mapping[str, _Servers]",
    settings: Settings,
    cache: AnswerCache | None,
) -> Provider:
    """What answers as `route/name`, from the inside out. The whole list is tried again, none of its
    models by itself."""
    provider: Provider = Fallback(
        [_choice(model, servers) for model in route.models],
        patience_seconds=route.patience_seconds,
        waits_for_last=route.fallback_text is None,
    )
    provider = Retrying(provider, attempts=settings.max_attempts)
    if route.fallback_text is not None:
        provider = LastResort(provider, route.fallback_text)
    if cache is not None:
        provider = Cached(provider, cache, provider=f"route/{name}")
    return provider


def _choice(model: str, servers: "Mapping[str, _Servers]") -> Choice:
    provider, _, name = model.partition("/")
    return Choice(model, servers[provider].provider, name)


@dataclass(frozen=True, slots=True)
class _Servers:
    """All servers of one provider, as one; what needs no server has no endpoints."""

    provider: Provider
    endpoints: Sequence[Endpoint] = ()
    line: Limited | None = None


def _servers(
    name: str, found: ProviderSettings, settings: Settings, tokens: Tokens, around: Around
) -> _Servers:
    """The servers of a provider as every request reaches them, from the inside out."""
    if isinstance(found, DemoSettings):
        return _Servers(around(Metered(DemoProvider(), name=name, tokens=tokens), name))
    # Where no server is named, there is one all the same: a file, or what a package knows.
    urls = found.urls or ("",)
    servers = [endpoint(name, found, url) for url in urls]
    breaking = [
        _breaking(name, found, url, server, settings, tokens, around)
        for url, server in zip(urls, servers, strict=True)
    ]
    provider: Provider = breaking[0] if len(breaking) == 1 else Balanced(breaking)
    line = None
    if found.max_concurrency is not None:
        provider = line = Limited(
            provider,
            most=found.max_concurrency,
            queue_seconds=found.queue_seconds,
            where=name,
        )
    provider = Continuing(Measured(provider, name=name, tokens=tokens))
    endpoints = [
        Endpoint(place(found, url), it, server.has if isinstance(server, OllamaProvider) else None)
        for url, it, server in zip(urls, breaking, servers, strict=True)
    ]
    return _Servers(provider, endpoints, line)


def _breaking(
    name: str,
    found: ProviderSettings,
    url: str,
    server: Provider,
    settings: Settings,
    tokens: Tokens,
    around: Around,
) -> Breaking:
    """One server, left alone while it fails."""
    patience = shortest_patience_seconds(settings.routes, name) or settings.first_token_seconds
    metered = Metered(_thinking(found, server), name=name, tokens=tokens)
    return Breaking(
        # Inside: whoever is not asked is neither metered nor traced.
        around(metered, name),
        Breaker(time.monotonic),
        where=f"{name} ({place(found, url)})",
        given_up_seconds=min(_GIVEN_UP_SECONDS, _GIVEN_UP_SHARE * patience),
    )


def _thinking(found: ProviderSettings, provider: Provider) -> Provider:
    """What it thinks apart from what it answers. Not of a server that resumes: the text between two
    of its marks must stay as it is, and such a server tells the two apart itself."""
    if provider.resumes:
        return provider
    return Thinking(provider, tags=found.think_tags != "off", begun=found.think_tags == "begun")


def _cache(settings: Settings) -> AnswerCache | None:
    if not settings.cache_seconds:
        return None
    return AnswerCache(seconds=settings.cache_seconds, clock=time.monotonic)
