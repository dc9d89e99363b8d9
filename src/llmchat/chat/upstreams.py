"""Upstreams that go on without a reader: told to end an answer that was ended here."""

import asyncio

import structlog

from llmchat.errors import ProviderError
from llmchat.providers.base import Provider
from llmchat.tasks import TaskSet

_log = structlog.get_logger(__name__)

_CANCEL_SECONDS = 4.0
_AGAIN_SECONDS = 0.5


class Upstreams:
    """Each is told in the background: nobody who stops an answer waits for its upstream."""

    def __init__(self) -> None:
        self._tasks = TaskSet()

    async def aclose(self) -> None:
        """Wait until all were told, which takes some seconds at most."""
        await self._tasks.join()

    def cancel(self, provider: Provider, mark: str) -> None:
        """End the answer that this mark is of. What it takes to reach the upstream is tried for a
        few seconds, and logged when it does not help."""
        self._tasks.spawn(_cancel(provider, mark), name="cancel upstream")


async def _cancel(provider: Provider, mark: str) -> None:
    why = f"No answer in {_CANCEL_SECONDS:g} seconds."
    try:
        async with asyncio.timeout(_CANCEL_SECONDS):
            while True:
                try:
                    await provider.cancel(mark)
                    return
                except ProviderError as error:
                    why = error.detail
                    if not error.retryable:
                        break
                await asyncio.sleep(_AGAIN_SECONDS)
    except TimeoutError:
        pass
    _log.warning("An upstream may go on with an answer that was ended", why=why)
