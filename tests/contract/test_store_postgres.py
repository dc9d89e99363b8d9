"""Two processes over one Postgres: what they do at once, they do one after the other."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from sqlalchemy import event

from llmchat.domain import OnBusy, Turn, Wanted
from llmchat.errors import Busy, NotFound
from llmchat.ids import ConversationId, MessageId, WorkerId
from llmchat.store.base import Checkpoint
from llmchat.store.drafts import ConversationDraft, IdempotencyKey
from llmchat.store.postgres import PostgresDatabase
from tests import postgres
from tests.contract.sessions import database_of, until_waiting
from tests.contract.stores import ME, OTHER_WORKER, WORKER, Stores, ending, stores_in
from tests.service import PATIENCE_SECONDS

DAY_SECONDS = 24 * 3600
ROUNDS = 10
SENDS = 20
Pair = tuple[Stores, Stores]


@pytest.fixture
async def pair(postgres_url: str) -> AsyncGenerator[Pair, None]:
    """Two processes, as far as Postgres can tell."""
    first, second = [
        PostgresDatabase(postgres_url, patience_seconds=PATIENCE_SECONDS) for _ in "ab"
    ]
    async with aclosing(first), aclosing(second):
        yield stores_in(first), stores_in(second)


class TestTwoProcesses:
    async def test_of_many_sends_at_once_one_wins(self, pair: Pair) -> None:
        for _ in range(3):
            conversation = await pair[0].conversation()
            results = await asyncio.gather(
                *(pair[n % 2].ask(conversation, str(n)) for n in range(SENDS)),
                return_exceptions=True,
            )
            (won,) = [turn for turn in results if isinstance(turn, Turn)]
            lost = [error for error in results if isinstance(error, Busy)]
            assert {error.generation_id for error in lost} == {won.generation.id}
            assert len(lost) == SENDS - 1
            assert await pair[1].messages(conversation.id) == [won.message, won.reply]

    async def test_sends_that_queue_stand_in_one_line(self, pair: Pair) -> None:
        conversation = await pair[0].conversation()
        turns = await asyncio.gather(
            *(
                pair[n % 2].ask(conversation, str(n), on_busy=OnBusy.QUEUE, worker=WORKER)
                for n in range(SENDS)
            )
        )
        line = [found.id for found in await pair[0].conversations.live(ME, conversation.id)]
        in_line = sorted(turns, key=lambda turn: line.index(turn.generation.id))
        assert [turn.claimed for turn in in_line] == [True, *[False] * (SENDS - 1)]
        assert [turn.message.parent_id for turn in in_line] == [
            None,
            *(turn.reply.id for turn in in_line[:-1]),
        ]

    async def test_one_key_at_the_same_time_makes_one_turn(self, pair: Pair) -> None:
        for number in range(3):
            conversation = await pair[0].conversation()
            key = IdempotencyKey(f"key {number}", "the same")
            turns = await asyncio.gather(
                *(
                    pair[n % 2].ask(conversation, idempotency=key, worker=WORKER)
                    for n in range(SENDS)
                )
            )
            assert len({turn.generation.id for turn in turns}) == 1
            assert sorted(turn.replayed for turn in turns) == [False, *[True] * (SENDS - 1)]
            assert len(await pair[0].messages(conversation.id)) == 2

    async def test_one_key_in_two_conversations_makes_one_turn(self, pair: Pair) -> None:
        for number in range(ROUNDS):
            key = IdempotencyKey(f"key {number}", "the same")
            places = [await pair[0].conversation() for _ in "ab"]
            turns = await asyncio.gather(
                *(
                    stores.ask(where, idempotency=key)
                    for stores, where in zip(pair, places, strict=True)
                )
            )
            assert turns[0].generation == turns[1].generation
            assert sorted(turn.replayed for turn in turns) == [False, True]

    async def test_old_keys_are_forgotten_by_all_at_once(self, pair: Pair) -> None:
        keys = [IdempotencyKey(str(number), "the same") for number in range(SENDS)]
        sends = [(await pair[0].conversation(), key) for key in keys]
        old = [await pair[0].ask(where, idempotency=key) for where, key in sends]
        for turn in old:
            await pair[0].answer(turn)
        for stores in pair:
            stores.time.move(DAY_SECONDS + 1)
        turns = await asyncio.gather(
            *(stores.ask(where, idempotency=key) for where, key in sends for stores in pair)
        )
        made = {turn.generation.id for turn in turns}
        assert len(made) == SENDS
        assert not made & {turn.generation.id for turn in old}

    async def test_a_callers_own_name_makes_one_conversation(self, pair: Pair) -> None:
        for number in range(3):
            draft = ConversationDraft(external_id=f"session {number}")
            made = await asyncio.gather(
                *(pair[n % 2].conversations.get_or_create(ME, draft) for n in range(SENDS))
            )
            assert len({conversation.id for conversation in made}) == 1

    async def test_a_name_can_be_made_while_it_is_deleted(self, pair: Pair) -> None:
        draft = ConversationDraft(external_id="session")
        for _ in range(ROUNDS):
            old = await pair[0].conversations.get_or_create(ME, draft)
            made, _ = await asyncio.gather(
                pair[0].conversations.get_or_create(ME, draft),
                pair[1].conversations.delete(ME, old.id),
            )
            if made.id != old.id:
                assert await pair[0].conversations.find(ME, "session") == made

    async def test_changes_are_not_lost(self, pair: Pair) -> None:
        conversation = await pair[0].conversation()
        changes: list[dict[str, Any]] = [{"title": "new"}, {"archived": True}]
        await asyncio.gather(
            *(
                stores.conversations.update(ME, conversation.id, change)
                for stores, change in zip(pair, changes, strict=True)
            ),
            pair[0].ask(conversation),
        )
        changed = await pair[1].conversations.get(ME, conversation.id)
        assert (changed.title, changed.archived) == ("new", True)
        assert len(await pair[1].messages(conversation.id)) == 2


class TestOneOwner:
    async def test_of_many_workers_one_claims(self, pair: Pair) -> None:
        for _ in range(ROUNDS):
            id = (await pair[0].ask(await pair[0].conversation())).generation.id
            claims = await asyncio.gather(
                *(pair[n % 2].generations.claim(id, WorkerId(f"w{n}")) for n in range(SENDS))
            )
            assert sum(claim is not None for claim in claims) == 1

    async def test_a_conversation_generates_one_at_a_time(self, pair: Pair) -> None:
        for _ in range(ROUNDS):
            conversation = await pair[0].conversation()
            ids = [
                (await pair[0].ask(conversation, on_busy=OnBusy.QUEUE)).generation.id
                for _ in range(3)
            ]
            claims = await asyncio.gather(
                *(pair[n % 2].generations.claim(id, WORKER) for n, id in enumerate(ids)),
                pair[1].generations.settle(ids[0], OTHER_WORKER, ending()),
            )
            assert sum(bool(claim) for claim in claims[:3]) <= 1
            live = await pair[0].conversations.live(ME, conversation.id)
            assert sum(found.started_at is not None for found in live) <= 1

    async def test_a_settlement_and_a_take_over_agree(self, pair: Pair) -> None:
        for _ in range(ROUNDS):
            turn = await pair[0].ask(await pair[0].conversation(), worker=WORKER)
            id = turn.generation.id
            seen = await pair[0].seen(turn)
            mine, taken = await asyncio.gather(
                pair[0].generations.settle(id, WORKER, ending("mine")),
                pair[1].generations.take_over(seen, OTHER_WORKER),
            )
            assert taken is not None
            theirs = await pair[1].generations.settle(id, OTHER_WORKER, ending("theirs"))
            assert mine != theirs
            message = await pair[0].conversations.message(ME, turn.reply.id)
            assert message.content == ("mine" if mine else "theirs")

    async def test_whoever_joins_the_line_at_its_end_is_seen_or_starts(self, pair: Pair) -> None:
        conversation = await pair[0].conversation()
        turn = await pair[0].ask(conversation, worker=WORKER)
        for _ in range(SENDS):
            next_one, joined = await asyncio.gather(
                settled_and_next(pair[0], turn, conversation.id),
                pair[1].ask(conversation, on_busy=OnBusy.QUEUE, worker=WORKER),
            )
            assert joined.claimed or next_one == joined.generation.id
            turn = joined

    async def test_nobody_waits_for_each_other_for_ever(self, pair: Pair) -> None:
        for number in range(ROUNDS):
            conversation = await pair[0].conversation()
            line = [await pair[0].ask(conversation, str(n), on_busy=OnBusy.QUEUE) for n in range(5)]
            for turn in line:
                await pair[0].generations.take_over(await pair[0].seen(turn), WORKER)
            ids = [turn.generation.id for turn in line]
            checkpoints = [Checkpoint(id, 2, "so far", "") for id in ids]
            remove = pair[1].conversations.delete if number % 2 else pair[1].conversations.clear
            await asyncio.gather(
                *(pair[n % 2].generations.settle(id, WORKER, ending()) for n, id in enumerate(ids)),
                pair[0].generations.renew(WORKER, ids),
                pair[1].generations.renew(WORKER, ids[::-1]),
                pair[0].generations.checkpoint(WORKER, checkpoints[::-1]),
                pair[1].generations.checkpoint(WORKER, checkpoints),
                pair[0].generations.request_stop(ids[2]),
                pair[1].generations.close(ids[3], 7),
                remove(ME, conversation.id),
            )
            assert await pair[0].generations.unfinished() == []

    async def test_an_end_waits_for_whoever_has_seen_it_live(
        self, pair: Pair, postgres_url: str
    ) -> None:
        conversation = await pair[0].conversation()
        turn = await pair[0].ask(conversation, worker=WORKER)
        ends: list[asyncio.Task[str | None]] = []

        async def end_meanwhile(_: Any) -> None:
            ends.append(asyncio.create_task(settled_and_next(pair[0], turn, conversation.id)))
            await until_waiting(postgres_url, "transactionid", ends[0])

        def see(connection: Any, cursor: Any, sql: str, *rest: Any) -> None:
            if "generation.status IN" in sql and not ends:
                connection.connection.dbapi_connection.run_async(end_meanwhile)

        event.listen(database_of(pair[1])._writer.sync_engine, "after_cursor_execute", see)
        joined = await pair[1].ask(conversation, on_busy=OnBusy.QUEUE, worker=WORKER)
        assert [found.id for found in joined.earlier] == [turn.generation.id]
        assert await ends[0] == joined.generation.id


async def settled_and_next(stores: Stores, turn: Turn, id: ConversationId) -> str | None:
    await stores.generations.claim(turn.generation.id, WORKER)
    assert await stores.generations.settle(turn.generation.id, WORKER, ending())
    return await stores.generations.next_queued(id)


class TestReading:
    @pytest.mark.parametrize("statement", range(1, 5))
    async def test_what_is_deleted_meanwhile_is_read_whole_or_not_at_all(
        self, pair: Pair, postgres_url: str, statement: int
    ) -> None:
        conversation = await pair[0].conversation()
        for _ in range(2):
            await pair[0].talk(conversation)
        whole = await pair[0].messages(conversation.id)
        name = postgres_url.rpartition("/")[2]
        seen: list[str] = []

        def clear_after(_: Any, cursor: Any, sql: str, *rest: Any) -> None:
            seen.append(sql)
            if len(seen) == statement:
                delete = "DELETE FROM message; UPDATE conversation SET leaf_id = NULL"
                postgres.shared().execute(delete, name)

        readers = database_of(pair[0])._readers.sync_engine
        event.listen(readers, "after_cursor_execute", clear_after)
        assert await pair[0].messages(conversation.id) in (whole, [])
        event.remove(readers, "after_cursor_execute", clear_after)
        assert len(seen) >= statement
        assert await pair[0].messages(conversation.id) == []

    async def test_what_it_has_no_character_for_is_replaced(self, pair: Pair) -> None:
        stores = pair[0]
        conversation = await stores.conversation(title="a\x00b")
        assert (await stores.conversations.get(ME, conversation.id)).title == "a\ufffdb"
        turn = await stores.ask(conversation, "\x00 and \ud800")
        await stores.answer(turn, "\x00")
        texts = [message.content for message in await stores.messages(conversation.id)]
        assert texts == ["\ufffd and \ufffd", "\ufffd"]
        with pytest.raises(NotFound):
            await stores.conversations.message(ME, MessageId("msg_\x00"))
        with pytest.raises(NotFound):
            await stores.conversations.find(ME, "\x00")
        page = await stores.conversations.list(ME, Wanted("\x00"), limit=1, cursor=None)
        assert [found.id for found in page.items] == [conversation.id]
