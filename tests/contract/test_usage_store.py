"""What was used up is noted once, for whoever pays, and nobody gets more than is left."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from llmchat.access.base import UNLIMITED, Allowance
from llmchat.access.usage import (
    Call,
    Entry,
    Group,
    Purpose,
    Question,
    Report,
    Reservation,
    Spender,
)
from llmchat.domain import OnBusy, Status
from llmchat.errors import RateLimited
from llmchat.events import Usage
from llmchat.ids import ConversationId, GenerationId, KeyId, OwnerId
from llmchat.metering import Attempt, AttemptStatus, Price
from tests.contract.stores import ME, OTHER_WORKER, STRANGER, WORKER, Stores, ending

PRICE = Price(Decimal("0.15"), Decimal("0.075"), Decimal("0.6"))
USAGE = Usage(input_tokens=1000, output_tokens=200, reasoning_tokens=50, cached_tokens=400)
COST = Decimal("0.00024")
KEY = KeyId("key_1")
DAY = 24 * 3600


def entry(
    stores: Stores,
    id: str = "gen_1",
    *,
    run: int = 1,
    request: int = 1,
    usage: Usage = USAGE,
    price: Price | None = PRICE,
    user: OwnerId = ME,
    key_id: KeyId | None = None,
    model: str = "demo/echo",
    purpose: Purpose = Purpose.GENERATION,
) -> Entry:
    now = stores.time.now()
    attempt = Attempt(model, AttemptStatus.COMPLETE, usage, price, now, now)
    conversation = ConversationId("conv_1")
    return Entry(GenerationId(id), run, request, purpose, user, key_id, conversation, attempt)


def reservation(
    allowance: Allowance = UNLIMITED, *, least: int = 10, most: int = 100, **key: object
) -> Reservation:
    return Reservation(Spender(ME, allowance=allowance, **key), least, most)  # type: ignore[arg-type]


def call(stores: Stores, id: str, wanted: Reservation) -> Call:
    now = stores.time.now()
    good_until = now + timedelta(seconds=60)
    return Call(GenerationId(id), Purpose.CALL, "demo/echo", 7, None, wanted, now, good_until)


async def report(
    stores: Stores, group_by: Group = Group.MODEL, user: OwnerId | None = ME
) -> Report:
    now = stores.time.now()
    return await stores.usage.report(
        Question(now - timedelta(days=40), now + timedelta(seconds=1), group_by, user)
    )


class TestEntries:
    async def test_are_noted_once(self, stores: Stores) -> None:
        once = entry(stores)
        for _ in range(3):
            await stores.usage.add([once])
        await stores.usage.add([replace(once, request=2)])

        total = (await report(stores)).total
        assert (total.input_tokens, total.cached_tokens) == (2000, 800)
        assert (total.output_tokens, total.reasoning_tokens) == (400, 100)
        assert total.generations == 1
        assert total.cost == 2 * COST
        assert not total.estimated

    async def test_of_an_end_are_noted_with_it_by_whoever_settles(self, stores: Stores) -> None:
        turn = await stores.ask(await stores.conversation(), worker=WORKER)
        end = replace(ending(), entries=[entry(stores, turn.generation.id)])

        settled = await asyncio.gather(
            *(
                stores.generations.settle(turn.generation.id, worker, end)
                for worker in (WORKER, OTHER_WORKER, WORKER)
            )
        )

        assert sorted(settled) == [False, False, True]
        assert (await report(stores)).total.output_tokens == USAGE.output_tokens

    async def test_outlive_the_conversation(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        turn = await stores.ask(conversation, worker=WORKER)
        await stores.conversations.delete(ME, conversation.id)

        end = replace(ending(status=Status.STOPPED), entries=[entry(stores, turn.generation.id)])
        assert not await stores.generations.settle(turn.generation.id, WORKER, end)

        assert (await report(stores)).total.output_tokens == USAGE.output_tokens

    async def test_keep_every_fraction_of_a_cent(self, stores: Stores) -> None:
        smallest = Price(Decimal("0.000001"), Decimal(0), Decimal(0))
        one = Usage(input_tokens=1, output_tokens=0)
        await stores.usage.add(
            [entry(stores, f"gen_{n}", usage=one, price=smallest) for n in range(1000)]
        )

        assert (await report(stores)).total.cost == Decimal("0.000000001")

    async def test_without_a_price_have_no_cost(self, stores: Stores) -> None:
        await stores.usage.add([entry(stores, price=None)])
        assert (await report(stores)).total.cost is None
        await stores.usage.add([entry(stores, "gen_2")])
        assert (await report(stores)).total.cost == COST

    async def test_of_nonsense_do_not_break_the_sums(self, stores: Stores) -> None:
        much = Usage(input_tokens=10**12, output_tokens=10**12)
        dear = Price(Decimal(10**6), Decimal(10**6), Decimal(10**6))
        await stores.usage.add(
            [entry(stores, f"gen_{n}", usage=much, price=dear) for n in range(50)]
        )

        assert (await report(stores)).total.input_tokens == 50 * 10**12


class TestReports:
    async def test_are_of_one_user_or_of_all(self, stores: Stores) -> None:
        await stores.usage.add([entry(stores), entry(stores, "gen_2", user=STRANGER)])

        assert (await report(stores)).total.generations == 1
        assert (await report(stores, user=STRANGER)).total.generations == 1
        assert (await report(stores, user=None)).total.generations == 2
        assert (await report(stores, user=OwnerId("nobody"))).sums == []

    async def test_sum_up_by_model_day_key_and_conversation(self, stores: Stores) -> None:
        small = Usage(input_tokens=1, output_tokens=1, estimated=True)
        await stores.usage.add([entry(stores, "gen_1", model="a/small", usage=small, key_id=KEY)])
        stores.time.move(DAY)
        await stores.usage.add([entry(stores, "gen_2", model="b/big")])

        async def names(group: Group) -> list[str | None]:
            return [found.name for found in (await report(stores, group)).sums]

        assert await names(Group.MODEL) == ["b/big", "a/small"]
        assert await names(Group.DAY) == ["2027-01-15", "2027-01-16"]
        assert await names(Group.KEY) == [None, KEY]
        assert await names(Group.CONVERSATION) == ["conv_1"]
        big, little = (await report(stores)).sums
        assert not big.estimated
        assert little.estimated

    async def test_begin_and_end_where_they_are_asked_to(self, stores: Stores) -> None:
        await stores.usage.add([entry(stores)])
        now = stores.time.now()
        second = timedelta(seconds=1)

        async def found(since: timedelta, until: timedelta) -> int:
            asked = Question(now + since, now + until, Group.DAY, ME)
            return (await stores.usage.report(asked)).total.generations

        assert await found(timedelta(0), second) == 1
        assert await found(second, 2 * second) == 0
        assert await found(-second, timedelta(0)) == 0

    async def test_count_no_titles_as_answers(self, stores: Stores) -> None:
        await stores.usage.add([entry(stores), entry(stores, "gen_2", purpose=Purpose.TITLE)])
        total = (await report(stores)).total
        assert (total.generations, total.input_tokens) == (1, 2000)


class TestAllowances:
    async def test_what_is_used_up_is_not_given_again(self, stores: Stores) -> None:
        wanted = reservation(Allowance(tokens_per_day=1250))
        await stores.usage.add([entry(stores)])
        await stores.usage.open(call(stores, "gen_2", wanted))

        with pytest.raises(RateLimited) as refused:
            await stores.usage.open(call(stores, "gen_3", wanted))
        assert refused.value.limit == 1250
        # Only what is being written is in the way, and that ends soon.
        assert refused.value.retry_after_seconds == 5

        await stores.usage.close(GenerationId("gen_2"), [])
        await stores.usage.open(call(stores, "gen_3", wanted))

    async def test_a_day_ends_at_midnight(self, stores: Stores) -> None:
        wanted = reservation(Allowance(tokens_per_day=1200))
        await stores.usage.add([entry(stores)])

        with pytest.raises(RateLimited) as refused:
            await stores.usage.open(call(stores, "gen_2", wanted))
        assert "2027-01-16T00:00:00Z" in refused.value.detail
        wait = refused.value.retry_after_seconds
        assert wait is not None
        stores.time.move(wait - 1)
        with pytest.raises(RateLimited):
            await stores.usage.open(call(stores, "gen_2", wanted))
        stores.time.move(1)
        await stores.usage.open(call(stores, "gen_2", wanted))

    async def test_a_month_ends_with_its_last_day(self, stores: Stores) -> None:
        wanted = reservation(Allowance(tokens_per_month=1200))
        await stores.usage.add([entry(stores)])
        stores.time.move(DAY)

        with pytest.raises(RateLimited) as refused:
            await stores.usage.open(call(stores, "gen_2", wanted))
        assert "2027-02-01T00:00:00Z" in refused.value.detail

    async def test_money_ends_as_well(self, stores: Stores) -> None:
        allowance = Allowance(usd_per_day=2 * COST)
        wanted = replace(reservation(allowance), least_usd=COST, most_usd=COST)
        await stores.usage.add([entry(stores)])
        await stores.usage.open(call(stores, "gen_2", wanted))

        with pytest.raises(RateLimited, match="US dollars"):
            await stores.usage.open(call(stores, "gen_3", wanted))

    async def test_a_key_has_its_own(self, stores: Stores) -> None:
        few = Allowance(tokens_per_day=50)
        mine = reservation(key_id=KEY, key_allowance=few)
        other = reservation(key_id=KeyId("key_2"), key_allowance=few)
        await stores.usage.open(call(stores, "gen_1", mine))

        with pytest.raises(RateLimited, match="This key"):
            await stores.usage.open(call(stores, "gen_2", mine))
        await stores.usage.open(call(stores, "gen_2", other))

    async def test_generations_hold_theirs_until_they_end(self, stores: Stores) -> None:
        wanted = reservation(Allowance(tokens_per_day=100), most=100)
        conversation = await stores.conversation()
        turn = await stores.ask(conversation, worker=WORKER, reservation=wanted)

        with pytest.raises(RateLimited):
            await stores.ask(conversation, on_busy=OnBusy.QUEUE, reservation=wanted)
        assert len(await stores.messages(conversation.id)) == 2

        few = Usage(input_tokens=20, output_tokens=0)
        end = replace(ending(), entries=[entry(stores, turn.generation.id, usage=few)])
        assert await stores.generations.settle(turn.generation.id, WORKER, end)
        await stores.ask(conversation, reservation=wanted)

    async def test_many_at_once_get_no_more_than_there_is(self, stores: Stores) -> None:
        wanted = reservation(Allowance(tokens_per_day=35), least=10, most=10)
        opened = await asyncio.gather(
            *(stores.usage.open(call(stores, f"gen_{n}", wanted)) for n in range(12)),
            return_exceptions=True,
        )
        assert sum(error is None for error in opened) == 3
        assert sum(isinstance(error, RateLimited) for error in opened) == 9


class TestCalls:
    async def test_are_closed_once(self, stores: Stores) -> None:
        await stores.usage.open(call(stores, "gen_1", reservation()))
        for _ in range(2):
            await stores.usage.close(GenerationId("gen_1"), [entry(stores)])
        await stores.usage.close(GenerationId("gen_2"), [entry(stores, "gen_2")])

        assert (await report(stores)).total.generations == 1

    async def test_whose_process_died_are_known_to_have_asked(self, stores: Stores) -> None:
        await stores.usage.open(call(stores, "gen_1", reservation()))
        assert await stores.usage.end_dead() == 0
        stores.time.move(61)

        assert await stores.usage.end_dead() == 1
        assert await stores.usage.end_dead() == 0
        await stores.usage.close(GenerationId("gen_1"), [entry(stores)])

        total = (await report(stores)).total
        assert (total.input_tokens, total.output_tokens, total.estimated) == (7, 0, True)

    async def test_of_a_process_that_was_alone_are_all_dead(self, stores: Stores) -> None:
        await stores.usage.open(call(stores, "gen_1", reservation()))
        assert await stores.usage.end_dead(everything=True) == 1
