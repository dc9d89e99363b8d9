"""Images, tool calls and their results are kept as they were, and results fit their calls."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from llmchat.domain import (
    Conversation,
    Image,
    Message,
    OnBusy,
    Params,
    Part,
    Role,
    Status,
    ToolResult,
    Turn,
    Wanted,
)
from llmchat.errors import Busy, Invalid
from llmchat.events import ToolCall
from llmchat.ids import MessageId
from llmchat.store.drafts import ACTIVE_LEAF, ActiveLeaf, IdempotencyKey, TurnDraft
from tests.contract.stores import ME, MODEL, TEXTS, WORKER, Stores, ending

KEY = IdempotencyKey("key", "the same request")
PARTS: Sequence[Part] = (
    "What is ",
    Image("data:image/png;base64,iVBORw0KGgo="),
    "",
    Image("data:image/gif;base64,R0lGODlh", "high"),
    "this? 漢字 😀",
)
CALLS = (
    ToolCall(0, "call_a", "weather", '{"city":"Zürich"}'),
    ToolCall(1, "call_b", "clock", ""),
    ToolCall(2, 'odd "id" 😀', "cut off", '{"zone": "Eur'),
)
RESULTS = tuple(ToolResult(str(call.id), f"result of {call.name}") for call in reversed(CALLS))


async def answered(
    stores: Stores,
    turn: Turn,
    calls: Sequence[ToolCall] = CALLS,
    status: Status = Status.COMPLETE,
) -> None:
    await stores.generations.claim(turn.generation.id, WORKER)
    end = replace(ending("", status), tool_calls=calls)
    assert await stores.generations.settle(turn.generation.id, WORKER, end)
    await stores.generations.close(turn.generation.id, 3)


async def called(stores: Stores, status: Status = Status.COMPLETE) -> tuple[Conversation, Turn]:
    """A conversation whose last message made the calls."""
    conversation = await stores.conversation()
    turn = await stores.ask(conversation)
    await answered(stores, turn, status=status)
    return conversation, turn


async def give(
    stores: Stores,
    conversation: Conversation,
    results: Sequence[ToolResult] = RESULTS,
    *,
    parent_id: MessageId | ActiveLeaf | None = ACTIVE_LEAF,
    on_busy: OnBusy = OnBusy.REJECT,
    key: IdempotencyKey | None = None,
) -> Turn:
    draft = TurnDraft(
        conversation.id, "", MODEL, Params(), parent_id, on_busy, key, tool_results=results
    )
    return await stores.conversations.add_turn(conversation.owner, draft)


def said(message: Message) -> tuple[Role, str, str | None]:
    return message.role, message.content, message.tool_call_id


class TestImages:
    async def test_parts_are_kept_in_order_beside_the_text(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        draft = TurnDraft(conversation.id, "the text", MODEL, Params(), parts=PARTS)
        turn = await stores.conversations.add_turn(ME, draft)

        (question, _) = await stores.messages(conversation.id)
        assert question == turn.message == await stores.conversations.message(ME, question.id)
        assert (question.content, question.parts) == ("the text", PARTS)
        (in_branch, _) = await stores.conversations.branch(turn.reply.id)
        assert in_branch.parts == PARTS

    async def test_a_text_has_no_parts(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        turn = await stores.talk(conversation)
        for message in await stores.messages(conversation.id):
            assert (message.parts, message.tool_calls, message.tool_call_id) == ((), (), None)
        assert turn.before == []

    async def test_a_search_finds_the_text_and_not_what_is_in_an_image(
        self, stores: Stores
    ) -> None:
        conversation = await stores.conversation()
        draft = TurnDraft(conversation.id, "a red fox", MODEL, Params(), parts=PARTS)
        await stores.conversations.add_turn(ME, draft)
        for query, found in {"red fox": 1, "base64": 0, "iVBORw0KGgo": 0}.items():
            page = await stores.conversations.list(ME, Wanted(query), limit=9, cursor=None)
            assert len(page.items) == found


class TestCalls:
    @pytest.mark.parametrize(
        "status", [Status.COMPLETE, Status.STOPPED, Status.FAILED, Status.INTERRUPTED]
    )
    async def test_an_answer_keeps_its_calls_however_it_ended(
        self, stores: Stores, status: Status
    ) -> None:
        conversation, turn = await called(stores, status)
        assert turn.reply.tool_calls == ()
        (_, reply) = await stores.messages(conversation.id)
        assert (reply.status, reply.tool_calls) == (status, CALLS)

    async def test_odd_texts_are_kept_in_calls_and_results(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        turn = await stores.ask(conversation)
        ids = [f"{number} {text[:40]}" for number, text in enumerate(TEXTS)]
        calls = tuple(
            ToolCall(place, id_, text, text)
            for place, (id_, text) in enumerate(zip(ids, TEXTS, strict=True))
        )
        await answered(stores, turn, calls)
        results = [ToolResult(*pair) for pair in zip(ids, TEXTS, strict=True)]
        await give(stores, conversation, results)

        (_, reply, *tools, _) = await stores.messages(conversation.id)
        assert reply.tool_calls == calls
        assert [(tool.tool_call_id, tool.content) for tool in tools] == list(
            zip(ids, TEXTS, strict=True)
        )


class TestResults:
    async def test_each_becomes_a_message_in_order_behind_the_calls(self, stores: Stores) -> None:
        conversation, asked = await called(stores)
        stores.time.move(5)
        turn = await give(stores, conversation)

        found = await stores.messages(conversation.id)
        (question, reply, *tools, answer) = found
        assert [question.id, reply.id] == [asked.message.id, asked.reply.id]
        assert [said(tool) for tool in tools] == [
            (Role.TOOL, result.content, result.tool_call_id) for result in RESULTS
        ]
        assert [message.parent_id for message in found] == [None, *(m.id for m in found[:-1])]
        assert all(tool.status is Status.COMPLETE for tool in tools)
        assert all(tool.created_at == stores.time.now() for tool in tools)
        assert [*turn.before, turn.message] == tools
        assert turn.reply == answer
        assert answer.role is Role.ASSISTANT
        assert turn.generation.message_id == answer.id

    async def test_a_parent_may_be_named_and_answered_on_another_branch(
        self, stores: Stores
    ) -> None:
        conversation, asked = await called(stores)
        await answered(stores, await give(stores, conversation), ())
        again = await give(stores, conversation, parent_id=asked.reply.id)

        (_, _, first, *_) = await stores.messages(conversation.id)
        assert len(first.siblings) == 2
        assert first.id == again.before[0].id

    async def test_another_answer_stands_behind_the_same_results(self, stores: Stores) -> None:
        conversation, _ = await called(stores)
        turn = await give(stores, conversation)
        await answered(stores, turn, ())
        again = await stores.ask_again(turn)

        assert again.message.id == turn.message.id
        assert again.reply.siblings == [turn.reply.id, again.reply.id]
        assert [m.id for m in (await stores.messages(conversation.id))[2:]] == [
            *(m.id for m in turn.before),
            turn.message.id,
            again.reply.id,
        ]

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            (lambda results: [*results, ToolResult("call_x", "")], "unknown: call_x"),
            (lambda results: results[1:], 'missing: odd "id" 😀'),
            (lambda results: [*results, results[0]], 'given more than once: odd "id" 😀'),
            (lambda _: [ToolResult("x", "")], 'missing: call_a, call_b, odd "id" 😀'),
        ],
        ids=["unknown", "missing", "twice", "something else"],
    )
    async def test_results_that_are_not_those_of_the_calls_are_named(
        self, stores: Stores, change: object, named: str
    ) -> None:
        conversation, turn = await called(stores)
        assert callable(change)
        with pytest.raises(Invalid) as refused:
            await give(stores, conversation, change(RESULTS), key=KEY)

        assert named in refused.value.detail
        assert turn.reply.id in refused.value.detail
        assert len(await stores.messages(conversation.id)) == 2
        assert await stores.generations.unfinished() == []
        assert not (await give(stores, conversation, key=KEY)).replayed

    async def test_results_need_a_message_that_called(self, stores: Stores) -> None:
        empty = await stores.conversation()
        with pytest.raises(Invalid, match="no message here"):
            await give(stores, empty)
        talked = await stores.conversation()
        turn = await stores.talk(talked)
        for parent in (ACTIVE_LEAF, turn.message.id, turn.reply.id):
            with pytest.raises(Invalid, match="made no tool calls"):
                await give(stores, talked, parent_id=parent)
        with pytest.raises(Invalid, match="no message here"):
            await give(stores, talked, parent_id=None)

    async def test_results_of_what_is_still_written_are_refused(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        live = await stores.ask(conversation)
        with pytest.raises(Busy, match=live.generation.id):
            await give(stores, conversation)
        with pytest.raises(Invalid, match="still being written"):
            await give(stores, conversation, on_busy=OnBusy.QUEUE)

    async def test_twenty_at_once_with_one_key_are_stored_once(self, stores: Stores) -> None:
        conversation, _ = await called(stores)
        turns = await asyncio.gather(*(give(stores, conversation, key=KEY) for _ in range(20)))

        assert len({turn.generation.id for turn in turns}) == 1
        assert sorted(turn.replayed for turn in turns) == [False, *[True] * 19]
        assert {turn.message.id for turn in turns} == {turns[0].message.id}
        assert len(await stores.messages(conversation.id)) == 2 + len(RESULTS) + 1

    async def test_a_replay_is_as_it_was(self, stores: Stores) -> None:
        conversation, _ = await called(stores)
        first = await give(stores, conversation, key=KEY)
        await answered(stores, first)
        replay = await give(stores, conversation, key=KEY)

        assert (replay.message, replay.reply) == (first.message, first.reply)
        assert replay.reply.tool_calls == ()
