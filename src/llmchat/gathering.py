"""Where people meet: rooms, with who is in them, put together."""

from collections.abc import Callable
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
    engines: Engines,
    conversations: ConversationStore,
    feed: Feed,
    hear: Callable[[Signal], None],
    stack: AsyncExitStack,
) -> Rooms:
    """The stack closes them. From now on they, and `hear`, get what other processes tell."""
    typists = Typists(feed, engines.signals)
    stack.callback(typists.close)
    rooms = Rooms(
        conversations=conversations,
        watch=ConversationWatch(conversations, engines.log, feed),
        feed=feed,
        presence=await stack.enter_async_context(Presence(feed, engines.signals)),
        typists=typists,
    )

    def heard_by_all(signal: Signal) -> None:
        hear(signal)
        rooms.hear(signal)

    engines.signals.listen(heard_by_all, rooms.lose)
    return rooms


def heard(runner: Runner, sweep: Sweep, news: News, signal: Signal) -> None:
    """What another process tells, to whom it is for."""
    match signal:
        case StopWanted(id):
            runner.stop_here(id)
        case Abandoned():
            sweep.wake()
        case Happened():
            news.hear(signal)
        case _:
            pass  # For the rooms.
