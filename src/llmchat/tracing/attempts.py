"""A span for each request to a model's server, which is told of it."""

import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from llmchat.errors import ProviderError
from llmchat.events import Finished
from llmchat.origin import TRACEPARENT
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider, ProviderEvent
from llmchat.providers.wrapper import Batches, Wrapper, shown_behind
from llmchat.tracing import names
from llmchat.tracing.contents import Said, asked_json
from llmchat.tracing.places import conversation, written


@dataclass(slots=True)
class _Request:
    span: Span
    began_at: float = field(default_factory=time.perf_counter)
    first_seconds: float | None = None
    finished: Finished | None = None
    said: Said | None = None


class Traced(Wrapper):
    """A Provider, called `name` in the ids of its models. Around what meters it: the span has the
    tokens that were counted."""

    def __init__(
        self, inner: Provider, tracer: Callable[[], Tracer], *, name: str, with_content: bool
    ) -> None:
        super().__init__(inner)
        self._tracer = tracer
        self._name = name
        self._with_content = with_content

    def stream(self, prompt: Prompt) -> Batches:
        return self._traced(prompt, self._inner.stream(prompt))

    async def _traced(self, prompt: Prompt, batches: Batches) -> Batches:
        request = self._begin(prompt)
        # For the next step, in which the request is made, and in this task only.
        TRACEPARENT.set(written(request.span))
        try:
            async with aclosing(batches):
                async for batch in batches:
                    if batch:
                        _hear(request, batch)
                    yield batch
        except ProviderError as error:
            request.span.set_attribute(names.ERROR, error.type)
            request.span.set_status(Status(StatusCode.ERROR, error.title))
            raise
        finally:
            _end(request, prompt)

    def _begin(self, prompt: Prompt) -> _Request:
        params = prompt.params
        asked: dict[str, AttributeValue | None] = {
            names.OPERATION: names.CHAT,
            names.PROVIDER: names.PROVIDERS.get(self._name, self._name),
            names.REQUEST_MODEL: prompt.model,
            names.TEMPERATURE: params.temperature,
            names.TOP_P: params.top_p,
            names.MAX_TOKENS: params.max_tokens,
            names.SEED: params.seed,
            names.STOP_SEQUENCES: None if params.stop is None else list(params.stop),
            names.GENERATION: prompt.key,
            names.CONVERSATION: conversation(),
        }
        if self._with_content:
            asked[names.INPUT_MESSAGES] = asked_json(prompt)
        span = self._tracer().start_span(
            f"{names.CHAT} {prompt.model}",
            kind=SpanKind.CLIENT,
            attributes={name: value for name, value in asked.items() if value is not None},
        )
        return _Request(span, said=Said() if self._with_content else None)


def _hear(request: _Request, batch: Sequence[ProviderEvent]) -> None:
    if request.first_seconds is None and shown_behind(batch):
        request.first_seconds = time.perf_counter() - request.began_at
    if isinstance(batch[-1], Finished):
        request.finished = batch[-1]
    if request.said is not None:
        request.said.add(batch)


def _end(request: _Request, prompt: Prompt) -> None:
    finished = request.finished
    reason = None if finished is None else finished.finish_reason
    metered = None if prompt.meter is None else prompt.meter.last
    told: dict[str, AttributeValue | None] = {
        names.RESPONSE_MODEL: None if finished is None else prompt.model,
        names.FINISH_REASONS: None if reason is None else [reason],
        names.FIRST_CHUNK_SECONDS: request.first_seconds,
    }
    if metered is not None:
        told[names.INPUT_TOKENS] = metered.usage.input_tokens
        told[names.CACHED_TOKENS] = metered.usage.cached_tokens
        told[names.OUTPUT_TOKENS] = metered.usage.output_tokens
        told[names.REASONING_TOKENS] = metered.usage.reasoning_tokens
        told[names.ESTIMATED] = metered.usage.estimated
    if request.said is not None:
        told[names.OUTPUT_MESSAGES] = request.said.as_json(reason)
    request.span.set_attributes({name: value for name, value in told.items() if value is not None})
    request.span.end()
