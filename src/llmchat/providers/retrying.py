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


class Retrying:
    """A Provider that asks up to `attempts` times, with backoff and the server's `Retry-After`.

    Only before the first event: later, another attempt would be another text, and one model's text
    is never spliced onto another's.
    """

    def __init__(self, inner: Provider, *, attempts: int) -> None:
        self._inner = inner
        self._attempts = attempts

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        yielded = False

        def again(error: Exception) -> bool | float:
            return not yielded and _wait_before_retry(error)

        async for attempt in stamina.retry_context(
            on=again,
            attempts=self._attempts,
            timeout=None,
            wait_initial=_WAIT_SECONDS_FIRST,
            wait_max=_WAIT_SECONDS_MOST,
            wait_jitter=_WAIT_SECONDS_FIRST,
        ):
            with attempt:
                async with aclosing(self._inner.stream(prompt)) as batches:
                    async for batch in batches:
                        yielded = True
                        yield batch

    async def models(self) -> Sequence[Model]:
        return await self._inner.models()

    async def aclose(self) -> None:
        await self._inner.aclose()


def _wait_before_retry(error: Exception) -> bool | float:
    if not isinstance(error, ProviderError) or not error.retryable:
        return False
    if error.retry_after_seconds is None:
        return True
    return error.retry_after_seconds <= _RETRY_AFTER_SECONDS_MOST and error.retry_after_seconds
