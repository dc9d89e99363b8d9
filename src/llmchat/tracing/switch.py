"""Whether answers are traced, as OpenTelemetry's own variables say; loads it only then."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from llmchat.tracing.tracing import Tracing

_log = structlog.get_logger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTER = "OTEL_TRACES_EXPORTER"
_SPOKEN = "http/protobuf"
_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
# The newer values of that variable say where to put it; a span is the one place here.
_WITH_CONTENT = ("true", "1", "span_only", "span_and_event")


def tracing_of(environ: Mapping[str, str], version: str) -> "Tracing | None":
    """None, and nothing is loaded, where no variable asks for traces, or one says no."""
    if not _is_wanted(environ):
        return None
    try:
        from llmchat.tracing.tracing import Tracing
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        _log.warning(
            "There are no traces: OTEL_ variables are set, but OpenTelemetry is not installed",
            to_do='install the extra: pip install "llmchat[otel]"',
        )
        return None
    _warn_of_protocol(environ)
    return Tracing(version=version, with_content=_word(environ, _CONTENT) in _WITH_CONTENT)


def _is_wanted(environ: Mapping[str, str]) -> bool:
    if _word(environ, "OTEL_SDK_DISABLED") == "true":
        return False
    exporter = _word(environ, _EXPORTER)
    if exporter in ("otlp", "none"):
        return exporter == "otlp"
    if exporter:
        _log.warning(
            "llmchat knows no such exporter of traces",
            variable=_EXPORTER,
            expected="otlp or none; without the variable, an endpoint switches traces on",
        )
    return any(environ.get(name, "").strip() for name in _ENDPOINTS)


def _warn_of_protocol(environ: Mapping[str, str]) -> None:
    protocol = next(filter(None, (_word(environ, name) for name in _PROTOCOLS)), _SPOKEN)
    if protocol != _SPOKEN:
        _log.warning(
            "Traces are sent as OTLP over HTTP, whatever other protocol is asked for",
            expected=f"{_PROTOCOLS[1]}={_SPOKEN}, and a collector's port for it, usually 4318",
        )


def _word(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip().lower()
