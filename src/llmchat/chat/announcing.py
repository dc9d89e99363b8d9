"""Whoever asked for it is told how answers end, and that an allowance is used up."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from llmchat.access.usage import AllowanceUsedUp, Spender
from llmchat.chat.observing import Answer, End, Observer
from llmchat.errors import StorageUnavailable
from llmchat.webhooks.announcing import Announcer
from llmchat.webhooks.base import Message, Outbox

_MOST_KNOWN = 10_000


class Announcements(Observer):
    """`wake` is called when there is something to send, `now` gives the time of day."""

    def __init__(
        self,
        announcer: Announcer,
        outbox: Outbox,
        *,
        wake: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._announcer = announcer
        self._outbox = outbox
        self._wake = wake
        self._now = now
        self._told: set[str] = set()

    def tells(self, answer: Answer, end: End) -> Sequence[Message]:
        generation = answer.generation
        if generation is None:
            return ()
        return self._announcer.end(generation, end.terminal, end.timing, self._now())

    def ended(self, answer: Answer, end: End) -> None:
        self._wake()

    async def used_up(self, spender: Spender, refused: AllowanceUsedUp) -> None:
        """An Alarm (see Spending)."""
        messages = self._announcer.budget(spender, refused, self._now())
        # Else each request of a flood that is refused would write.
        if not messages or messages[0].id in self._told:
            return
        with suppress(StorageUnavailable):
            await self._outbox.add(messages)
            if len(self._told) >= _MOST_KNOWN:
                self._told.clear()
            self._told.add(messages[0].id)
            self._wake()
