"""Turns that begin with any messages, in conversations that are made with them; what is kept of the
request; and messages that nobody answers."""

from dataclasses import replace

import pytest

from llmchat.domain import Image, Params, Role
from llmchat.errors import Busy, Invalid, NotFound
from llmchat.events import ToolCall
from llmchat.ids import GenerationId
from llmchat.prompts import Asked, PromptMessage
from llmchat.store.drafts import ConversationDraft, IdempotencyKey, TurnDraft
from tests.contract.stores import ME, MODEL, STRANGER, Stores

CALL = ToolCall(0, "call_a", "weather", "{}")
OTHER = ToolCall(1, "call_b", "clock", "{}")
MESSAGES = (
    PromptMessage(Role.SYSTEM, "Be kind."),
    PromptMessage(Role.USER, "What is this?", ("What is this?", Image("data:image/png;base64,iV"))),
    PromptMessage(Role.ASSISTANT, "I look.", tool_calls=(CALL,)),
    PromptMessage(Role.TOOL, "Rain.", tool_call_id="call_a"),
    PromptMessage(Role.USER, "And?"),
)
REQUEST = {"instructions": "Be brief.", "metadata": {"a": "b"}}
NEW = TurnDraft(
    ConversationDraft(metadata={"topic": "rain"}),
    "",
    MODEL,
    Params(),
    None,
    asked=Asked(MESSAGES, "Be brief.", REQUEST),
)


async def test_any_messages_begin_a_turn_in_a_new_conversation(stores: Stores) -> None:
    turn = await stores.conversations.add_turn(ME, NEW)
    branch = await stores.conversations.branch(turn.reply.id)
    told = [PromptMessage(m.role, m.content, m.parts, m.tool_calls, m.tool_call_id) for m in branch]
    assert told[:-1] == list(MESSAGES)
    assert [message.id for message in branch[:-1]] == [
        *(message.id for message in turn.before),
        turn.message.id,
    ]
    assert turn.generation.instructions == "Be brief."
    conversation = await stores.conversations.get(ME, turn.generation.conversation_id)
    assert conversation.metadata == {"topic": "rain"}
    kept = await stores.responses.find(turn.generation.id)
    assert kept is not None
    assert (kept.request, kept.deleted) == (REQUEST, False)
    assert list(kept.inputs) == [message.id for message in branch[:-1]]


async def test_a_key_makes_one_conversation(stores: Stores) -> None:
    draft = replace(NEW, idempotency=IdempotencyKey("key", "the same"))
    turns = [await stores.conversations.add_turn(ME, draft) for _ in "twice"]
    assert turns[1].replayed
    assert turns[0].generation == turns[1].generation
    page = await stores.conversations.list(ME, limit=9, cursor=None)
    assert len(page.items) == 1


async def test_another_answer_is_told_the_same_first(stores: Stores) -> None:
    turn = await stores.conversations.add_turn(ME, NEW)
    await stores.answer(turn)
    assert (await stores.ask_again(turn)).generation.instructions == "Be brief."


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([PromptMessage(Role.TOOL, "Rain.", tool_call_id="call_a")], "No tool call found"),
        ([MESSAGES[2], MESSAGES[3], MESSAGES[3]], "No tool call found"),
        ([MESSAGES[2], MESSAGES[4], MESSAGES[3]], "No tool call found"),
        (
            [replace(MESSAGES[2], tool_calls=(CALL, OTHER)), MESSAGES[3], MESSAGES[4]],
            "No tool output found for function call call_b",
        ),
        ([replace(MESSAGES[2], tool_calls=(CALL, OTHER)), MESSAGES[3]], "No tool output found"),
    ],
    ids=["no call", "twice", "too late", "half, and on", "half"],
)
async def test_results_answer_calls(
    stores: Stores, messages: list[PromptMessage], complaint: str
) -> None:
    with pytest.raises(Invalid, match=complaint):
        await stores.conversations.add_turn(ME, replace(NEW, asked=Asked(messages)))
    page = await stores.conversations.list(ME, limit=9, cursor=None)
    assert not page.items


async def test_what_is_deleted_is_marked_until_nobody_wants_it(stores: Stores) -> None:
    turn = await stores.conversations.add_turn(ME, NEW)
    await stores.answer(turn)
    behind = replace(NEW, conversation_id=turn.generation.conversation_id, parent_id=turn.reply.id)
    second = await stores.conversations.add_turn(ME, behind)
    assert not await stores.responses.delete(turn.generation.id)
    kept = await stores.responses.find(turn.generation.id)
    assert kept is not None
    assert kept.deleted
    assert await stores.responses.delete(second.generation.id)
    # One of a conversation that somebody has begun leaves that alone.
    asked = await stores.ask(await stores.conversation())
    assert not await stores.responses.delete(asked.generation.id)
    assert not await stores.responses.delete(GenerationId("gen_none"))


async def test_messages_without_an_answer(stores: Stores) -> None:
    conversation = await stores.conversation()
    assert not await stores.items.append(ME, conversation.id, [])
    added = await stores.items.append(ME, conversation.id, MESSAGES)
    assert [message.role for message in added] == [message.role for message in MESSAGES]
    turn = await stores.ask(conversation)
    with pytest.raises(Busy):
        await stores.items.append(ME, conversation.id, MESSAGES[:1])
    await stores.answer(turn)
    await stores.items.append(ME, conversation.id, MESSAGES[-1:])
    leaf = (await stores.messages(conversation.id))[-1]
    assert (leaf.content, leaf.parent_id) == ("And?", turn.reply.id)
    with pytest.raises(NotFound):
        await stores.items.append(STRANGER, conversation.id, MESSAGES[:1])


async def test_what_is_taken_out_is_bridged(stores: Stores) -> None:
    conversation = await stores.conversation()
    added = await stores.items.append(ME, conversation.id, MESSAGES)
    id = conversation.id
    await stores.items.remove(ME, id, added[2].id, "content", 0)
    assert [m.content for m in await stores.messages(conversation.id)][2] == ""
    await stores.items.remove(ME, id, added[2].id, "call", 0)
    await stores.items.remove(ME, id, added[4].id, "content", 0)
    left = await stores.messages(conversation.id)
    assert [message.id for message in left] == [added[place].id for place in (0, 1, 3)]
    with pytest.raises(NotFound):
        await stores.items.remove(ME, id, added[2].id, "content", 0)
    for message in left:
        await stores.items.remove(ME, id, message.id, "content", 0)
    assert not await stores.messages(conversation.id)
    with pytest.raises(NotFound):
        await stores.items.remove(STRANGER, id, added[0].id, "content", 0)
