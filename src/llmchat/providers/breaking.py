"""A Provider that is not asked while it does not work."""

import asyncio
from contextlib import aclosing

from llmchat.errors import (
    CircuitOpen,
    ProviderError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnauthorized,
)
from llmchat.prompts import Prompt
from llmchat.providers.base import Circuit, Provider
from llmchat.providers.breaker import THRESHOLD, Attempt, Breaker
from llmchat.providers.wrapper import Batches, Wrapper, gives_sign

_GIVEN_UP_SECONDS = 10.0

_NO_FAULTS = (UpstreamRateLimited, UpstreamRejected, UpstreamUnauthorized)
"""A server that says no is there: neither a failure nor a proof that it can answer."""


class Breaking(Wrapper):
    """A Provider, one endpoint called `where`, that fails at once while its circuit is not closed,
    unless nobody else could answer: then a refusal would help nobody.

    A caller who leaves after `given_up_seconds` without a sign of life has given up on it: that is
    a failure like any other. One who leaves sooner says nothing.

    Its list of models is always asked for: that it lists them does not mean that it can answer.
    """

    def __init__(
        self,
        inner: Provider,
        breaker: Breaker,
        *,
        where: str,
        given_up_seconds: float = _GIVEN_UP_SECONDS,
    ) -> None:
        super().__init__(inner)
        self._breaker = breaker
        self._where = where
        self._given_up_seconds = given_up_seconds
        self._news = asyncio.Event()

    @property
    def circuit(self) -> Circuit:
        return self._breaker.circuit

    @property
    def wait_seconds(self) -> float:
        return self._breaker.wait_seconds

    async def stream(self, prompt: Prompt) -> Batches:
        attempt = await self._admitted(alone=prompt.alone)
        loop = asyncio.get_running_loop()
        given_up_at = loop.time() + self._given_up_seconds
        try:
            async with aclosing(self._inner.stream(prompt)) as batches:
                async for batch in batches:
                    if not attempt.decided and gives_sign(batch):
                        self._breaker.succeeded(attempt)
                        self._tell()
                    yield batch
        except ProviderError as error:
            self._decide(attempt, failed=not isinstance(error, _NO_FAULTS))
            raise
        finally:
            self._decide(attempt, failed=loop.time() >= given_up_at)

    async def _admitted(self, *, alone: bool) -> Attempt:
        """Waits while others find out about the server. Raises CircuitOpen."""
        while (attempt := self._breaker.admit(alone=alone)) is None:
            if self._breaker.circuit != "closed":
                seconds = self._breaker.wait_seconds
                raise CircuitOpen(
                    f"{self._where} failed {THRESHOLD} times in a row and is not asked now. It is "
                    f"tried again in {max(1, round(seconds))} s.",
                    retry_after_seconds=seconds,
                )
            await self._news.wait()
        return attempt

    def _decide(self, attempt: Attempt, *, failed: bool) -> None:
        if failed:
            self._breaker.failed(attempt)
        else:
            self._breaker.left(attempt)
        self._tell()

    def _tell(self) -> None:
        """Wakes all who wait: how many of them may go on, they see for themselves."""
        self._news.set()
        self._news = asyncio.Event()
