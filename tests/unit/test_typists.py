"""Who is typing, on whichever process."""

from llmchat.chat.feed import Feed
from llmchat.chat.typists import Typists
from llmchat.ids import ConversationId, OwnerId
from llmchat.signals.base import Alone, Signal, Types

ROOM, ANN = ConversationId("conv_1"), OwnerId("ann")


class Told(Alone):
    def __init__(self) -> None:
        self.signals: list[Signal] = []

    def tell(self, signal: Signal) -> None:
        self.signals.append(signal)


async def test_who_types_elsewhere_and_then_here_is_told_of() -> None:
    feed, told = Feed(), Told()
    typists = Typists(feed, told)
    with feed.subscribe(ROOM):
        typists.hear(Types(ROOM, ANN, True))
        typists.type(ROOM, ANN, typing=True)
        assert typists.typing(ROOM) == [ANN]
        assert told.signals == [Types(ROOM, ANN, True)]
        typists.type(ROOM, ANN, typing=False)
    assert typists.typing(ROOM) == []
    typists.close()
