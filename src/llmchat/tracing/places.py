"""Where a span hangs: the trace that a request came with, and the one that an answer goes on in."""

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from llmchat.domain import Generation
from llmchat.tracing.names import LINK

NOWHERE = Context()
_TRACE_CONTEXT = TraceContextTextMapPropagator()
_HEADER = "traceparent"
_CONVERSATION = context.create_key("llmchat conversation")
_DOOR = context.create_key("llmchat door")


def behind_door(span: Span) -> Context:
    """The context of a connection that stays open: what is asked over it is no part of its span,
    which would never end, but linked to it."""
    return context.set_value(_DOOR, span.get_span_context(), NOWHERE)


def within(span: Span, conversation_id: str | None) -> Context:
    """The context of the task that writes an answer."""
    place = trace.set_span_in_context(span)
    return context.set_value(_CONVERSATION, conversation_id, place)


def conversation() -> str | None:
    """Whose answer the task writes."""
    found = context.get_value(_CONVERSATION)
    return found if isinstance(found, str) else None


def place_of(generation: Generation | None) -> tuple[Context, list[Link]]:
    """What an answer hangs below, and what it is linked to. The first attempt is a part of the
    request that asked for it, also when its turn comes late, or in another process. Another attempt
    is a trace of its own: it may come hours later."""
    if generation is None:
        return context.get_current(), _links(_door(), "socket")
    asked = trace.get_current_span(read(generation.origin.traceparent)).get_span_context()
    if not asked.is_valid:
        return NOWHERE, _links(_door(), "socket")
    if generation.attempt > 1:
        return NOWHERE, _links(asked, "goes on")
    return trace.set_span_in_context(trace.NonRecordingSpan(asked), NOWHERE), []


def read(traceparent: str | None, tracestate: str | None = None) -> Context:
    carrier = {_HEADER: traceparent, "tracestate": tracestate}
    return _TRACE_CONTEXT.extract(
        {name: value for name, value in carrier.items() if value}, NOWHERE
    )


def written(span: Span) -> str | None:
    """A span as a header."""
    carrier: dict[str, str] = {}
    _TRACE_CONTEXT.inject(carrier, trace.set_span_in_context(span, NOWHERE))
    return carrier.get(_HEADER)


def trace_id(span: Span) -> str:
    return trace.format_trace_id(span.get_span_context().trace_id)


def _door() -> trace.SpanContext:
    found = context.get_value(_DOOR)
    return found if isinstance(found, trace.SpanContext) else trace.INVALID_SPAN_CONTEXT


def _links(to: trace.SpanContext, why: str) -> list[Link]:
    return [Link(to, {LINK: why})] if to.is_valid else []
