"""What an admin sees of everybody, over SQLite and Postgres."""

from datetime import timedelta
from decimal import Decimal

import pytest

from llmchat.access.base import Allowance, ApiKey, Scope
from llmchat.access.oversight import User
from llmchat.access.usage import Spender
from llmchat.domain import OnBusy, Status
from llmchat.errors import NotFound
from llmchat.ids import GenerationId, KeyId, OwnerId
from llmchat.store.base import Checkpoint
from llmchat.store.keys import SqlKeyStore
from tests.contract.sessions import database_of
from tests.contract.stores import ME, STRANGER, WORKER, Stores
from tests.contract.test_usage_store import COST, DAY, KEY, USAGE, call, entry, reservation


class TestLive:
    async def test_are_those_of_everybody_the_oldest_first(self, stores: Stores) -> None:
        mine, theirs = await stores.conversation(), await stores.conversation(STRANGER)
        first = await stores.ask(mine, worker=WORKER)
        second = await stores.ask(theirs)
        third = await stores.ask(mine, on_busy=OnBusy.QUEUE)

        found = await stores.oversight.live(limit=10)

        assert [(each.generation.id, each.worker) for each in found] == [
            (first.generation.id, WORKER),
            (second.generation.id, None),
            (third.generation.id, None),
        ]
        assert [each.generation.owner for each in found] == [ME, STRANGER, ME]
        assert len(await stores.oversight.live(limit=2)) == 2

    async def test_say_how_much_was_kept_of_each(self, stores: Stores) -> None:
        turn = await stores.ask(await stores.conversation(), worker=WORKER)
        await stores.ask(await stores.conversation())

        kept = Checkpoint(turn.generation.id, 3, "Because…", "Hm.")
        await stores.generations.checkpoint(WORKER, [kept])

        assert [each.chars for each in await stores.oversight.live(limit=10)] == [11, None]

    async def test_are_none_that_ended(self, stores: Stores) -> None:
        turn = await stores.talk(await stores.conversation())

        assert await stores.oversight.live(limit=10) == []
        found = await stores.oversight.find(turn.generation.id)
        assert (found.owner, found.status) == (ME, Status.COMPLETE)

    async def test_what_is_not_there_is_not_found(self, stores: Stores) -> None:
        with pytest.raises(NotFound):
            await stores.oversight.find(GenerationId("gen_none"))


class TestUsers:
    async def users(self, stores: Stores) -> dict[str, User]:
        now = stores.time.now()
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        seen_since = now - timedelta(days=92)
        return {
            user.id: user
            for user in await stores.oversight.users(month=month, seen_since=seen_since)
        }

    async def key(self, stores: Stores, id: str, user: str, *, used: bool = False) -> None:
        keys, now = SqlKeyStore(database_of(stores)), stores.time.now()
        scopes = frozenset({Scope.CHAT})
        await keys.add(ApiKey(KeyId(id), OwnerId(user), "a key", scopes, "digest", now))
        if used:
            await keys.used(KeyId(id), now)

    async def test_have_the_sums_of_this_month_alone(self, stores: Stores) -> None:
        await stores.usage.add([entry(stores, "gen_old")])
        stores.time.move(40 * DAY)
        await stores.usage.add([entry(stores), entry(stores, request=2)])
        await stores.usage.add([entry(stores, "gen_2", user=STRANGER, price=None)])

        found = await self.users(stores)

        assert list(found) == [ME, STRANGER]
        assert found[ME].input_tokens == 2 * USAGE.input_tokens
        assert (found[ME].cost, found[ME].generations) == (2 * COST, 1)
        assert (found[STRANGER].cost, found[STRANGER].keys) == (None, 0)
        assert found[ME].last_seen_at == stores.time.now()

    async def test_who_was_here_before_this_month_has_used_up_nothing(self, stores: Stores) -> None:
        await stores.usage.add([entry(stores)])
        seen = stores.time.now()
        stores.time.move(40 * DAY)

        found = await self.users(stores)
        assert (found[ME].input_tokens, found[ME].cost, found[ME].generations) == (0, None, 0)
        assert found[ME].last_seen_at == seen
        stores.time.move(60 * DAY)
        assert await self.users(stores) == {}

    async def test_with_keys_are_there_before_they_ever_call(self, stores: Stores) -> None:
        await self.key(stores, "key_a", "ann")
        await self.key(stores, "key_b", "bob", used=True)
        await self.key(stores, "key_c", "bob")
        await SqlKeyStore(database_of(stores)).revoke(KeyId("key_c"), stores.time.now())

        found = await self.users(stores)

        assert found["ann"] == User(OwnerId("ann"), 1, None)
        assert found["bob"] == User(OwnerId("bob"), 1, stores.time.now())

    async def test_who_waits_for_answers_has_them_counted(self, stores: Stores) -> None:
        await self.key(stores, "key_a", ME)
        await stores.ask(await stores.conversation())
        await stores.talk(await stores.conversation())

        assert (await self.users(stores))[ME].live == 1


class TestStandings:
    async def test_say_what_is_used_up_and_put_aside(self, stores: Stores) -> None:
        mine = Allowance(tokens_per_day=5000, usd_per_month=Decimal(1))
        await stores.usage.add([entry(stores)])
        await stores.usage.open(call(stores, "gen_9", reservation(mine, most=100)))

        found = await stores.usage.standings(Spender(ME, allowance=mine))

        (tokens, money) = found
        assert (tokens.whose, tokens.unit, tokens.period) == ("user", "tokens", "day")
        figures = [tokens.most, tokens.used, tokens.reserved, tokens.left]
        assert figures == [Decimal(number) for number in (5000, 1200, 100, 3700)]
        assert (money.unit, money.period, money.used) == ("usd", "month", COST)
        assert tokens.resets_at <= stores.time.now() + timedelta(days=1) < money.resets_at

    async def test_of_a_key_are_its_own(self, stores: Stores) -> None:
        its = Allowance(tokens_per_month=1000)
        await stores.usage.add([entry(stores), entry(stores, "gen_2", key_id=KEY)])

        (found,) = await stores.usage.standings(Spender(ME, KEY, key_allowance=its))

        assert found.whose == "key"
        assert [found.used, found.left] == [Decimal(1200), Decimal(0)]
        assert await stores.usage.standings(Spender(ME, KEY)) == []
