"""What is kept of a generation while it runs, for whoever comes after a crash."""

import asyncio
from dataclasses import replace

from llmchat.domain import Status, Turn
from llmchat.ids import GenerationId
from llmchat.store.base import Checkpoint
from llmchat.store.drafts import IdempotencyKey
from tests.contract.stores import ME, OTHER_WORKER, TEXTS, WORKER, Stores, ending

NOBODYS = GenerationId("gen_none")


async def streaming(stores: Stores) -> Turn:
    return await stores.ask(await stores.conversation(), worker=WORKER)


def so_far(turn: Turn, last: int, text: str = "So") -> Checkpoint:
    return Checkpoint(turn.generation.id, last, text, f"{text}?")


class TestCheckpoint:
    async def test_it_is_kept_as_it_is(self, stores: Stores) -> None:
        turn = await streaming(stores)
        id = turn.generation.id
        assert await stores.generations.last_checkpoint(id) is None
        for last, text in enumerate(TEXTS, start=2**31):
            await stores.generations.checkpoint(WORKER, [so_far(turn, last, text)])
            assert await stores.generations.last_checkpoint(id) == so_far(turn, last, text)
        assert await stores.generations.last_checkpoint(NOBODYS) is None

    async def test_of_many_the_newest_of_each_stays(self, stores: Stores) -> None:
        first, second = [await streaming(stores) for _ in "ab"]
        await stores.generations.checkpoint(WORKER, [])
        await stores.generations.checkpoint(
            WORKER, [so_far(second, 5), so_far(first, 9), so_far(first, 8, "older")]
        )
        await stores.generations.checkpoint(WORKER, [so_far(first, 7, "late"), so_far(second, 6)])

        for turn, last in ((first, 9), (second, 6)):
            id = turn.generation.id
            assert await stores.generations.last_checkpoint(id) == so_far(turn, last)

    async def test_only_its_owner_leaves_one(self, stores: Stores) -> None:
        mine, theirs = await streaming(stores), await streaming(stores)
        queued = await stores.ask(await stores.conversation())
        await stores.generations.take_over(await stores.seen(theirs), OTHER_WORKER)
        all_of_them = [so_far(turn, 3) for turn in (mine, theirs, queued)]
        await stores.generations.checkpoint(WORKER, [*all_of_them, Checkpoint(NOBODYS, 3, "", "")])

        assert await stores.generations.last_checkpoint(mine.generation.id) == so_far(mine, 3)
        for turn in (theirs, queued):
            assert await stores.generations.last_checkpoint(turn.generation.id) is None

    async def test_whoever_takes_over_finds_it_and_goes_on(self, stores: Stores) -> None:
        turn = await streaming(stores)
        await stores.generations.checkpoint(WORKER, [so_far(turn, 3)])
        await stores.generations.take_over(await stores.seen(turn), OTHER_WORKER)

        assert await stores.generations.last_checkpoint(turn.generation.id) == so_far(turn, 3)
        await stores.generations.checkpoint(OTHER_WORKER, [so_far(turn, 4)])
        await stores.generations.checkpoint(WORKER, [so_far(turn, 5, "zombie")])
        assert await stores.generations.last_checkpoint(turn.generation.id) == so_far(turn, 4)

    async def test_the_end_drops_it_for_good(self, stores: Stores) -> None:
        settled, deleted = await streaming(stores), await streaming(stores)
        await stores.generations.checkpoint(WORKER, [so_far(settled, 3), so_far(deleted, 3)])
        await stores.generations.settle(settled.generation.id, WORKER, ending())
        await stores.conversations.delete(ME, deleted.message.conversation_id)
        for _ in range(2):
            for turn in (settled, deleted):
                assert await stores.generations.last_checkpoint(turn.generation.id) is None
            await stores.generations.checkpoint(WORKER, [so_far(settled, 4), so_far(deleted, 4)])

    async def test_one_that_comes_with_the_end_is_dropped_as_well(self, stores: Stores) -> None:
        for _ in range(10):
            turn = await streaming(stores)
            await asyncio.gather(
                stores.generations.checkpoint(WORKER, [so_far(turn, 3)]),
                stores.generations.settle(turn.generation.id, WORKER, ending()),
            )
            assert await stores.generations.last_checkpoint(turn.generation.id) is None


class TestNextAttempt:
    async def test_it_is_counted_and_its_beginning_noted(self, stores: Stores) -> None:
        turn = await streaming(stores)
        id = turn.generation.id
        before = await stores.generations.get(ME, id)
        assert (before.attempt, before.attempt_began_at) == (1, 1)

        for attempt, began_at in ((2, 17), (5, 2**31)):
            begun = await stores.generations.next_attempt(
                id, WORKER, attempt=attempt, began_at=began_at
            )
            assert begun == replace(before, attempt=attempt, attempt_began_at=began_at)
            assert await stores.generations.get(ME, id) == begun

    async def test_it_is_the_owners_while_the_generation_streams(self, stores: Stores) -> None:
        turn = await streaming(stores)
        queued = await stores.ask(await stores.conversation())
        ended = await streaming(stores)
        await stores.generations.settle(ended.generation.id, WORKER, ending())
        seen = await stores.seen(turn)
        refused = [
            (turn.generation.id, OTHER_WORKER),
            (queued.generation.id, WORKER),
            (ended.generation.id, WORKER),
            (NOBODYS, WORKER),
        ]
        for id, worker in refused:
            assert await stores.generations.next_attempt(id, worker, attempt=2, began_at=9) is None
        await stores.generations.take_over(seen, OTHER_WORKER)
        assert await stores.generations.next_attempt(seen.id, WORKER, attempt=2, began_at=9) is None
        assert await stores.generations.next_attempt(seen.id, OTHER_WORKER, attempt=2, began_at=9)

    async def test_one_that_was_taken_over_has_no_turn_any_more(self, stores: Stores) -> None:
        turn = await stores.ask(await stores.conversation())
        taken = await stores.generations.take_over(await stores.seen(turn), WORKER)
        assert taken is not None
        assert taken.status is Status.QUEUED
        for worker in (WORKER, OTHER_WORKER):
            assert await stores.generations.claim(turn.generation.id, worker) is None

    async def test_who_settled_a_queued_one_owns_it_until_it_is_closed(
        self, stores: Stores
    ) -> None:
        turn = await stores.ask(await stores.conversation())
        assert await stores.generations.settle(turn.generation.id, WORKER, ending())
        assert (await stores.seen(turn)).worker == WORKER

    async def test_everybody_sees_it_but_a_replay(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        key = IdempotencyKey("key", "the same request")
        turn = await stores.ask(conversation, worker=WORKER, idempotency=key)
        await stores.generations.next_attempt(turn.generation.id, WORKER, attempt=2, began_at=9)
        live = await stores.conversations.live(ME, turn.message.conversation_id)
        assert [found.attempt_began_at for found in live] == [9]
        replay = await stores.ask(conversation, idempotency=key)
        assert replay.generation == turn.generation
