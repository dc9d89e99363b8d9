"""Where people meet: rooms, with who is in them, put together."""

from contextlib import AsyncExitStack

from llmchat.chat.feed import Feed
from llmchat.chat.news import News
from llmchat.chat.presence import Presence
from llmchat.chat.rooms import Rooms
from llmchat.chat.runner import Runner
from llmchat.chat.sweep import Sweep
from llmchat.chat.typists import Typists
from llmchat.chat.watching import ConversationWatch
from llmchat.engines import Engines
from llmchat.signals.base import Abandoned, Happened, Signal, StopWanted
from llmchat.store.base import ConversationStore


async def open_rooms(
    engines: Engines, conversations: ConversationStore, feed: Feed, stack: AsyncExitStack
) -> Rooms:
    """The stack closes them."""
    typists = Typists(feed, engines.signals)
    stack.callback(typists.close)
    return Rooms(
        conversations=conversations,
        watch=ConversationWatch(conversations, engines.log, feed),
        feed=feed,
        presence=await stack.enter_async_context(Presence(feed, engines.signals)),
        typists=typists,
    )


def heard(
    runner: Runner, sweep: Sweep, news: News, signal: Signal, *, rooms: Rooms | None = None
) -> None:
    """What another process tells, to whom it is for."""
    match signal:
        case StopWanted(id):
            runner.stop_here(id)
        case Abandoned():
            sweep.wake()
        case Happened():
            news.hear(signal)
        case _ if rooms is not None:
            rooms.hear(signal)
