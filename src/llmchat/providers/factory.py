"""From a model id, `groq/llama-3.3-70b`, to the provider that serves it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from llmchat.domain import Model
from llmchat.errors import Invalid, ProviderError
from llmchat.providers.base import Health, Provider

_MODELS_KEPT_SECONDS = 15.0
_SLOW_MILLISECONDS = 2000.0
_LAST_RESORT = "demo/echo"


@dataclass(frozen=True, slots=True)
class Source:
    """A provider as configured. `url` is for people; `found` says what in the settings named it;
    an `optional` one was only looked for, and its absence is no fault."""

    name: str
    provider: Provider
    url: str
    found: str
    optional: bool = False


class ProviderFactory:
    """All providers that the settings name, as one catalogue of models."""

    def __init__(self, sources: Sequence[Source], *, default_model: str | None) -> None:
        self._sources: Mapping[str, Source] = {source.name: source for source in sources}
        self._default_model = default_model
        self._listed: Mapping[str, Sequence[Model]] = {}
        self._listed_at = float("-inf")
        self._listing = asyncio.Lock()

    @property
    def sources(self) -> Sequence[Source]:
        return list(self._sources.values())

    def resolve(self, model: str) -> tuple[Provider, str]:
        provider, _, name = model.partition("/")
        source = self._sources.get(provider)
        if source is None or not name:
            known = ", ".join(sorted(self._sources))
            raise Invalid(
                f"There is no model {model!r}. A model is named provider/name, as "
                f"GET /api/llm/models lists it; the providers are {known}."
            )
        return source.provider, name

    async def available(self) -> Sequence[Model]:
        return [model for models in (await self._list()).values() for model in models]

    async def default(self) -> str:
        """The one that is set, else the first of a real server, else one that needs none."""
        if self._default_model is not None:
            return self._default_model
        listed = await self._list()
        found = [model.id for name, models in listed.items() if name != "demo" for model in models]
        return found[0] if found else _LAST_RESORT

    async def health(self) -> Sequence[Health]:
        checked = await asyncio.gather(*(self._check(source) for source in self.sources))
        return [
            health
            for source, health in zip(self.sources, checked, strict=True)
            if health.status != "down" or not source.optional
        ]

    async def aclose(self) -> None:
        for source in self.sources:
            await source.provider.aclose()

    async def _list(self) -> Mapping[str, Sequence[Model]]:
        async with self._listing:
            if time.monotonic() - self._listed_at > _MODELS_KEPT_SECONDS:
                lists = await asyncio.gather(*(_models(source) for source in self.sources))
                self._listed = dict(zip(self._sources, lists, strict=True))
                self._listed_at = time.monotonic()
        return self._listed

    async def _check(self, source: Source) -> Health:
        begun = time.perf_counter()
        try:
            models = await source.provider.models()
        except ProviderError as error:
            return Health(source.name, "down", None, "closed", source.url, None, error.detail)
        latency_ms = (time.perf_counter() - begun) * 1000
        detail = None if models else "The server answers, but serves no model."
        slow = latency_ms > _SLOW_MILLISECONDS or not models
        return Health(
            source.name,
            "degraded" if slow else "healthy",
            round(latency_ms, 1),
            "closed",
            source.url,
            f"{source.name}/{models[0].id}" if models else None,
            detail,
        )


async def _models(source: Source) -> Sequence[Model]:
    """With full ids; none when the server does not answer: it may later."""
    try:
        found = await source.provider.models()
    except ProviderError:
        return []
    return [replace(model, id=f"{source.name}/{model.id}", provider=source.name) for model in found]
