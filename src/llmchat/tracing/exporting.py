"""Spans on their way to a collector: in batches, from a thread, and nobody waits for it."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

_log = structlog.get_logger(__name__)

_SERVICE, _INSTANCE = "service.name", "service.instance.id"
_UNNAMED = "unknown_service"
# Each says what it has to say for every batch, and every retry.
_LOUD = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
)
_FLUSH_SECONDS = 3.0
_MOST_REASON_CHARS = 300


class _Reason(logging.Filter):
    """Keeps the last line instead of writing it."""

    said = ""

    def filter(self, record: logging.LogRecord) -> bool:
        self.said = record.getMessage()[:_MOST_REASON_CHARS]
        return False


class Telling(SpanExporter):
    """Says once that spans are not taken, and once that they are taken again."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._failing = False
        self._reason = _Reason()
        for name in _LOUD:
            logging.getLogger(name).addFilter(self._reason)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        failing = result is not SpanExportResult.SUCCESS
        if failing and not self._failing:
            _log.warning(
                "Traces do not reach their collector; they are dropped until they do",
                why=self._reason.said,
            )
        elif self._failing and not failing:
            _log.info("Traces reach their collector again")
        self._failing = failing
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()
        for name in _LOUD:
            logging.getLogger(name).removeFilter(self._reason)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._inner.force_flush(timeout_millis)


def open_provider(version: str) -> TracerProvider:
    """As the variables say; a service that they give no name is called llmchat."""
    provider = TracerProvider(resource=_resource(version), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Telling(OTLPSpanExporter())))
    return provider


async def close(provider: TracerProvider) -> None:
    """Sends what is left, if that is quick. In a thread that the end of the process does not wait
    for: a collector that is gone could take its time."""
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()

    def shut_down() -> None:
        provider.shutdown()
        # Too late, there is no loop any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(closed.set)

    threading.Thread(target=shut_down, name="last traces", daemon=True).start()
    try:
        async with asyncio.timeout(_FLUSH_SECONDS):
            await closed.wait()
    except TimeoutError:
        _log.warning("The last traces did not reach their collector in time")


def _resource(version: str) -> Resource:
    found = Resource.create()
    ours = {"service.version": version, _INSTANCE: str(uuid4())}
    ours = {name: value for name, value in ours.items() if not found.attributes.get(name)}
    if str(found.attributes.get(_SERVICE, _UNNAMED)).startswith(_UNNAMED):
        ours[_SERVICE] = "llmchat"
    return found.merge(Resource(ours))
