"""A server that keeps its answers, used like one that does not."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import structlog

from llmchat.errors import ProviderError
from llmchat.events import Delta, Finished
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider, ProviderEvent
from llmchat.providers.wrapper import Batches, Wrapper
from llmchat.tasks import TaskSet

_log = structlog.get_logger(__name__)


class Unmarked(Wrapper):
    """A Provider without marks: whoever leaves its stream ends the answer at the server as well.

    For wrappers that choose among several: nobody could tell which of them a mark is of.
    """

    resumes = False

    def __init__(self, inner: Provider) -> None:
        super().__init__(inner)
        self._tasks = TaskSet()

    async def stream(self, prompt: Prompt) -> Batches:
        mark: str | None = None
        try:
            async with aclosing(self._inner.stream(prompt)) as batches:
                async for batch in batches:
                    mark = _mark_behind(batch, mark)
                    if (plain := _without_marks(batch)) or not batch:
                        yield plain
        finally:
            if mark is not None:
                await self._call_off(mark)

    async def cancel(self, mark: str) -> None:
        return None

    async def aclose(self) -> None:
        await self._tasks.cancel_all()
        await super().aclose()

    async def _call_off(self, mark: str) -> None:
        # Whoever cancels us does so again after a moment, and the server must be told all the same.
        await asyncio.shield(self._tasks.start(self._cancel_inner(mark), name="call off"))

    async def _cancel_inner(self, mark: str) -> None:
        try:
            await self._inner.cancel(mark)
        except ProviderError as error:
            _log.warning("An answer goes on without a reader", error=error.detail)


def _mark_behind(batch: Sequence[ProviderEvent], before: str | None) -> str | None:
    """None when the answer has ended: then there is nothing to call off."""
    mark = before
    for event in batch:
        if isinstance(event, Finished):
            return None
        if isinstance(event, Delta) and event.mark is not None:
            mark = event.mark
    return mark


def _without_marks(batch: Sequence[ProviderEvent]) -> Sequence[ProviderEvent]:
    plain = [Delta(e.text, e.channel) if isinstance(e, Delta) else e for e in batch]
    return [event for event in plain if not isinstance(event, Delta) or event.text]


def unmarked(provider: Provider) -> Provider:
    """The provider itself where it has no marks anyway."""
    return Unmarked(provider) if provider.resumes else provider
