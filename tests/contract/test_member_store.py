"""What every MemberStore does, and what the other stores let members do."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from llmchat.access.members import Link, Member, MemberRole, Right
from llmchat.domain import Conversation, OnBusy, Params, Turn, Wanted
from llmchat.errors import Forbidden, Invalid, NotFound
from llmchat.ids import GenerationId, LinkId, OwnerId
from llmchat.store.drafts import IdempotencyKey, ReplyDraft, TurnDraft
from tests.contract.stores import ME, MODEL, STRANGER, Stores

VIEWER, EDITOR, GONE = OwnerId("viewer"), OwnerId("editor"), OwnerId("gone")
MOST_MEMBERS = 256

Call = Callable[[Stores, OwnerId, Conversation, Turn], Awaitable[object]]


def question(conversation: Conversation, key: IdempotencyKey | None = None) -> TurnDraft:
    return TurnDraft(
        conversation.id, "hello", MODEL, Params(), on_busy=OnBusy.QUEUE, idempotency=key
    )


def reply(turn: Turn) -> ReplyDraft:
    return ReplyDraft(turn.reply.id, MODEL, Params(), on_busy=OnBusy.QUEUE)


READING: dict[str, Call] = {
    "get": lambda s, user, c, _: s.conversations.get(user, c.id),
    "messages": lambda s, user, c, _: s.messages(c.id, owner=user),
    "message": lambda s, user, _, turn: s.conversations.message(user, turn.reply.id),
    "live": lambda s, user, c, _: s.conversations.live(user, c.id),
    "generation": lambda s, user, _, turn: s.generations.get(user, turn.generation.id),
    "check_owner": lambda s, user, _, turn: s.generations.check_owner(user, turn.generation.id),
    "members": lambda s, user, c, _: s.members.list(user, c.id),
}
CHANGING: dict[str, Call] = {
    "update": lambda s, user, c, _: s.conversations.update(user, c.id, {"title": "new"}),
    "add_turn": lambda s, user, c, _: s.conversations.add_turn(user, question(c)),
    "add_reply": lambda s, user, _, turn: s.conversations.add_reply(user, reply(turn)),
    "get, to change": lambda s, user, c, _: s.conversations.get(user, c.id, right=Right.CHANGE),
    "generation, to stop": lambda s, user, _, turn: s.generations.get(
        user, turn.generation.id, right=Right.CHANGE
    ),
}
OWNING: dict[str, Call] = {
    "get, as the owner": lambda s, user, c, _: s.conversations.get(user, c.id, right=Right.OWN),
    "put": lambda s, user, c, _: s.members.put(user, c.id, OwnerId("x"), MemberRole.VIEWER),
    "remove": lambda s, user, c, _: s.members.remove(user, c.id, OwnerId("other")),
    "put_link": lambda s, user, c, _: s.members.put_link(user, link_to(s, c)),
    "remove_link": lambda s, user, c, _: s.members.remove_link(user, c.id),
    "clear": lambda s, user, c, _: s.conversations.clear(user, c.id),
    "delete": lambda s, user, c, _: s.conversations.delete(user, c.id),
}


def link_to(stores: Stores, conversation: Conversation, digest: str = "d1") -> Link:
    return Link(LinkId("link_1"), conversation.id, digest, stores.time.now())


async def shared(stores: Stores) -> tuple[Conversation, Turn]:
    """A conversation with an answer that is being written, with members; and one who was."""
    conversation = await stores.conversation(title="shared")
    turn = await stores.ask(conversation)
    for user, role in (
        (VIEWER, MemberRole.VIEWER),
        (EDITOR, MemberRole.EDITOR),
        (GONE, MemberRole.EDITOR),
        (OwnerId("other"), MemberRole.VIEWER),
    ):
        await stores.members.put(ME, conversation.id, user, role)
    # Whatever the store remembers of them is from before.
    assert not await stores.generations.check_owner(GONE, turn.generation.id)
    await stores.members.remove(ME, conversation.id, GONE)
    return conversation, turn


@pytest.mark.parametrize("user", [ME, EDITOR, VIEWER])
@pytest.mark.parametrize("call", READING)
async def test_members_read(stores: Stores, call: str, user: OwnerId) -> None:
    conversation, turn = await shared(stores)
    expected = await READING[call](stores, ME, conversation, turn)

    found = await READING[call](stores, user, conversation, turn)

    if isinstance(found, Conversation) and user != ME:
        assert found.role == user
        found = replace(found, role="owner")
    assert found == (expected if call != "check_owner" else user == ME)


@pytest.mark.parametrize("call", CHANGING)
async def test_editors_change_what_viewers_may_not(stores: Stores, call: str) -> None:
    conversation, turn = await shared(stores)

    with pytest.raises(Forbidden, match="takes the role editor"):
        await CHANGING[call](stores, VIEWER, conversation, turn)
    assert (await stores.conversations.get(ME, conversation.id)).title == "shared"
    assert len(await stores.conversations.live(ME, conversation.id)) == 1

    for user in (EDITOR, ME):
        await CHANGING[call](stores, user, conversation, turn)


@pytest.mark.parametrize("user", [EDITOR, VIEWER])
@pytest.mark.parametrize("call", OWNING)
async def test_the_rest_is_the_owners(stores: Stores, call: str, user: OwnerId) -> None:
    conversation, turn = await shared(stores)

    with pytest.raises(Forbidden, match="Only the conversation's owner"):
        await OWNING[call](stores, user, conversation, turn)
    assert len(await stores.messages(conversation.id)) == 2
    assert len(await stores.members.list(ME, conversation.id)) == 3

    await OWNING[call](stores, ME, conversation, turn)


@pytest.mark.parametrize("user", [STRANGER, GONE])
@pytest.mark.parametrize("call", [*READING, *CHANGING, *OWNING])
async def test_for_others_it_does_not_exist(stores: Stores, call: str, user: OwnerId) -> None:
    conversation, turn = await shared(stores)
    calling = {**READING, **CHANGING, **OWNING}[call]

    with pytest.raises(NotFound, match=r"^There is no (conversation|message|generation) \w+\.$"):
        await calling(stores, user, conversation, turn)
    assert len(await stores.messages(conversation.id)) == 2
    assert len(await stores.members.list(ME, conversation.id)) == 3


async def test_what_an_editor_adds_is_the_owners(stores: Stores) -> None:
    conversation, _ = await shared(stores)
    turn = await stores.conversations.add_turn(EDITOR, question(conversation))

    assert turn.generation.owner == ME
    assert await stores.generations.check_owner(ME, turn.generation.id)
    assert await stores.generations.count_live(ME) == 2
    assert await stores.generations.count_live(EDITOR) == 0


async def test_an_idempotency_key_is_its_callers_own(stores: Stores) -> None:
    conversation, _ = await shared(stores)
    mine = await stores.conversations.add_turn(
        ME, question(conversation, IdempotencyKey("k", "owner's"))
    )

    theirs = question(conversation, IdempotencyKey("k", "editor's"))
    made = await stores.conversations.add_turn(EDITOR, theirs)
    again = await stores.conversations.add_turn(EDITOR, theirs)

    assert made.generation.id == again.generation.id != mine.generation.id
    assert again.replayed


async def test_lists_show_own_and_shared_ones_newest_first(stores: Stores) -> None:
    made = []
    for number in range(7):
        owner = ME if number % 3 else EDITOR
        made.append(await stores.conversation(owner, title=f"number {number}"))
        if owner == ME and number % 2:
            await stores.members.put(ME, made[-1].id, EDITOR, MemberRole.VIEWER)
    expected = [f"number {number}" for number in (6, 5, 3, 1, 0)]

    for limit in (1, 2, 3, 10):
        assert await titles(stores, EDITOR, limit) == expected
    found = await stores.conversations.list(EDITOR, Wanted("number 5"), limit=10, cursor=None)
    assert [each.id for each in found.items] == [made[5].id]
    await stores.members.remove(ME, made[5].id, EDITOR)
    assert await titles(stores, EDITOR, 2) == [each for each in expected if each != "number 5"]


async def titles(stores: Stores, user: OwnerId, limit: int) -> list[str | None]:
    found: list[str | None] = []
    cursor = None
    while True:
        page = await stores.conversations.list(user, limit=limit, cursor=cursor)
        found += [each.title for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


async def test_another_role_takes_the_place_of_the_first(stores: Stores) -> None:
    conversation = await stores.conversation()
    first = await stores.members.put(ME, conversation.id, EDITOR, MemberRole.EDITOR)
    stores.time.move(60)
    again = await stores.members.put(ME, conversation.id, EDITOR, MemberRole.VIEWER)

    assert again == Member(EDITOR, MemberRole.VIEWER, first.created_at)
    assert await stores.members.list(ME, conversation.id) == [again]
    with pytest.raises(Forbidden):
        await stores.conversations.update(EDITOR, conversation.id, {"title": "x"})


async def test_an_owner_is_no_member(stores: Stores) -> None:
    conversation = await stores.conversation()

    with pytest.raises(Invalid, match="owns the conversation"):
        await stores.members.put(ME, conversation.id, ME, MemberRole.VIEWER)


async def test_members_may_leave(stores: Stores) -> None:
    conversation, _ = await shared(stores)
    await stores.members.remove(VIEWER, conversation.id, VIEWER)

    with pytest.raises(NotFound):
        await stores.conversations.get(VIEWER, conversation.id)
    with pytest.raises(NotFound, match="has no member viewer"):
        await stores.members.remove(ME, conversation.id, VIEWER)


async def test_there_are_so_many_members_and_no_more(stores: Stores) -> None:
    conversation = await stores.conversation()
    for number in range(MOST_MEMBERS):
        user = OwnerId(f"user-{number}")
        await stores.members.put(ME, conversation.id, user, MemberRole.VIEWER)

    with pytest.raises(Invalid, match="256 members at most"):
        await stores.members.put(ME, conversation.id, OwnerId("more"), MemberRole.VIEWER)
    await stores.members.put(ME, conversation.id, OwnerId("user-0"), MemberRole.EDITOR)


async def test_a_conversation_takes_members_and_link_with_it(stores: Stores) -> None:
    conversation, turn = await shared(stores)
    await stores.members.put_link(ME, link_to(stores, conversation))
    await stores.conversations.delete(ME, conversation.id)

    assert await stores.members.find_link("d1") is None
    with pytest.raises(NotFound):
        await stores.generations.check_owner(EDITOR, turn.generation.id)
    with pytest.raises(NotFound):
        await stores.generations.check_owner(EDITOR, GenerationId("gen_none"))


async def test_a_new_link_takes_the_place_of_the_first(stores: Stores) -> None:
    conversation, other = await stores.conversation(), await stores.conversation(STRANGER)
    await stores.members.put_link(ME, link_to(stores, conversation, "d1"))
    await stores.members.put_link(STRANGER, link_to(stores, other, "d2"))
    assert await stores.members.find_link("d1") == (ME, conversation.id)

    await stores.members.put_link(ME, link_to(stores, conversation, "d3"))
    assert await stores.members.find_link("d1") is None
    assert await stores.members.find_link("d3") == (ME, conversation.id)

    await stores.members.remove_link(ME, conversation.id)
    await stores.members.remove_link(ME, conversation.id)
    assert await stores.members.find_link("d3") is None
    assert await stores.members.find_link("d2") == (STRANGER, other.id)
