"""P2, P9 and P11 where two things meet at the worst moment: the real parts, held still by turns."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, aclosing, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from llmchat.app import create_app
from llmchat.chat.feed import ConversationChanged
from llmchat.chat.service import Ask, Progress
from llmchat.chat.watching import GenerationEvents, Snapshot
from llmchat.domain import LOCAL_OWNER, Generation, OnBusy, Params, Status
from llmchat.events import Delta, is_terminal
from llmchat.ids import ConversationId
from llmchat.parts import Parts
from llmchat.settings import load_settings
from llmchat.store.drafts import ConversationDraft, TurnDraft
from llmchat.tokenlog.sqlite import SqliteTokenLog
from llmchat.tokenlog.timed import TimedTokenLog
from llmchat.web.deps import Services

SOON_SECONDS = 0.1
"""Long enough for whatever can go on to go on."""

MISSED = 300
"""More announcements than are kept for somebody who does not listen."""


class House:
    """The parts of one service in this process, and one conversation in it."""

    def __init__(self, parts: Parts, services: Services, conversation: ConversationId) -> None:
        self.parts = parts
        self.chat = services.chat
        self.watch = services.watch
        self.conversation = conversation

    @property
    def log(self) -> SqliteTokenLog:
        timed = self.parts.engines.log
        assert isinstance(timed, TimedTokenLog)
        assert isinstance(timed._inner, SqliteTokenLog)
        return timed._inner

    async def until_live(self, count: int) -> Sequence[Generation]:
        """Wait until so many generations are in the store."""
        while len(found := await self._live()) < count:
            pass
        return found

    async def _live(self) -> Sequence[Generation]:
        return await self.parts.conversations.live(LOCAL_OWNER, self.conversation)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """A long transaction: nothing else can be written until the block is left."""
        async with self.parts.engines.database.write() as session:
            await session.execute(text("SELECT 1"))
            yield


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    settings = load_settings(environ={}, cwd=tmp_path, data_dir=tmp_path, discover=False)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        parts: Parts = app.state.parts
        draft = ConversationDraft(model="demo/story")
        conversation = await parts.conversations.create(LOCAL_OWNER, draft)
        yield House(parts, app.state.services, conversation.id)


@contextmanager
def held(thread: Executor) -> Iterator[None]:
    """A slow disk: what is asked of this thread waits until the block is left."""
    release = threading.Event()
    thread.submit(release.wait)
    try:
        yield
    finally:
        release.set()


def story(tokens: int, tokens_per_second: float, on_busy: OnBusy = OnBusy.REJECT) -> Ask:
    extra = {"tokens": tokens, "tokens_per_second": tokens_per_second}
    return Ask(params=Params(extra=extra), on_busy=on_busy)


async def test_a_turn_can_be_stopped_while_its_log_is_being_begun(house: House) -> None:
    with held(house.log._writing):
        sending = asyncio.create_task(
            house.chat.send(LOCAL_OWNER, house.conversation, "stop me", story(100_000, 100))
        )
        [generation] = await house.until_live(1)
        stopping = asyncio.create_task(house.chat.stop(LOCAL_OWNER, generation.id))
        await asyncio.sleep(SOON_SECONDS)
    turn, stopped = await asyncio.gather(sending, stopping)
    assert turn.generation.id == generation.id
    assert stopped.generation.status is Status.STOPPED
    assert not house.parts.runner.running


async def test_a_queued_turn_can_be_stopped_while_its_log_is_being_begun(house: House) -> None:
    first = await house.chat.send(LOCAL_OWNER, house.conversation, "first", story(100_000, 100))
    with held(house.log._writing):
        sending = asyncio.create_task(
            house.chat.send(LOCAL_OWNER, house.conversation, "second", story(9, 0, OnBusy.QUEUE))
        )
        _, queued = await house.until_live(2)
        stopping = asyncio.create_task(house.chat.stop(LOCAL_OWNER, queued.id))
        await asyncio.sleep(SOON_SECONDS)
    _, stopped = await asyncio.gather(sending, stopping)
    assert stopped.generation.status is Status.STOPPED
    await house.chat.stop(LOCAL_OWNER, first.generation.id)


async def test_a_turn_whose_log_is_not_begun_yet_keeps_its_turn(house: House) -> None:
    runner = house.parts.runner
    draft = TurnDraft(
        house.conversation, "wait", "demo/echo", Params(), on_busy=OnBusy.QUEUE, worker=None
    )
    turn = await house.parts.conversations.add_turn(LOCAL_OWNER, draft)
    await runner.advance(house.conversation)
    await runner.begin(turn.generation, claimed=False)
    await runner.advance(house.conversation)
    message = await house.chat.wait(LOCAL_OWNER, turn)
    assert (message.status, message.content) == (Status.COMPLETE, "You said: wait")


async def test_a_tab_is_told_the_end_that_came_while_it_was_opened(house: House) -> None:
    first = await house.chat.send(LOCAL_OWNER, house.conversation, "first", story(9000, 1))
    second = await house.chat.send(
        LOCAL_OWNER, house.conversation, "second", story(9, 0, OnBusy.QUEUE)
    )
    sights = await house.watch.open(LOCAL_OWNER, house.conversation, idle_seconds=30)
    with ExitStack() as slow:
        async with house.writing():
            stopping = asyncio.create_task(house.chat.stop(LOCAL_OWNER, second.generation.id))
            await asyncio.sleep(SOON_SECONDS)
            slow.enter_context(held(house.log._reading))
            opening = asyncio.create_task(anext(sights))
            await asyncio.sleep(SOON_SECONDS)
        await asyncio.sleep(SOON_SECONDS)
    async with aclosing(sights):
        snapshot = await opening
        assert isinstance(snapshot, Snapshot)
        assert [live.id for live in snapshot.generations] == [
            first.generation.id,
            second.generation.id,
        ]
        async for sight in sights:
            if isinstance(sight, GenerationEvents) and sight.id == second.generation.id:
                assert sight.entries[0].first == snapshot.generations[1].offset + 1
                assert is_terminal(sight.entries[-1].event)
                break
    await stopping
    await house.chat.stop(LOCAL_OWNER, first.generation.id)


async def test_a_tab_that_missed_too_much_begins_anew_and_has_all_of_the_answer(
    house: House,
) -> None:
    sights = await house.watch.open(LOCAL_OWNER, house.conversation, idle_seconds=30)
    changed = ConversationChanged(
        await house.parts.conversations.get(LOCAL_OWNER, house.conversation)
    )
    async with aclosing(sights):
        assert isinstance(await anext(sights), Snapshot)
        turn = await house.chat.send(LOCAL_OWNER, house.conversation, "much", story(100_000, 400))
        for _ in range(3):
            await asyncio.sleep(SOON_SECONDS)
            house.parts.rooms.feed.announce(house.conversation, *[changed] * MISSED)
        answer, last, snapshots = "", 0, 0
        stopping: asyncio.Task[Progress] | None = None
        async for sight in sights:
            if isinstance(sight, Snapshot):
                snapshots += 1
                [live] = sight.generations
                answer, last = live.text, live.offset
            elif isinstance(sight, GenerationEvents):
                assert sight.entries[0].first == last + 1
                last = sight.entries[-1].last
                answer += "".join(
                    entry.event.text for entry in sight.entries if isinstance(entry.event, Delta)
                )
                if is_terminal(sight.entries[-1].event):
                    break
            if snapshots and stopping is None:
                stopping = asyncio.create_task(house.chat.stop(LOCAL_OWNER, turn.generation.id))
    assert snapshots
    assert stopping is not None
    await stopping
    assert answer == (await house.chat.progress(LOCAL_OWNER, turn.generation.id)).answer
