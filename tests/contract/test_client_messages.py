"""What clients call their messages, and the answer that goes on behind one."""

from dataclasses import replace

import pytest

from llmchat.domain import Conversation, Params, Role, ToolResult, Turn
from llmchat.errors import NotFound
from llmchat.events import ToolCall
from llmchat.ids import MessageId
from llmchat.store.drafts import (
    ACTIVE_LEAF,
    ActiveLeaf,
    ConversationDraft,
    IdempotencyKey,
    TurnDraft,
)
from tests.contract.stores import ME, MODEL, STRANGER, TEXTS, WORKER, Stores, ending

CALL = ToolCall(0, "call_1", "weather", "{}")
RESULT = ToolResult("call_1", "21 °C")


async def send(
    stores: Stores,
    conversation: Conversation,
    name: str | None,
    *,
    key: IdempotencyKey | None = None,
    results: tuple[ToolResult, ...] = (),
    calls: tuple[ToolCall, ...] = (),
    parent_id: MessageId | ActiveLeaf | None = ACTIVE_LEAF,
) -> Turn:
    """A question, or results, by that name, and the end of its answer."""
    draft = TurnDraft(
        conversation.id,
        "Why?",
        MODEL,
        Params(),
        parent_id=parent_id,
        idempotency=key,
        tool_results=results,
        client_id=name,
    )
    turn = await stores.conversations.add_turn(conversation.owner, draft)
    if not turn.replayed:
        await stores.generations.claim(turn.generation.id, WORKER)
        end = replace(ending(), tool_calls=calls)
        assert await stores.generations.settle(turn.generation.id, WORKER, end)
        await stores.generations.close(turn.generation.id, 3)
    return turn


async def test_messages_are_known_by_either_name(stores: Stores) -> None:
    conversation = await stores.conversation()
    turns = {name: await send(stores, conversation, name) for name in TEXTS if name}
    reply = turns[TEXTS[-1]].reply.id

    asked = [*turns, reply, "nobody's", "msg_nobodys"]
    known = await stores.client_messages.known(ME, conversation.id, asked)

    questions = {name: turn.message.id for name, turn in turns.items()}
    assert {name: message.id for name, message in known.items()} == {**questions, reply: reply}
    assert await stores.client_messages.known(ME, conversation.id, []) == {}


async def test_a_name_is_of_the_newest_message_in_its_conversation(stores: Stores) -> None:
    conversation, other = [await stores.conversation() for _ in range(2)]
    await send(stores, conversation, "q")
    edited = await send(stores, conversation, "q", parent_id=None)
    elsewhere = await send(stores, other, "q")

    known = await stores.client_messages.known(ME, conversation.id, ["q", elsewhere.message.id])

    assert {name: message.id for name, message in known.items()} == {"q": edited.message.id}
    assert known["q"].siblings[-1] == edited.message.id


async def test_what_an_idempotency_key_repeats_names_nothing_anew(stores: Stores) -> None:
    conversation = await stores.conversation()
    key = IdempotencyKey("key", "the same")
    await send(stores, conversation, "q", key=key)
    edited = await send(stores, conversation, "q", parent_id=None)
    assert (await send(stores, conversation, "q", key=key)).replayed
    known = await stores.client_messages.known(ME, conversation.id, ["q"])
    assert known["q"].id == edited.message.id


async def test_names_go_with_their_messages(stores: Stores) -> None:
    conversation = await stores.conversation()
    await send(stores, conversation, "q")
    await stores.conversations.clear(ME, conversation.id)
    assert await stores.client_messages.known(ME, conversation.id, ["q"]) == {}
    await send(stores, conversation, "q")
    await stores.conversations.delete(ME, conversation.id)
    with pytest.raises(NotFound):
        await stores.client_messages.known(ME, conversation.id, ["q"])


async def test_an_answer_goes_on_over_the_results_of_its_calls(stores: Stores) -> None:
    conversation = await stores.conversation()
    first = await send(stores, conversation, "q", calls=(CALL,))
    await send(stores, conversation, None, results=(RESULT,))
    again = await send(stores, conversation, None, results=(RESULT,), parent_id=first.reply.id)
    await send(stores, conversation, "next")

    answer = await stores.client_messages.answer_from(ME, first.message.id)

    roles = [message.role for message in answer]
    assert roles == [Role.USER, Role.ASSISTANT, Role.TOOL, Role.ASSISTANT]
    assert [answer[1].id, answer[-1].id] == [first.reply.id, again.reply.id]
    behind = await stores.client_messages.answer_from(ME, first.reply.id)
    assert [message.id for message in behind] == [message.id for message in answer[1:]]


async def test_nothing_is_known_of_anothers(stores: Stores) -> None:
    theirs = await stores.conversations.create(STRANGER, ConversationDraft())
    turn = await send(stores, theirs, "q")
    for id in (theirs.id, type(theirs.id)("conv_missing")):
        with pytest.raises(NotFound, match=id):
            await stores.client_messages.known(ME, id, ["q"])
    for message in (turn.message.id, MessageId("msg_missing")):
        with pytest.raises(NotFound, match=message):
            await stores.client_messages.answer_from(ME, message)
