"""Who is typing in which conversation now, on all processes of the service."""

import asyncio
from math import inf

from llmchat.chat.feed import Feed, TypingChanged
from llmchat.ids import ConversationId, OwnerId
from llmchat.signals.base import Signals, Types

TYPING_SECONDS = 5.0
"""So long somebody is typing who does not say so again."""
# Each key that is pressed need not be told to every process.
_TOLD_EVERY_SECONDS = 2.0

_Typist = tuple[ConversationId, OwnerId]


class Typists:
    """One per process. Every process forgets by itself who has stopped."""

    def __init__(self, feed: Feed, signals: Signals) -> None:
        self._feed = feed
        self._signals = signals
        self._typing: dict[_Typist, asyncio.TimerHandle] = {}
        self._told_at: dict[_Typist, float] = {}

    def typing(self, conversation: ConversationId) -> list[OwnerId]:
        """Who is, by name."""
        return sorted(user for room, user in self._typing if room == conversation)

    def type(self, conversation: ConversationId, user: OwnerId, *, typing: bool) -> None:
        """They are typing, or no longer."""
        who = conversation, user
        now = asyncio.get_running_loop().time()
        was = who in self._typing
        self._note(who, typing=typing)
        if was != typing or (typing and now - self._told_at.get(who, -inf) >= _TOLD_EVERY_SECONDS):
            self._told_at[who] = now
            self._signals.tell(Types(conversation, user, typing))
        if not typing:
            self._told_at.pop(who, None)

    def hear(self, types: Types) -> None:
        """Another process said it."""
        who = types.conversation_id, types.user
        if who in self._typing or self._feed.is_watched(types.conversation_id):
            self._note(who, typing=types.typing)

    def close(self) -> None:
        for timer in self._typing.values():
            timer.cancel()
        self._typing.clear()

    def _note(self, who: _Typist, *, typing: bool) -> None:
        timer = self._typing.pop(who, None)
        if timer is not None:
            timer.cancel()
        if typing:
            loop = asyncio.get_running_loop()
            self._typing[who] = loop.call_later(TYPING_SECONDS, self._forget, who)
        if typing != (timer is not None):
            conversation, user = who
            self._feed.announce(conversation, TypingChanged(user, typing))

    def _forget(self, who: _Typist) -> None:
        self._told_at.pop(who, None)
        self._note(who, typing=False)
