"""Another attempt when the server was not there, as long as nothing has been shown."""

from contextlib import aclosing

import stamina
import structlog
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from llmchat.errors import ProviderError
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider
from llmchat.providers.wrapper import Batches, Wrapper

_log = structlog.get_logger(__name__)

_WAIT_SECONDS_FIRST = 0.25
_WAIT_SECONDS_MOST = 8.0
# A server that asks for more than this is better left alone: the caller is told how long to wait.
_RETRY_AFTER_SECONDS_MOST = 20.0


def _note(details: RetryDetails) -> None:
    """Instead of stamina's own line, which has the server's words, and they may quote a prompt."""
    cause = details.caused_by
    _log.info(
        "A model's server is asked again",
        problem=cause.type if isinstance(cause, ProviderError) else type(cause).__name__,
        retry=details.retry_num,
        wait_seconds=round(details.wait_for, 3),
    )


set_on_retry_hooks([_note])


class Retrying(Wrapper):
    """A Provider that asks up to `attempts` times, with backoff and the server's `Retry-After`.

    Only while no event has come: later, another attempt would be another text, and one model's text
    is never spliced onto another's. An empty batch, a sign of life, is no event.
    """

    def __init__(self, inner: Provider, *, attempts: int) -> None:
        super().__init__(inner)
        self._attempts = attempts

    async def stream(self, prompt: Prompt) -> Batches:
        begun = False

        def wait(error: Exception) -> bool | float:
            return not begun and _wait_before_retry(error)

        async for attempt in stamina.retry_context(
            on=wait,
            attempts=self._attempts,
            timeout=None,
            wait_initial=_WAIT_SECONDS_FIRST,
            wait_max=_WAIT_SECONDS_MOST,
            wait_jitter=_WAIT_SECONDS_FIRST,
        ):
            with attempt:
                async with aclosing(self._inner.stream(prompt)) as batches:
                    async for batch in batches:
                        begun = begun or bool(batch)
                        yield batch


def _wait_before_retry(error: Exception) -> bool | float:
    if not isinstance(error, ProviderError) or not error.retryable:
        return False
    if error.retry_after_seconds is None:
        return True
    return error.retry_after_seconds <= _RETRY_AFTER_SECONDS_MOST and error.retry_after_seconds
