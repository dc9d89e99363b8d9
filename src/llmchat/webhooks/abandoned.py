"""Messages that nobody sends any more: of a process that died while it did."""

from collections.abc import Callable

from llmchat.webhooks.base import Outbox


class Abandoned:
    """An attempt that somebody has begun, and that for `seconds` has come to no end, is nobody's:
    by our own `clock`, whatever the time of day is here or elsewhere."""

    def __init__(self, outbox: Outbox, *, seconds: float, clock: Callable[[], float]) -> None:
        self._outbox = outbox
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[str, dict[tuple[str, int], float]] = {}

    async def release(self, endpoint: str) -> None:
        """They are due again. To be called now and then. Raises StorageUnavailable."""
        claimed = await self._outbox.claimed(endpoint)
        now, before = self._clock(), self._seen.get(endpoint, {})
        attempts = [(due.message.id, due.attempt) for due in claimed]
        self._seen[endpoint] = since = {it: before.get(it, now) for it in attempts}
        for due, attempt in zip(claimed, attempts, strict=True):
            if now - since[attempt] >= self._seconds:
                await self._outbox.release(due)
