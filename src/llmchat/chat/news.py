"""What happens in a conversation, carried to those who watch it, also in other processes."""

import asyncio
from collections.abc import Callable

import structlog

from llmchat.chat.feed import (
    Announcement,
    ConversationChanged,
    ConversationDeleted,
    Feed,
    GenerationStarted,
    MemberChanged,
    MemberRemoved,
    MessageAdded,
)
from llmchat.errors import NotFound, StorageUnavailable
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId
from llmchat.signals.base import Happened, Kind, Signals
from llmchat.store.base import ConversationStore
from llmchat.tasks import TaskSet

_log = structlog.get_logger(__name__)

Hear = Callable[[ConversationId, Announcement], None]


class News:
    """Others are told ids only: what these stand for is read from the store, and only by a process
    in which somebody watches."""

    def __init__(self, conversations: ConversationStore, feed: Feed, signals: Signals) -> None:
        self._conversations = conversations
        self._feed = feed
        self._signals = signals
        self._heard: asyncio.Queue[Happened] = asyncio.Queue()
        self._listeners: list[Hear] = []
        self._tasks = TaskSet()

    async def __aenter__(self) -> "News":
        self._tasks.spawn(self._pass_on_for_ever(), name="news")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.cancel_all()

    def listen(self, hear: Hear) -> None:
        """`hear` gets, at once and in the task of whoever did it, what happens in this process, in
        any conversation. It must not wait, and not raise."""
        self._listeners.append(hear)

    def announce(self, owner: OwnerId, conversation: ConversationId, *news: Announcement) -> None:
        for hear in self._listeners:
            for item in news:
                hear(conversation, item)
        self._feed.announce(conversation, *news)
        self._signals.tell(Happened(owner, conversation, [_id_of(item) for item in news]))

    def hear(self, happened: Happened) -> None:
        """Another process announced it."""
        if self._feed.is_watched(happened.conversation_id):
            self._heard.put_nowait(happened)

    async def _pass_on_for_ever(self) -> None:
        while True:
            happened = await self._heard.get()
            try:
                news = [await self._known(happened, *item) for item in happened.news]
            except StorageUnavailable as error:
                _log.warning("News cannot be read", error=error.detail)
                self._feed.lose(happened.conversation_id)
                continue
            self._feed.announce(happened.conversation_id, *(it for it in news if it is not None))

    async def _known(self, happened: Happened, kind: Kind, id: str) -> Announcement | None:
        """None also for what only a newer version knows, while both run."""
        try:
            return await self._read(happened, kind, id)
        except NotFound:
            return None  # Gone since, which is announced, too.

    async def _read(self, happened: Happened, kind: Kind, id: str) -> Announcement:
        owner, conversation = happened.owner, happened.conversation_id
        match kind:
            case "message":
                return MessageAdded(await self._conversations.message(owner, MessageId(id)))
            case "generation":
                return GenerationStarted(GenerationId(id))
            case "changed":
                return ConversationChanged(await self._conversations.get(owner, conversation))
            case "deleted":
                return ConversationDeleted()
            case "member":
                seen = await self._conversations.get(OwnerId(id), conversation)
                return MemberChanged(OwnerId(id), seen.role)
            case "removed":
                return MemberRemoved(OwnerId(id))


def _id_of(news: Announcement) -> tuple[Kind, str]:
    match news:
        case MessageAdded(message):
            return "message", message.id
        case GenerationStarted(id):
            return "generation", id
        case ConversationChanged(conversation):
            return "changed", conversation.id
        case ConversationDeleted():
            return "deleted", ""
        case MemberChanged(user):
            return "member", user
        case MemberRemoved(user):
            return "removed", user
