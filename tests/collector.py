"""An OpenTelemetry collector on a socket, as far as tests need one: keeps what it is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire

from tests.service import PATIENCE_SECONDS

KINDS = {
    Wire.SPAN_KIND_INTERNAL: "internal",
    Wire.SPAN_KIND_SERVER: "server",
    Wire.SPAN_KIND_CLIENT: "client",
}


@dataclass(frozen=True)
class Span:
    name: str
    kind: str
    trace_id: str
    id: str
    parent_id: str
    failed: bool
    seconds: float
    attributes: Mapping[str, Any]
    events: Sequence[str]
    links: Sequence[tuple[str, str]]
    """Trace and span."""
    resource: Mapping[str, Any]


@dataclass
class Collector:
    """`status` is what it answers: 200 takes the spans."""

    url: str = ""
    status: int = 200
    spans: list[Span] = field(default_factory=list)
    batches: list[bytes] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def settings(self) -> dict[str, str]:
        """For a service that sends its spans here soon after they end."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}

    def found(self, start: str = "", **attributes: object) -> list[Span]:
        """Those whose names begin so and that have these attributes, with _ for each dot."""
        return [
            span
            for span in self.spans
            if span.name.startswith(start)
            and all(
                {name.replace(".", "_"): value for name, value in span.attributes.items()}.get(it)
                == wanted
                for it, wanted in attributes.items()
            )
        ]

    async def one(self, start: str, **attributes: object) -> Span:
        """Waits for it."""
        await self.until(lambda: bool(self.found(start, **attributes)))
        return self.found(start, **attributes)[0]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                self._came.clear()
                await self._came.wait()

    def take(self, body: bytes) -> None:
        self.batches.append(body)
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _attributes(group.resource.attributes)
            for scope in group.scope_spans:
                self.spans += [_span(span, resource) for span in scope.spans]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().lower().split("\r\n")
                length = next(it for it in lines if it.startswith("content-length:"))
                body = await reader.readexactly(int(length.partition(":")[2]))
                self.headers.append("\n".join(lines))
                if self.status == 200:
                    self.take(body)
                self._came.set()
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % self.status)
        except asyncio.IncompleteReadError:
            writer.close()

    async def aclose(self) -> None:
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    server = await asyncio.start_server(collector.serve, "127.0.0.1", 0)
    collector.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield collector
    finally:
        server.close()
        await collector.aclose()


def _span(span: Wire, resource: Mapping[str, Any]) -> Span:
    return Span(
        span.name,
        KINDS[span.kind],
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.status.code == 2,
        (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        _attributes(span.attributes),
        [event.name for event in span.events],
        [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        resource,
    )


def _attributes(pairs: Sequence[KeyValue]) -> Mapping[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return None if kind is None else getattr(value, kind)
