"""A provider of another author, held to the contract."""

import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

import structlog

from llmchat.domain import Model
from llmchat.errors import ProviderError
from llmchat.events import Delta, ToolCall
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider, ProviderEvent
from llmchat.providers.wrapper import Batches, Wrapper
from llmchat.text import clean

_log = structlog.get_logger(__name__)
T = TypeVar("T")


class Guarded(Wrapper):
    """A Provider that raises nothing but ProviderError, whatever `inner` raises, and whose text is
    fit for everybody. What it raised is in the log, without what `quiet` takes out of it."""

    def __init__(self, inner: Provider, *, name: str, quiet: Callable[[str], str]) -> None:
        super().__init__(inner)
        self._name = name
        self._quiet = quiet

    async def stream(self, prompt: Prompt) -> Batches:
        try:
            async with aclosing(self._inner.stream(prompt)) as batches:
                async for batch in batches:
                    yield [_fit(event) for event in batch]
        except ProviderError:
            raise
        except Exception as error:  # noqa: BLE001 - a third party may raise anything
            raise self._translated(error) from None

    async def models(self) -> Sequence[Model]:
        return await self._guarded(self._inner.models())

    async def cancel(self, mark: str) -> None:
        await self._guarded(self._inner.cancel(mark))

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        except Exception as error:  # noqa: BLE001 - others are still to be closed
            self._translated(error)

    async def _guarded(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except ProviderError:
            raise
        except Exception as error:  # noqa: BLE001 - a third party may raise anything
            raise self._translated(error) from None

    def _translated(self, error: Exception) -> ProviderError:
        raised = self._quiet("".join(traceback.format_exception(error)))
        _log.error("A provider raised what it must not", provider=self._name, raised=raised)
        return ProviderError(
            f"The provider {self._name} failed with {type(error).__name__}; the log of the server "
            "says more."
        )


def _fit(event: ProviderEvent) -> ProviderEvent:
    match event:
        case Delta(text=text) if (fit := clean(text)) != text:
            return replace(event, text=fit)
        case ToolCall(arguments=text) if (fit := clean(text)) != text:
            return replace(event, arguments=fit)
    return event
