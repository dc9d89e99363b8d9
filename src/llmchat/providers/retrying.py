"""Another attempt when the server was not there, as long as nothing has been shown."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import stamina

from llmchat.domain import Model, Prompt
from llmchat.errors import ProviderError
from llmchat.providers.base import Provider, ProviderEvent

_WAIT_SECONDS_FIRST = 0.25
_WAIT_SECONDS_MOST = 8.0
# A server that asks for more than this is better left alone: the caller is told how long to wait.
_RETRY_AFTER_SECONDS_MOST = 20.0

Batches = AsyncGenerator[Sequence[ProviderEvent], None]


class Retrying:
    """A Provider that asks up to `attempts` times, with backoff and the server's `Retry-After`.

    Only before the first event: later, another attempt would be another text, and one model's text
    is never spliced onto another's.
    """

    def __init__(self, inner: Provider, *, attempts: int) -> None:
        self._inner = inner
        self._attempts = attempts

    @property
    def prefills(self) -> bool:
        return self._inner.prefills

    async def stream(self, prompt: Prompt) -> Batches:
        first, batches = await self._begin(prompt)
        async with aclosing(batches):
            yield first
            async for batch in batches:
                yield batch

    async def models(self) -> Sequence[Model]:
        return await self._inner.models()

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _begin(self, prompt: Prompt) -> tuple[Sequence[ProviderEvent], Batches]:
        async for attempt in stamina.retry_context(
            on=_wait_before_retry,
            attempts=self._attempts,
            timeout=None,
            wait_initial=_WAIT_SECONDS_FIRST,
            wait_max=_WAIT_SECONDS_MOST,
            wait_jitter=_WAIT_SECONDS_FIRST,
        ):
            with attempt:
                batches = self._inner.stream(prompt)
                return await anext(batches), batches
        raise AssertionError("the last attempt returns or raises")


def _wait_before_retry(error: Exception) -> bool | float:
    if not isinstance(error, ProviderError) or not error.retryable:
        return False
    if error.retry_after_seconds is None:
        return True
    return error.retry_after_seconds <= _RETRY_AFTER_SECONDS_MOST and error.retry_after_seconds
