"""Who works on what: claims, leases, one settlement, take-overs."""

import asyncio
from dataclasses import replace

import pytest

from llmchat.domain import Generation, OnBusy, Status
from llmchat.errors import NotFound, UpstreamTruncated
from llmchat.events import Usage
from llmchat.ids import GenerationId, WorkerId
from llmchat.store.base import Lease, Unfinished
from tests.contract.stores import (
    ME,
    MODEL,
    OTHER_WORKER,
    STRANGER,
    TEXTS,
    WORKER,
    Stores,
    ending,
)

HOUR_SECONDS = 3600
WORKERS = [WorkerId(f"worker_{number}") for number in range(10)]


class TestClaim:
    async def test_of_many_workers_one_gets_it(self, stores: Stores) -> None:
        turn = await stores.ask(await stores.conversation())
        stores.time.move(1)
        claims = await asyncio.gather(
            *(stores.generations.claim(turn.generation.id, worker) for worker in WORKERS)
        )

        (claimed,) = [claim for claim in claims if claim is not None]
        owner = WORKERS[[claim is not None for claim in claims].index(True)]
        assert claimed == replace(
            turn.generation, status=Status.STREAMING, started_at=stores.time.now()
        )
        assert await stores.generations.get(ME, turn.generation.id) == claimed
        assert (await stores.seen(turn)).worker == owner

    async def test_a_conversation_generates_one_at_a_time(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        line = [await stores.ask(conversation, on_busy=OnBusy.QUEUE) for _ in range(3)]
        beside = await stores.ask(await stores.conversation())

        for number, turn in enumerate(line):
            for later in line[number + 1 :]:
                assert await stores.generations.claim(later.generation.id, WORKER) is None
            assert await stores.generations.next_queued(conversation.id) == turn.generation.id
            assert await stores.generations.claim(turn.generation.id, WORKER)
            assert await stores.generations.next_queued(conversation.id) is None
            for other in line:
                assert await stores.generations.claim(other.generation.id, OTHER_WORKER) is None
            assert await stores.generations.settle(turn.generation.id, WORKER, ending())
        assert await stores.generations.next_queued(conversation.id) is None
        assert await stores.generations.claim(beside.generation.id, WORKER)

    async def test_a_queued_one_that_was_stopped_loses_its_place(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        line = [await stores.ask(conversation, on_busy=OnBusy.QUEUE) for _ in range(3)]
        await stores.generations.settle(line[1].generation.id, WORKER, ending("", Status.STOPPED))
        await stores.answer(line[0])
        assert await stores.generations.claim(line[1].generation.id, WORKER) is None
        assert await stores.generations.next_queued(conversation.id) == line[2].generation.id


class TestLease:
    async def test_it_is_held_stopped_or_lost(self, stores: Stores) -> None:
        held, stopped, lost, queued = [
            await stores.ask(await stores.conversation(), worker=worker)
            for worker in (WORKER, WORKER, OTHER_WORKER, None)
        ]
        await stores.generations.request_stop(stopped.generation.id)
        unknown = GenerationId("gen_none")
        ids = [*(turn.generation.id for turn in (held, stopped, lost, queued)), unknown]

        leases = await stores.generations.renew(WORKER, ids)

        assert [leases[id] for id in ids] == [
            Lease.HELD,
            Lease.STOP,
            Lease.LOST,
            Lease.LOST,
            Lease.LOST,
        ]
        assert await stores.generations.renew(WORKER, []) == {}

    async def test_each_renewal_is_a_beat_of_its_own_generations(self, stores: Stores) -> None:
        mine, other = [await stores.ask(await stores.conversation(), worker=WORKER) for _ in "ab"]
        before = (await stores.seen(mine), await stores.seen(other))
        await stores.generations.renew(WORKER, [mine.generation.id])
        await stores.generations.renew(OTHER_WORKER, [mine.generation.id, other.generation.id])

        assert await stores.seen(mine) == replace(before[0], beats=before[0].beats + 1)
        assert await stores.seen(other) == before[1]


class TestSettle:
    async def test_it_makes_generation_and_message_final(self, stores: Stores) -> None:
        problem = UpstreamTruncated("It broke off.").problem()
        for text in TEXTS:
            turn = await stores.ask(await stores.conversation(), worker=WORKER)
            stores.time.move(7)
            end = replace(
                ending(text, Status.FAILED),
                reasoning=text,
                finish_reason=None,
                usage=Usage(1, 2, cost_usd=0.5, estimated=True),
                error=problem,
                first_token_at=stores.time.now(),
            )
            assert await stores.generations.settle(turn.generation.id, WORKER, end)

            message = await stores.conversations.message(ME, turn.reply.id)
            assert (message.content, message.reasoning) == (text, text)
            generation = await stores.generations.get(ME, turn.generation.id)
            for final in (message, generation):
                assert final.status is Status.FAILED
                assert (final.usage, final.error) == (end.usage, problem)
            assert generation.first_token_at == generation.ended_at == stores.time.now()

    async def test_it_names_the_last_attempt_and_who_answered(self, stores: Stores) -> None:
        for counted, attempt, expected in ((1, 3, 3), (4, 3, 4)):
            turn = await stores.ask(await stores.conversation(), worker=WORKER)
            id = turn.generation.id
            await stores.generations.next_attempt(id, WORKER, attempt=counted, began_at=9)
            end = replace(ending(), attempt=attempt, model="b/small")
            assert await stores.generations.settle(id, WORKER, end)

            generation = await stores.generations.get(ME, id)
            assert (generation.attempt, generation.model) == (expected, MODEL)
            message = await stores.conversations.message(ME, turn.reply.id)
            assert message.model == "b/small"

    async def test_without_a_name_it_was_the_model_that_was_asked_for(self, stores: Stores) -> None:
        turn = await stores.ask(await stores.conversation(), worker=WORKER)
        assert await stores.generations.settle(turn.generation.id, WORKER, ending())
        message = await stores.conversations.message(ME, turn.reply.id)
        assert message.model == MODEL
        assert (await stores.generations.get(ME, turn.generation.id)).attempt == 1

    async def test_it_happens_once(self, stores: Stores) -> None:
        turn = await stores.ask(await stores.conversation(), worker=WORKER)
        texts = [str(number) for number in range(10)]
        settled = await asyncio.gather(
            *(stores.generations.settle(turn.generation.id, WORKER, ending(t)) for t in texts)
        )

        assert sorted(settled) == [False] * 9 + [True]
        message = await stores.conversations.message(ME, turn.reply.id)
        assert message.content == texts[settled.index(True)]
        late = ending("late", Status.FAILED)
        assert not await stores.generations.settle(turn.generation.id, WORKER, late)
        assert await stores.conversations.message(ME, turn.reply.id) == message

    async def test_only_its_owner_settles_what_streams(self, stores: Stores) -> None:
        turn = await stores.ask(await stores.conversation(), worker=WORKER)
        assert not await stores.generations.settle(turn.generation.id, OTHER_WORKER, ending())
        assert (await stores.conversations.message(ME, turn.reply.id)).status is Status.STREAMING
        assert await stores.generations.settle(turn.generation.id, WORKER, ending())

    async def test_anybody_settles_what_is_queued(self, stores: Stores) -> None:
        turn = await stores.ask(await stores.conversation())
        assert await stores.generations.settle(turn.generation.id, OTHER_WORKER, ending())

    async def test_a_claim_and_a_settlement_at_once_agree(self, stores: Stores) -> None:
        for _ in range(10):
            turn = await stores.ask(await stores.conversation())
            id = turn.generation.id
            claimed, settled = await asyncio.gather(
                stores.generations.claim(id, WORKER),
                stores.generations.settle(id, OTHER_WORKER, ending("", Status.STOPPED)),
            )
            assert (claimed is None) == settled


class TestAbandoned:
    async def test_what_stands_still_can_be_taken(self, stores: Stores) -> None:
        turn = await stores.ask(await stores.conversation(), worker=WORKER)
        id = turn.generation.id
        seen = await stores.seen(turn)

        taken = await stores.generations.take_over(seen, OTHER_WORKER)

        assert isinstance(taken, Generation)
        assert taken.status is Status.STREAMING
        assert (await stores.generations.renew(WORKER, [id]))[id] is Lease.LOST
        assert (await stores.generations.renew(OTHER_WORKER, [id]))[id] is Lease.HELD
        assert not await stores.generations.settle(id, WORKER, ending("zombie"))
        assert await stores.generations.settle(id, OTHER_WORKER, ending("taken"))

    @pytest.mark.parametrize("move", ["renewed", "taken", "closed", "deleted"])
    async def test_what_has_moved_cannot(self, stores: Stores, move: str) -> None:
        conversation = await stores.conversation()
        turn = await stores.ask(conversation, worker=WORKER)
        seen = await stores.seen(turn)
        match move:
            case "renewed":
                await stores.generations.renew(WORKER, [seen.id])
            case "taken":
                assert await stores.generations.take_over(seen, WORKERS[5])
            case "closed":
                await stores.generations.close(seen.id, 1)
            case _:
                await stores.conversations.delete(ME, conversation.id)
        assert await stores.generations.take_over(seen, OTHER_WORKER) is None

    async def test_what_was_claimed_meanwhile_cannot(self, stores: Stores) -> None:
        turn = await stores.ask(await stores.conversation())
        seen = await stores.seen(turn)
        await stores.generations.claim(turn.generation.id, WORKER)
        assert await stores.generations.take_over(seen, OTHER_WORKER) is None

    async def test_of_many_takers_one_gets_it(self, stores: Stores) -> None:
        turn = await stores.ask(await stores.conversation(), worker=WorkerId("dead"))
        seen = await stores.seen(turn)
        taken = await asyncio.gather(
            *(stores.generations.take_over(seen, worker) for worker in WORKERS)
        )
        assert sum(each is not None for each in taken) == 1


class TestUnfinished:
    async def test_everything_is_unfinished_until_it_is_closed(self, stores: Stores) -> None:
        queued, streaming, settled, closed = [
            await stores.ask(await stores.conversation(), worker=worker)
            for worker in (None, WORKER, WORKER, WORKER)
        ]
        for turn in (settled, closed):
            await stores.generations.settle(turn.generation.id, WORKER, ending())
        await stores.generations.close(closed.generation.id, 42)

        assert await stores.generations.unfinished() == [
            Unfinished(queued.generation.id, None, 0),
            Unfinished(streaming.generation.id, WORKER, 0),
            Unfinished(settled.generation.id, WORKER, 0),
        ]
        assert await stores.generations.last_event_id(closed.generation.id) == 42
        assert await stores.generations.last_event_id(settled.generation.id) is None
        assert await stores.generations.last_event_id(GenerationId("gen_none")) is None

    async def test_what_was_deleted_troubles_nobody(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        id = (await stores.ask(conversation, worker=WORKER)).generation.id
        await stores.conversations.delete(ME, conversation.id)

        await stores.generations.request_stop(id)
        await stores.generations.close(id, 1)
        assert await stores.generations.claim(id, WORKER) is None
        assert not await stores.generations.settle(id, WORKER, ending())
        assert (await stores.generations.renew(WORKER, [id]))[id] is Lease.LOST
        assert await stores.generations.next_queued(conversation.id) is None
        with pytest.raises(NotFound):
            await stores.generations.get(ME, id)


@pytest.mark.parametrize("jump", [-HOUR_SECONDS, HOUR_SECONDS])
async def test_a_clock_that_jumps_changes_no_lease_and_no_turn(stores: Stores, jump: int) -> None:
    conversation = await stores.conversation()
    first = await stores.ask(conversation, worker=WORKER)
    stores.time.move(jump)
    second = await stores.ask(conversation, on_busy=OnBusy.QUEUE)
    stores.time.move(-2 * jump)
    third = await stores.ask(conversation, on_busy=OnBusy.QUEUE)
    line = [turn.generation.id for turn in (first, second, third)]

    assert [found.id for found in await stores.generations.unfinished()] == line
    assert [found.id for found in await stores.conversations.live(ME, conversation.id)] == line
    seen = await stores.seen(first)
    stores.time.move(2 * jump)
    assert (await stores.generations.renew(WORKER, line))[line[0]] is Lease.HELD
    assert await stores.generations.take_over(seen, OTHER_WORKER) is None
    await stores.answer(first)
    assert await stores.generations.claim(line[2], WORKER) is None
    assert await stores.generations.claim(line[1], WORKER)


async def test_an_owners_live_ones_are_counted(stores: Stores) -> None:
    conversation = await stores.conversation()
    first, _ = [await stores.ask(conversation, on_busy=OnBusy.QUEUE) for _ in range(2)]
    await stores.ask(await stores.conversation(STRANGER))
    assert await stores.generations.count_live(ME) == 2

    await stores.generations.claim(first.generation.id, WORKER)
    assert await stores.generations.count_live(ME) == 2
    await stores.generations.settle(first.generation.id, WORKER, ending())
    assert await stores.generations.count_live(ME) == 1
