"""Which branch is the active one, and what a conversation shows of itself to whom."""

import pytest

from llmchat.access.members import MemberRole
from llmchat.domain import Status
from llmchat.errors import Forbidden, Invalid, NotFound
from llmchat.ids import OwnerId
from llmchat.store.drafts import ReplyDraft
from tests.contract.stores import ME, MODEL, WORKER, Stores, ending

BOB = OwnerId("bob")


async def test_the_branch_through_a_message_becomes_the_active_one_down_to_its_newest_leaf(
    stores: Stores,
) -> None:
    conversation = await stores.conversation()
    first = await stores.talk(conversation, "a")
    left = await stores.talk(conversation, "b")
    right = await stores.talk(conversation, "B", parent_id=first.reply.id)
    older_branch_goes_on = await stores.talk(conversation, "c", parent_id=left.reply.id)
    anew = await stores.talk(conversation, "A", parent_id=None)
    get = stores.conversations.get
    assert (await get(ME, conversation.id)).active_leaf == anew.reply.id

    for message, leaf in [
        (right.message, right.reply),
        (left.message, older_branch_goes_on.reply),
        (first.message, older_branch_goes_on.reply),
        (anew.reply, anew.reply),
    ]:
        changed = await stores.conversations.update(
            ME, conversation.id, {"active_leaf": message.id}
        )
        assert changed.active_leaf == leaf.id
        assert (await get(ME, conversation.id)).active_leaf == leaf.id
        assert (await stores.messages(conversation.id))[-1].id == leaf.id

    turn = await stores.ask(conversation, "behind it")
    assert turn.message.parent_id == anew.reply.id


async def test_a_message_of_another_conversation_is_no_leaf_of_this_one(stores: Stores) -> None:
    mine, other = await stores.conversation(), await stores.conversation()
    await stores.talk(mine)
    elsewhere = await stores.talk(other)

    for id in (elsewhere.reply.id, "msg_0"):
        with pytest.raises(NotFound):
            await stores.conversations.update(ME, mine.id, {"active_leaf": id, "title": "no"})
    assert (await stores.conversations.get(ME, mine.id)).title is None


async def test_everybody_sees_their_own_role(stores: Stores) -> None:
    conversation = await stores.conversation()
    await stores.members.put(ME, conversation.id, BOB, MemberRole.VIEWER)

    assert (await stores.conversations.get(ME, conversation.id)).role == "owner"
    assert (await stores.conversations.get(BOB, conversation.id)).role == "viewer"
    with pytest.raises(Forbidden):
        await stores.conversations.update(BOB, conversation.id, {"active_leaf": "msg_0"})
    await stores.members.put(ME, conversation.id, BOB, MemberRole.EDITOR)
    changed = await stores.conversations.update(BOB, conversation.id, {"pinned": True})
    assert (changed.role, changed.pinned) == ("editor", True)
    page = await stores.conversations.list(BOB, limit=9, cursor=None)
    assert [(it.role, it.pinned) for it in page.items] == [("editor", True)]


async def test_what_is_being_answered_says_so(stores: Stores) -> None:
    quiet, busy = await stores.conversation(), await stores.conversation()

    async def generating() -> list[bool]:
        page = await stores.conversations.list(ME, limit=9, cursor=None)
        shown = {it.id: it.generating for it in page.items}
        got = [await stores.conversations.get(ME, it.id) for it in (quiet, busy)]
        assert [it.generating for it in got] == [shown[quiet.id], shown[busy.id]]
        return [it.generating for it in got]

    assert await generating() == [False, False]
    turn = await stores.ask(busy)
    assert await generating() == [False, True]
    await stores.generations.claim(turn.generation.id, WORKER)
    assert await generating() == [False, True]
    # Its end is not in the log yet, but settled it is.
    await stores.generations.settle(turn.generation.id, WORKER, ending())
    assert await generating() == [False, False]


async def test_an_answer_goes_on_with_what_was_stopped(stores: Stores) -> None:
    conversation = await stores.conversation()
    turn = await stores.ask(conversation, worker=WORKER)
    draft = ReplyDraft(turn.reply.id, MODEL, turn.generation.params, goes_on=True)
    with pytest.raises(Invalid, match="still being written"):
        await stores.conversations.add_reply(ME, draft)
    await stores.generations.settle(turn.generation.id, WORKER, ending("As far as", Status.STOPPED))

    again = await stores.conversations.add_reply(ME, draft)

    assert again.generation.begun.answer == "As far as"
    assert again.reply.siblings == [turn.reply.id, again.reply.id]
    assert again.reply.content == ""
    stored = await stores.generations.get(ME, again.generation.id)
    assert stored.begun == again.generation.begun


async def test_what_is_complete_is_not_gone_on_with(stores: Stores) -> None:
    turn = await stores.talk(await stores.conversation())
    with pytest.raises(Invalid, match="complete"):
        await stores.conversations.add_reply(
            ME, ReplyDraft(turn.reply.id, MODEL, turn.generation.params, goes_on=True)
        )
