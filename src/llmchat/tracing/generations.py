"""A span for each answer: begun where it was asked for, ended when it is settled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from opentelemetry import context
from opentelemetry.trace import Span, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from llmchat.chat.observing import Answer, End, Observer
from llmchat.events import Delta, Event, Failed, Finished, Reset, ToolCall
from llmchat.ids import GenerationId
from llmchat.tracing import names
from llmchat.tracing.places import place_of, trace_id, within


@dataclass(slots=True)
class _Live:
    span: Span
    has_begun: bool = False


class Generations(Observer):
    """`tracer` gives the one of the service that is open."""

    def __init__(self, tracer: Callable[[], Tracer]) -> None:
        self._tracer = tracer
        self._live: dict[GenerationId, _Live] = {}

    def began(self, answer: Answer) -> None:
        self._live[answer.id] = _Live(self._begin(answer))

    def writing(self, answer: Answer) -> None:
        if (live := self._live.get(answer.id)) is not None:
            # Never taken back: the task ends with the answer.
            context.attach(within(live.span, answer.conversation_id))
            structlog.contextvars.bind_contextvars(trace_id=trace_id(live.span))

    def wrote(self, answer: Answer, events: Sequence[Event]) -> None:
        live = self._live.get(answer.id)
        if live is None:
            return
        for event in events:
            if isinstance(event, Reset):
                live.span.add_event(names.RESET, {names.ATTEMPT: event.attempt})
        if not live.has_begun and any(isinstance(event, Delta | ToolCall) for event in events):
            live.has_begun = True
            live.span.add_event(names.FIRST_TOKEN)

    def ended(self, answer: Answer, end: End) -> None:
        live = self._live.get(answer.id)
        # What no process wrote has a span all the same, which says how it ended.
        span = live.span if live is not None else self._begin(answer)
        span.set_attributes(_figures(end))
        if isinstance(end.terminal, Failed):
            span.set_attribute(names.ERROR, end.terminal.problem.type)
            # Its detail may have words of the prompt, which a server repeated.
            span.set_status(Status(StatusCode.ERROR, end.terminal.problem.title))
        span.end()

    def left(self, answer: Answer) -> None:
        live = self._live.pop(answer.id, None)
        if live is not None and live.span.is_recording():
            live.span.set_attribute(names.STATUS, "left to another process")
            live.span.end()

    def _begin(self, answer: Answer) -> Span:
        place, links = place_of(answer.generation)
        attributes: dict[str, AttributeValue] = {
            names.GENERATION: answer.id,
            names.REQUEST_MODEL: answer.model,
            names.ATTEMPT: answer.attempt,
            **_known(
                {
                    names.CONVERSATION: answer.conversation_id,
                    names.USER: answer.user,
                    names.REQUEST: answer.origin.request_id,
                }
            ),
        }
        return self._tracer().start_span(
            f"generate {answer.model}", context=place, attributes=attributes, links=links
        )


def _figures(end: End) -> Mapping[str, AttributeValue]:
    terminal, usage, timing = end.terminal, end.terminal.usage, end.timing
    reason = terminal.finish_reason if isinstance(terminal, Finished) else None
    figures: dict[str, AttributeValue | None] = {
        names.STATUS: terminal.status,
        names.ATTEMPTS: len(end.attempts),
        names.RESPONSE_MODEL: end.attempts[-1].model if end.attempts else None,
        names.FINISH_REASONS: None if reason is None else [reason],
        names.FIRST_CHUNK_SECONDS: None if timing is None else timing.first_token_seconds,
    }
    if usage is not None:
        figures[names.TOTAL_INPUT] = usage.input_tokens
        figures[names.TOTAL_OUTPUT] = usage.output_tokens
        figures[names.ESTIMATED] = usage.estimated
        figures[names.COST] = usage.cost_usd
    return {name: value for name, value in figures.items() if value is not None}


def _known(attributes: Mapping[str, str | None]) -> Mapping[str, str]:
    return {name: value for name, value in attributes.items() if value is not None}
