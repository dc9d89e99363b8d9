"""Traces from one end of the service to the other: requests, answers, what models are asked."""

from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracer, Tracer

from llmchat.providers.base import Provider
from llmchat.tracing.attempts import Traced
from llmchat.tracing.exporting import close, open_provider
from llmchat.tracing.generations import Generations
from llmchat.tracing.requests import App, TracedRequests


class Tracing:
    """One per process. Until it is entered, and behind it, nothing is traced."""

    def __init__(self, *, version: str, with_content: bool) -> None:
        self._version = version
        self._with_content = with_content
        self._provider: TracerProvider | None = None
        self._tracer: Tracer = NoOpTracer()
        self.generations = Generations(self._current)

    async def __aenter__(self) -> "Tracing":
        self._provider = open_provider(self._version)
        self._tracer = self._provider.get_tracer("llmchat", self._version)
        return self

    async def __aexit__(self, *_: Any) -> None:
        assert self._provider is not None
        self._tracer = NoOpTracer()
        await close(self._provider)

    def requests(self, app: App) -> TracedRequests:
        """ASGI middleware."""
        return TracedRequests(app, self._current)

    def around(self, provider: Provider, name: str) -> Provider:
        """The same provider, whose requests are traced."""
        return Traced(provider, self._current, name=name, with_content=self._with_content)

    def _current(self) -> Tracer:
        return self._tracer
