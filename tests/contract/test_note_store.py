"""What every NoteStore does: messages that nobody answers, among those that are."""

import asyncio

import pytest

from llmchat.access.members import MemberRole
from llmchat.domain import Conversation, Image, Note, OnBusy, Role, Status
from llmchat.errors import Forbidden, Invalid, NotFound
from llmchat.ids import MessageId, OwnerId
from llmchat.store.drafts import ACTIVE_LEAF, ActiveLeaf, IdempotencyKey
from tests.contract.stores import ME, STRANGER, Stores

BOB = OwnerId("bob")
KEY = IdempotencyKey("socket conv ref", "f" * 64)
PICTURE = Image("data:image/png;base64,AAAA")


async def noted(
    stores: Stores,
    conversation: Conversation,
    content: str = "lunch?",
    *,
    author: OwnerId = ME,
    parent_id: MessageId | ActiveLeaf | None = ACTIVE_LEAF,
    key: IdempotencyKey | None = None,
) -> Note:
    note = await stores.notes.add(
        author, conversation.id, content, parts=(), parent_id=parent_id, idempotency=key
    )
    assert note is not None
    return note


async def test_a_note_is_a_message_behind_the_others(stores: Stores) -> None:
    conversation = await stores.conversation()
    await stores.members.put(ME, conversation.id, BOB, MemberRole.EDITOR)
    turn = await stores.ask(conversation)
    note = (await noted(stores, conversation, author=BOB)).message
    assert (note.role, note.status, note.author) == (Role.USER, Status.COMPLETE, BOB)
    assert (note.parent_id, note.generation_id) == (turn.reply.id, None)
    after = await stores.ask(conversation, on_busy=OnBusy.QUEUE)
    assert after.message.parent_id == note.id
    assert [m.author for m in await stores.messages(conversation.id)] == [ME, None, BOB, ME, None]
    assert len(await stores.conversations.live(ME, conversation.id)) == 2


async def test_a_note_may_begin_a_branch_and_have_images(stores: Stores) -> None:
    conversation = await stores.conversation()
    first = await noted(stores, conversation)
    other = await noted(stores, conversation, parent_id=None)
    assert other.message.siblings == [first.message.id, other.message.id]
    parts = ("look: ", PICTURE)
    seen = await stores.notes.add(
        ME, conversation.id, "look: ", parts=parts, parent_id=first.message.id, idempotency=None
    )
    assert seen is not None
    branch = await stores.messages(conversation.id)
    assert [message.id for message in branch] == [first.message.id, seen.message.id]
    assert branch[-1].parts == parts


async def test_the_same_key_is_the_same_note(stores: Stores) -> None:
    conversation = await stores.conversation()
    notes = await asyncio.gather(*[noted(stores, conversation, key=KEY) for _ in range(4)])
    assert len({note.message.id for note in notes}) == 1
    assert sorted(note.replayed for note in notes) == [False, True, True, True]
    made = await stores.notes.made(ME, KEY)
    assert made is not None
    assert (made.message.id, made.replayed) == (notes[0].message.id, True)
    assert await stores.notes.made(STRANGER, KEY) is None
    with pytest.raises(Invalid):
        await noted(stores, conversation, key=IdempotencyKey(KEY.key, "other"))
    with pytest.raises(Invalid):
        await stores.notes.made(ME, IdempotencyKey(KEY.key, "other"))
    assert len(await stores.messages(conversation.id)) == 1


async def test_a_key_of_one_kind_makes_nothing_of_the_other(stores: Stores) -> None:
    conversation = await stores.conversation()
    turn = await stores.ask(conversation, idempotency=KEY)
    assert await stores.notes.made(ME, KEY) is None
    again = await stores.notes.add(
        ME, conversation.id, "Why?", parts=(), parent_id=ACTIVE_LEAF, idempotency=KEY
    )
    assert again is None
    assert (await stores.ask(conversation, idempotency=KEY)).message.id == turn.message.id
    other = IdempotencyKey("other", KEY.fingerprint)
    await noted(stores, conversation, key=other)
    with pytest.raises(Invalid):
        await stores.ask(conversation, on_busy=OnBusy.QUEUE, idempotency=other)


async def test_a_key_is_forgotten_with_its_note_and_after_a_day(stores: Stores) -> None:
    conversation = await stores.conversation()
    first = await noted(stores, conversation, key=KEY)
    await stores.conversations.clear(ME, conversation.id)
    assert await stores.notes.made(ME, KEY) is None
    second = await noted(stores, conversation, key=KEY)
    assert second.message.id != first.message.id
    stores.time.move(24 * 3600 + 1)
    assert await stores.notes.made(ME, KEY) is None
    assert not (await noted(stores, conversation, key=KEY)).replayed


async def test_only_who_may_write_writes(stores: Stores) -> None:
    conversation = await stores.conversation()
    await stores.members.put(ME, conversation.id, BOB, MemberRole.VIEWER)
    with pytest.raises(Forbidden):
        await noted(stores, conversation, author=BOB)
    with pytest.raises(NotFound):
        await noted(stores, conversation, author=STRANGER)
    with pytest.raises(NotFound):
        await noted(stores, conversation, parent_id=MessageId("msg_of_nobody"))
    assert await stores.messages(conversation.id) == []
