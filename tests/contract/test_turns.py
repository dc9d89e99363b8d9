"""A send is stored whole or not at all, once, and one at a time."""

import asyncio

import pytest

from llmchat.domain import OnBusy, Role, Status, Turn
from llmchat.errors import Busy, Invalid, NotFound
from llmchat.ids import MessageId
from llmchat.store.drafts import IdempotencyKey
from tests.contract.stores import ME, STRANGER, TEXTS, WORKER, Stores, ending

DAY_SECONDS = 24 * 3600
HOUR_SECONDS = 3600
KEY = IdempotencyKey("key", "the same request")


class TestTurn:
    async def test_question_reply_and_generation_are_stored_together(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        stores.time.move(5)
        turn = await stores.ask(conversation, "Why?")

        assert await stores.messages(conversation.id) == [turn.message, turn.reply]
        assert await stores.generations.get(ME, turn.generation.id) == turn.generation
        assert (turn.message.role, turn.message.content) == (Role.USER, "Why?")
        assert (turn.message.status, turn.reply.status) == (Status.COMPLETE, Status.STREAMING)
        assert (turn.reply.role, turn.reply.content) == (Role.ASSISTANT, "")
        assert turn.reply.parent_id == turn.message.id
        assert turn.reply.generation_id == turn.generation.id
        assert turn.generation.message_id == turn.reply.id
        assert (turn.generation.status, turn.generation.attempt) == (Status.QUEUED, 1)
        assert turn.generation.params.temperature == 0.5
        assert turn.generation.created_at == turn.message.created_at == stores.time.now()
        assert (await stores.conversations.get(ME, conversation.id)).updated_at == (
            stores.time.now()
        )
        assert not turn.claimed
        assert not turn.replayed

    async def test_text_is_kept_byte_for_byte(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        for text in TEXTS:
            turn = await stores.ask(conversation, text)
            await stores.answer(turn, text)
            question, answer = (await stores.messages(conversation.id))[-2:]
            assert question.content == answer.content == text

    async def test_a_worker_owns_what_it_starts_in_an_idle_conversation(
        self, stores: Stores
    ) -> None:
        conversation = await stores.conversation()
        first = await stores.ask(conversation, worker=WORKER)
        second = await stores.ask(conversation, worker=WORKER, on_busy=OnBusy.QUEUE)

        assert (first.claimed, second.claimed) == (True, False)
        assert (await stores.seen(first)).worker == WORKER
        assert (await stores.seen(second)).worker is None
        live = await stores.conversations.live(ME, conversation.id)
        assert [generation.status for generation in live] == [Status.STREAMING, Status.QUEUED]

    @pytest.mark.parametrize("parent", ["msg_none", ""])
    async def test_a_turn_that_is_refused_leaves_nothing(self, stores: Stores, parent: str) -> None:
        conversation = await stores.conversation()
        with pytest.raises(NotFound):
            await stores.ask(conversation, parent_id=MessageId(parent), idempotency=KEY)

        assert await stores.messages(conversation.id) == []
        assert await stores.generations.unfinished() == []
        assert not (await stores.ask(conversation, idempotency=KEY)).replayed

    async def test_only_an_answer_can_be_made_anew(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        turn = await stores.talk(conversation)
        asked = Turn(turn.reply, turn.message, turn.generation)
        with pytest.raises(Invalid):
            await stores.ask_again(asked)
        assert len(await stores.messages(conversation.id)) == 2


class TestBusy:
    async def test_of_twenty_sends_at_once_one_wins(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        results = await asyncio.gather(
            *(stores.ask(conversation, str(number)) for number in range(20)),
            return_exceptions=True,
        )

        (won,) = [turn for turn in results if isinstance(turn, Turn)]
        lost = [error for error in results if isinstance(error, Busy)]
        assert len(lost) == 19
        assert {error.generation_id for error in lost} == {won.generation.id}
        assert await stores.messages(conversation.id) == [won.message, won.reply]
        assert [found.id for found in await stores.generations.unfinished()] == [won.generation.id]

    @pytest.mark.parametrize("on_busy", [OnBusy.QUEUE, OnBusy.INTERRUPT])
    async def test_twenty_sends_that_queue_stand_in_one_line(
        self, stores: Stores, on_busy: OnBusy
    ) -> None:
        conversation = await stores.conversation()
        turns = await asyncio.gather(
            *(stores.ask(conversation, str(number), on_busy=on_busy) for number in range(20))
        )

        live = await stores.conversations.live(ME, conversation.id)
        line = sorted(turns, key=lambda turn: [each.id for each in live].index(turn.generation.id))
        assert [turn.generation.id for turn in line] == [each.id for each in live]
        assert [turn.message.parent_id for turn in line] == [
            None,
            *(turn.reply.id for turn in line[:-1]),
        ]
        assert await stores.messages(conversation.id) == [
            message for turn in line for message in (turn.message, turn.reply)
        ]
        for number, turn in enumerate(line):
            assert [each.id for each in turn.earlier] == [each.id for each in live[:number]]
            assert await stores.generations.next_queued(conversation.id) == turn.generation.id
            await stores.answer(turn)

    async def test_other_conversations_are_not_in_the_way(self, stores: Stores) -> None:
        turns = [await stores.ask(await stores.conversation()) for _ in range(3)]
        assert len({turn.generation.id for turn in turns}) == 3

    async def test_another_answer_waits_for_its_turn_as_well(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        first = await stores.talk(conversation)
        live = await stores.ask(conversation)
        with pytest.raises(Busy, match=live.generation.id):
            await stores.ask_again(first)


class TestIdempotency:
    async def test_the_same_turn_again_is_the_turn_as_it_was(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        first = await stores.ask(conversation, idempotency=KEY)
        while_live = await stores.ask(conversation, idempotency=KEY)
        await stores.answer(first, "A long answer.")
        again = await stores.ask_again(first)
        await stores.answer(again)
        await stores.talk(conversation, "more")
        afterwards = await stores.ask(conversation, idempotency=KEY)

        for replay in (while_live, afterwards):
            assert replay.replayed
            assert replay.message == first.message
            assert replay.reply == first.reply
            assert replay.generation == first.generation
        assert len(await stores.messages(conversation.id, leaf=first.reply.id)) == 2

    async def test_the_same_answer_again(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        asked = await stores.talk(conversation)
        first = await stores.ask_again(asked, KEY)
        second = await stores.ask_again(asked, KEY)

        assert (first.replayed, second.replayed) == (False, True)
        assert second.generation == first.generation
        assert second.reply == first.reply

    async def test_twenty_at_once_make_one_turn(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        turns = await asyncio.gather(
            *(stores.ask(conversation, idempotency=KEY, worker=WORKER) for _ in range(20))
        )

        assert len({turn.generation.id for turn in turns}) == 1
        assert sorted(turn.replayed for turn in turns) == [False, *[True] * 19]
        assert sum(turn.claimed for turn in turns) == 1
        assert len(await stores.messages(conversation.id)) == 2

    async def test_a_key_for_something_else_is_refused(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        first = await stores.ask(conversation, idempotency=KEY)
        with pytest.raises(Invalid):
            await stores.ask(conversation, idempotency=IdempotencyKey("key", "another request"))
        await stores.generations.settle(first.generation.id, WORKER, ending())
        other = await stores.ask(conversation, idempotency=IdempotencyKey("other key", "the same"))
        assert not other.replayed

    async def test_a_key_is_its_owners(self, stores: Stores) -> None:
        mine = await stores.ask(await stores.conversation(), idempotency=KEY)
        theirs = await stores.ask(
            await stores.conversation(STRANGER), idempotency=IdempotencyKey("key", "different")
        )
        assert not theirs.replayed
        assert theirs.generation.id != mine.generation.id

    async def test_a_key_is_remembered_for_a_day(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        first = await stores.ask(conversation, idempotency=KEY)
        await stores.answer(first)

        stores.time.move(DAY_SECONDS - 1)
        assert (await stores.ask(conversation, idempotency=KEY)).replayed
        stores.time.move(2)
        second = await stores.ask(conversation, idempotency=KEY)
        assert not second.replayed
        assert second.generation.id != first.generation.id
        assert (await stores.ask(conversation, idempotency=KEY)).generation == second.generation

    @pytest.mark.parametrize("jump", [-HOUR_SECONDS, HOUR_SECONDS])
    async def test_a_clock_that_jumps_forgets_no_key(self, stores: Stores, jump: int) -> None:
        conversation = await stores.conversation()
        first = await stores.ask(conversation, idempotency=KEY)
        stores.time.move(jump)
        assert (await stores.ask(conversation, idempotency=KEY)).generation == first.generation
