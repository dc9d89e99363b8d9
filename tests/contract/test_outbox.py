"""What waits to be sent: once for each endpoint, claimed by one process at a time, never lost."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from llmchat.webhooks.base import Due, EventType, Message, Waiting
from tests.contract.stores import WORKER, Stores, ending

HERE, THERE = "billing", "pager"


def message(id: str, endpoint: str = HERE) -> Message:
    return Message(id, endpoint, EventType.FINISHED, f'{{"id":"{id}"}}')


async def claim(stores: Stores, endpoint: str = HERE, limit: int = 10) -> list[Due]:
    return list(await stores.outbox.claim(endpoint, limit=limit))


async def test_each_endpoint_has_its_own_and_each_message_once(stores: Stores) -> None:
    await stores.outbox.add([message("evt_1"), message("evt_1", THERE)])
    await stores.outbox.add([replace(message("evt_1"), body="another"), message("evt_2")])
    assert [due.message for due in await claim(stores)] == [message("evt_1"), message("evt_2")]
    assert [due.message for due in await claim(stores, THERE)] == [message("evt_1", THERE)]


@pytest.mark.parametrize("hours", [-1, 1])
async def test_what_is_claimed_is_nobody_elses_wherever_the_clock_jumps(
    stores: Stores, hours: int
) -> None:
    await stores.outbox.add([message("evt_1")])
    (first,) = await claim(stores)
    stores.time.move(hours * 3600)
    assert await claim(stores) == []
    assert await stores.outbox.claimed(HERE) == [first]
    assert await stores.outbox.claimed(THERE) == []

    await stores.outbox.release(first)
    assert await stores.outbox.claimed(HERE) == []
    (again,) = await claim(stores)
    assert (first.attempt, again.attempt) == (1, 2)
    assert again.created_at == first.created_at

    # The first one was only slow: its word comes too late, and so does another's about it.
    await stores.outbox.failed(first, "It was asleep.", again_seconds=None)
    await stores.outbox.release(first)
    assert await stores.outbox.claimed(HERE) == [again]


async def test_what_one_process_adds_another_sends_whatever_their_clocks_say(
    stores: Stores, request: pytest.FixtureRequest
) -> None:
    if "sqlite" in request.node.name:
        pytest.skip("one process has the file, and its clock goes on whatever the wall's does")
    await stores.outbox.add([message("evt_1"), message("evt_2")])
    stores.time.move(-3600)
    late, soon = await claim(stores)
    await stores.outbox.failed(late, "503", again_seconds=1800)
    await stores.outbox.failed(soon, "503", again_seconds=0)
    stores.time.move(2 * 3600)
    assert [due.message.id for due in await claim(stores)] == ["evt_2"]


async def test_many_who_claim_at_once_get_each_one_once(stores: Stores) -> None:
    await stores.outbox.add([message(f"evt_{number}") for number in range(20)])
    claimed = await asyncio.gather(*(claim(stores, limit=4) for _ in range(8)))
    ids = [due.message.id for each in claimed for due in each]
    assert sorted(ids) == sorted(f"evt_{number}" for number in range(20))


async def test_sent_is_over_and_failed_comes_again(stores: Stores) -> None:
    await stores.outbox.add([message(f"evt_{number}") for number in range(4)])
    sent, late, soon, given_up = await claim(stores)
    await stores.outbox.sent(sent)
    await stores.outbox.failed(late, "503", again_seconds=300)
    await stores.outbox.failed(soon, "503", again_seconds=0)
    await stores.outbox.failed(given_up, "410" * 1000, again_seconds=None)
    assert [due.message.id for due in await claim(stores)] == ["evt_2"]
    assert await stores.outbox.waiting(HERE) == Waiting(2, 0)


async def test_what_waits_is_counted_by_endpoint_since_it_was_made(stores: Stores) -> None:
    await stores.outbox.add([message("evt_1"), message("evt_1", THERE)])
    stores.time.move(50)
    await stores.outbox.add([message("evt_2")])
    assert await stores.outbox.waiting(HERE) == Waiting(2, 50)
    (there,) = await claim(stores, THERE)
    await stores.outbox.sent(there)
    assert await stores.outbox.waiting(THERE) == Waiting(0, 0)


async def test_old_ones_are_forgotten(stores: Stores) -> None:
    await stores.outbox.add([message("evt_1")])
    stores.time.move(10)
    await stores.outbox.add([message("evt_2")])
    budget = replace(message("evt_3"), type=EventType.BUDGET)
    await stores.outbox.add([budget])
    assert await stores.outbox.forget(stores.time.now()) == 1
    assert [due.message.id for due in await claim(stores)] == ["evt_2", "evt_3"]
    # It is known for its month, and so is not told again.
    assert await stores.outbox.forget(stores.time.now() + timedelta(days=30)) == 1
    await stores.outbox.add([budget])
    assert [due.attempt for due in await stores.outbox.claimed(HERE)] == [1]


async def test_the_end_of_a_generation_brings_its_messages_with_it_or_none(stores: Stores) -> None:
    turn = await stores.ask(await stores.conversation())
    generation = turn.generation.id
    await stores.generations.claim(generation, WORKER)
    end = replace(ending(), messages=[message("evt_1")])
    assert await stores.generations.settle(generation, WORKER, end)
    again = replace(ending(), messages=[message("evt_2")])
    assert not await stores.generations.settle(generation, WORKER, again)
    assert [due.message.id for due in await claim(stores)] == ["evt_1"]
