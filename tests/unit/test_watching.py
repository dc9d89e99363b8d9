"""A conversation's stream, where what happened and the news of it come in another order."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from llmchat.chat.feed import ConversationDeleted, Feed, GenerationStarted
from llmchat.chat.watching import ConversationWatch, GenerationEvents, Idle, Sight, Snapshot
from llmchat.errors import StorageUnavailable
from llmchat.events import Delta, Entry, Finished, Started
from llmchat.ids import ConversationId, GenerationId
from llmchat.tokenlog.memory import MemoryTokenLog
from tests.contract.stores import ME, sqlite_stores

PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Watched:
    conversation: ConversationId
    generation: GenerationId
    sights: AsyncGenerator[Sight, None]


class AwayForAMoment(MemoryTokenLog):
    """As when Redis is: who reads an answer is told so, and who then looks at it anew."""

    reads, looks = 0, 0

    def read(
        self, log: GenerationId, *, after: int = 0, idle_seconds: float | None = None
    ) -> AsyncGenerator[Sequence[Entry], None]:
        self.reads += 1
        if self.reads == 1:
            raise StorageUnavailable("The log is away.")
        return super().read(log, after=after, idle_seconds=idle_seconds)

    async def snapshot(self, log: GenerationId) -> Sequence[Entry]:
        self.looks += 1
        if self.looks == 2:
            raise StorageUnavailable("The log is away.")
        return await super().snapshot(log)


async def begin(log: MemoryTokenLog, id: GenerationId) -> None:
    await log.append(id, [Started(id, "msg_1", "demo/echo", 1), Delta("Be")], at=1)


async def end(log: MemoryTokenLog, id: GenerationId) -> None:
    await log.append(id, [Delta("cause."), Finished("complete", "stop", None)], at=3)


@asynccontextmanager
async def watched(folder: Path, log: MemoryTokenLog, feed: Feed) -> AsyncGenerator[Watched, None]:
    """Somebody watches a conversation in which an answer is being written."""
    async with sqlite_stores(folder) as stores:
        conversation = await stores.conversation()
        id = (await stores.ask(conversation)).generation.id
        await begin(log, id)
        watch = ConversationWatch(stores.conversations, log, feed)
        sights = await watch.open(ME, conversation.id, idle_seconds=PATIENCE_SECONDS)
        async with aclosing(sights), asyncio.timeout(PATIENCE_SECONDS):
            yield Watched(conversation.id, id, sights)


async def test_an_answer_whose_announcement_comes_behind_its_end_is_told_once(
    tmp_path: Path,
) -> None:
    log, feed = MemoryTokenLog(), Feed()
    async with watched(tmp_path, log, feed) as it:
        snapshot = await anext(it.sights)
        assert isinstance(snapshot, Snapshot)
        assert [live.text for live in snapshot.generations] == ["Be"]
        await end(log, it.generation)
        assert await told(it.sights, until=4) == (3, 4)
        feed.announce(it.conversation, GenerationStarted(it.generation))
        # Time enough to tell it all again.
        another = GenerationId("gen_another")
        await begin(log, another)
        feed.announce(it.conversation, GenerationStarted(another))
        assert await told(it.sights, until=2) == (1, 2)
        feed.announce(it.conversation, ConversationDeleted())
        assert [sight async for sight in it.sights] == [ConversationDeleted()]


async def test_a_log_that_cannot_be_read_for_a_moment_is_looked_at_anew(tmp_path: Path) -> None:
    log, feed = AwayForAMoment(), Feed()
    async with watched(tmp_path, log, feed) as it:
        assert isinstance(await anext(it.sights), Snapshot)
        assert await anext(it.sights) == Idle()
        assert isinstance(await anext(it.sights), Snapshot)
        await end(log, it.generation)
        assert await told(it.sights, until=4) == (3, 4)


async def told(sights: AsyncGenerator[Sight, None], *, until: int) -> tuple[int, int]:
    """The first and the last offset of what is told of one answer, up to one."""
    found: list[Entry] = []
    ids = set()
    while not found or found[-1].last < until:
        sight = await anext(sights)
        assert isinstance(sight, GenerationEvents)
        ids.add(sight.id)
        found += sight.entries
    assert len(ids) == 1
    return found[0].first, found[-1].last
