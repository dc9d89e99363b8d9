"""What is said to people reaches them, whatever becomes of who said it."""

from pathlib import Path
from typing import Any

from llmchat.access.members import MemberRole
from llmchat.chat.feed import ConversationDeleted, Feed, MessageAdded
from llmchat.chat.news import News
from llmchat.chat.presence import Presence
from llmchat.chat.rooms import Rooms
from llmchat.chat.service import Ask
from llmchat.chat.speaking import Speaking
from llmchat.chat.typists import Typists
from llmchat.chat.watching import ConversationWatch
from llmchat.domain import Note, ReplyMode
from llmchat.ids import OwnerId
from llmchat.signals.base import Alone, Happened, Signal
from llmchat.store.drafts import ConversationDraft
from llmchat.tokenlog.memory import MemoryTokenLog
from tests.contract.stores import ME, Stores, sqlite_stores

BOB = OwnerId("bob")


class Told(Alone):
    """Keeps what other processes are told, until the test tells it to one."""

    def __init__(self) -> None:
        self.happened: list[Happened] = []

    def tell(self, signal: Signal) -> None:
        if isinstance(signal, Happened):
            self.happened.append(signal)


def speaking_of(stores: Stores, told: Told) -> Speaking:
    nobody: Any = None  # No model is called.
    feed = Feed()
    rooms = Rooms(
        conversations=stores.conversations,
        watch=ConversationWatch(stores.conversations, MemoryTokenLog(), feed),
        feed=feed,
        presence=Presence(feed, told),
        typists=Typists(feed, told),
    )
    return Speaking(
        chat=nobody,
        conversations=stores.conversations,
        notes=stores.notes,
        models=nobody,
        news=News(stores.conversations, feed, told),
        rooms=rooms,
    )


async def test_who_says_something_and_leaves_has_said_it(tmp_path: Path) -> None:
    told, feed = Told(), Feed()
    async with (
        sqlite_stores(tmp_path) as stores,
        News(stores.conversations, feed, Alone()) as elsewhere,
    ):
        draft = ConversationDraft(model="demo/echo", reply_mode=ReplyMode.ADDRESSED)
        id = (await stores.conversations.create(ME, draft)).id
        await stores.members.put(ME, id, BOB, MemberRole.EDITOR)
        said = await speaking_of(stores, told).say(BOB, id, "bye", Ask())
        assert isinstance(said, Note)
        await stores.members.remove(BOB, id, BOB)
        with feed.subscribe(id) as subscription:
            elsewhere.hear(told.happened[0])
            elsewhere.hear(Happened(ME, id, [("deleted", "")]))
            heard: list[object] = []
            while ConversationDeleted() not in heard:
                heard += await subscription.news() or ()
        assert heard == [MessageAdded(said.message), ConversationDeleted()]
