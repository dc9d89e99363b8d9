"""Several models in a row: when one fails, the next one answers."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import NamedTuple

import structlog

from llmchat.domain import Model
from llmchat.errors import CircuitOpen, ProviderError, UpstreamTimeout, UpstreamUnauthorized
from llmchat.events import Finished
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider, ProviderEvent, Restarted
from llmchat.providers.unmarked import unmarked
from llmchat.providers.wrapper import Batches, Forgetful, gives_sign, shown_behind

_log = structlog.get_logger(__name__)

_MOST_DETAIL_CHARS = 1600
_LEAST_DETAIL_CHARS = 80


class Choice(NamedTuple):
    """A model: its id, who serves it, and the name that the provider knows it by."""

    id: str
    provider: Provider
    name: str


class Fallback(Forgetful):
    """A Provider that asks the models of a list in their order until one gives a whole answer.

    Before anything is shown it goes on silently; later by Restarted, and the next model's text is a
    whole new one: two texts are never spliced. Restarted comes at once, not with the next model's
    first token: the clock of its first token begins there.

    Every ProviderError goes on, a refusal as well: whether a request is too big, or names
    something unknown, each server decides for itself, and to be refused costs little.

    A model that is silent for `patience_seconds` has failed, too; the last one only unless
    `waits_for_last`. A queue that it waits in counts: to whoever reads, it is the same silence.

    It neither prefills nor resumes: nobody could tell which of its models wrote what was begun.
    """

    prefills = False

    def __init__(
        self, choices: Sequence[Choice], *, patience_seconds: float, waits_for_last: bool = True
    ) -> None:
        self._choices = [choice._replace(provider=unmarked(choice.provider)) for choice in choices]
        self._patience_seconds = patience_seconds
        self._waits_for_last = waits_for_last

    async def stream(self, prompt: Prompt) -> Batches:
        failed: list[tuple[str, ProviderError]] = []
        shown = False
        for number in range(len(self._choices)):
            if shown:
                shown = False
                yield [Restarted(f"{failed[-1][0]} broke off; {self._choices[number].id} answers.")]
            try:
                async with aclosing(self._ask(number, prompt)) as batches:
                    async for batch in batches:
                        shown = shown_behind(batch, shown)
                        yield batch
                return
            except ProviderError as error:
                failed.append((self._choices[number].id, error))
                _note(*failed[-1])
        raise _summary(failed)

    async def models(self) -> Sequence[Model]:
        return [Model(choice.id, "route") for choice in self._choices]

    async def aclose(self) -> None:
        for choice in self._choices:
            await choice.provider.aclose()

    async def _ask(self, number: int, prompt: Prompt) -> Batches:
        """One model's answer, or UpstreamTimeout when it is silent for too long."""
        choice = self._choices[number]
        # A server may take the same key for the same request, and this is another one.
        key = prompt.key and f"{prompt.key}-{number}"
        alone = len(self._choices) == 1
        its_own = replace(prompt, model=choice.name, key=key, mark=None, alone=alone)
        batches = choice.provider.stream(its_own)
        is_last = number == len(self._choices) - 1
        if not is_last or not self._waits_for_last:
            batches = _unless_silent(batches, self._patience_seconds)
        async with aclosing(batches):
            async for batch in batches:
                yield [_signed(event, choice.id) for event in batch]


async def _unless_silent(batches: Batches, seconds: float) -> Batches:
    """The batches; raises UpstreamTimeout when a sign of life takes so long. The time that the
    reader takes does not count.

    Each batch is waited for by itself: a timeout that is open over a `yield` strikes whoever runs
    when it expires. When it expires here, the generator is cancelled where it waits, and closed by
    that.
    """
    loop = asyncio.get_running_loop()
    left = seconds
    async with aclosing(batches):
        while True:
            began = loop.time()
            try:
                async with asyncio.timeout(left):
                    batch = await anext(batches, None)
            except TimeoutError:
                raise UpstreamTimeout(f"It was silent for {seconds:g} seconds.") from None
            if batch is None:
                return
            left = seconds if gives_sign(batch) else left - (loop.time() - began)
            yield batch


def _signed(event: ProviderEvent, model: str) -> ProviderEvent:
    return replace(event, model=model) if isinstance(event, Finished) else event


def _note(model: str, error: ProviderError) -> None:
    if isinstance(error, UpstreamUnauthorized):
        _log.warning("A model of a route refused our key", model=model, problem=error.type)
    elif not isinstance(error, CircuitOpen):
        _log.info("A model of a route failed", model=model, problem=error.type)


def _summary(failed: Sequence[tuple[str, ProviderError]]) -> ProviderError:
    """What to say when all have failed: the last error, or the last one after which trying again
    may help, with what each model said."""
    errors = [error for _, error in failed]
    if len(errors) == 1:
        return errors[0]
    retryable = [error for error in errors if error.retryable]
    said = _MOST_DETAIL_CHARS // len(failed)
    details = (f"{id}: {_cut(error.detail, said)}" for id, error in failed)
    return type((retryable or errors)[-1])(
        f"None of the route's {len(failed)} models answered. {' '.join(details)}",
        retry_after_seconds=_shortest_wait(retryable),
    )


def _shortest_wait(errors: Sequence[ProviderError]) -> float | None:
    """An open circuit keeps nobody from asking the others sooner."""
    asked = [error for error in errors if not isinstance(error, CircuitOpen)] or errors
    waits = [it.retry_after_seconds for it in asked if it.retry_after_seconds is not None]
    return min(waits, default=None)


def _cut(text: str, most_chars: int) -> str:
    most_chars = max(most_chars, _LEAST_DETAIL_CHARS)
    return text if len(text) <= most_chars else f"{text[:most_chars]}…"
