"""Messages are a tree: branches, siblings, leaves, and their pages."""

import random
from collections.abc import Sequence

import pytest

from llmchat.domain import Conversation, Message, MessageOrder, Role, Status
from llmchat.errors import NotFound
from llmchat.ids import MessageId
from tests.contract.stores import ME, Stores


async def test_a_conversation_reads_in_order(stores: Stores) -> None:
    conversation = await stores.conversation()
    for question in ("a", "b", "c"):
        await stores.talk(conversation, question)

    messages = await stores.messages(conversation.id)

    assert [message.content for message in messages] == [
        "a",
        "a Because.",
        "b",
        "b Because.",
        "c",
        "c Because.",
    ]
    assert [message.role for message in messages] == [Role.USER, Role.ASSISTANT] * 3
    assert [message.parent_id for message in messages] == [
        None,
        *(message.id for message in messages[:-1]),
    ]
    assert {message.status for message in messages} == {Status.COMPLETE}
    assert await stores.messages(conversation.id, order="desc") == messages[::-1]


async def test_another_answer_is_a_sibling_and_becomes_the_branch(stores: Stores) -> None:
    conversation = await stores.conversation()
    first = await stores.talk(conversation, "a")
    second = await stores.ask_again(first)
    await stores.answer(second, "Another.")

    siblings = [first.reply.id, second.reply.id]
    active = await stores.messages(conversation.id)
    assert [message.content for message in active] == ["a", "Another."]
    assert second.message.id == first.message.id
    assert active[1].siblings == siblings
    older = await stores.messages(conversation.id, leaf=first.reply.id)
    assert [message.content for message in older] == ["a", "a Because."]
    assert older[1].siblings == siblings
    assert (await stores.conversations.message(ME, first.reply.id)).siblings == siblings


async def test_an_edited_question_is_a_branch_of_its_own(stores: Stores) -> None:
    conversation = await stores.conversation()
    first = await stores.talk(conversation, "a")
    second = await stores.talk(conversation, "b")
    edited = await stores.talk(conversation, "B", parent_id=first.reply.id)
    anew = await stores.talk(conversation, "A", parent_id=None)

    def texts(messages: Sequence[Message]) -> str:
        return " ".join(message.content for message in messages if message.role is Role.USER)

    assert texts(await stores.messages(conversation.id)) == "A"
    assert texts(await stores.messages(conversation.id, leaf=second.reply.id)) == "a b"
    assert texts(await stores.messages(conversation.id, leaf=edited.reply.id)) == "a B"
    assert texts(await stores.conversations.branch(edited.reply.id)) == "a B"
    assert edited.message.siblings == [second.message.id, edited.message.id]
    assert anew.message.siblings == [first.message.id, anew.message.id]


async def test_every_leaf_of_a_tree_has_its_path_and_every_message_its_siblings(
    stores: Stores, chaos: random.Random
) -> None:
    conversation = await stores.conversation()
    parents: dict[MessageId, MessageId | None] = {}
    for number in range(25):
        parent = chaos.choice([None, *parents])
        turn = await stores.talk(conversation, str(number), parent_id=parent)
        parents |= {turn.message.id: parent, turn.reply.id: turn.message.id}
    children: dict[MessageId | None, list[MessageId]] = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(child)

    for leaf in parents:
        path: list[MessageId] = [leaf]
        while (above := parents[path[0]]) is not None:
            path.insert(0, above)
        messages = await stores.messages(conversation.id, leaf=leaf)
        assert [message.id for message in messages] == path
        assert [message.id for message in await stores.conversations.branch(leaf)] == path
        for message in messages:
            assert message.siblings == children[message.parent_id]


@pytest.mark.parametrize("order", ["asc", "desc"])
class TestPages:
    async def test_pages_hold_the_branch_once(self, stores: Stores, order: MessageOrder) -> None:
        conversation = await stores.conversation()
        for number in range(4):
            await stores.talk(conversation, str(number))
        whole = await stores.messages(conversation.id, order=order)

        for limit in (1, 2, 3, 7, 8, 9):
            pages = await all_pages(stores, conversation, limit, order)
            assert [message for page in pages for message in page] == whole
            assert {len(page) for page in pages[:-1]} <= {limit}

    async def test_pages_stay_on_the_branch_while_another_is_begun(
        self, stores: Stores, order: MessageOrder
    ) -> None:
        conversation = await stores.conversation()
        for number in range(3):
            await stores.talk(conversation, str(number))
        whole = await stores.messages(conversation.id, order=order)
        first = await stores.conversations.messages(
            ME, conversation.id, limit=2, cursor=None, leaf=None, order=order
        )

        await stores.talk(conversation, "one more")
        await stores.talk(conversation, "another beginning", parent_id=None)
        await stores.talk(conversation, "and so on")
        await stores.talk(conversation, "and so on")
        rest = await all_pages(stores, conversation, 2, order, cursor=first.next_cursor)

        messages = [message for page in (first.items, *rest) for message in page]
        assert [message.id for message in messages] == [message.id for message in whole]

    async def test_an_empty_conversation_is_one_empty_page(
        self, stores: Stores, order: MessageOrder
    ) -> None:
        conversation = await stores.conversation()
        assert await all_pages(stores, conversation, 5, order) == [[]]


async def test_a_leaf_of_another_conversation_is_none_of_this_one(stores: Stores) -> None:
    conversation, other = await stores.conversation(), await stores.conversation()
    turn = await stores.talk(other)
    with pytest.raises(NotFound):
        await stores.messages(conversation.id, leaf=turn.reply.id)
    with pytest.raises(NotFound):
        await stores.ask(conversation, parent_id=turn.reply.id)


async def all_pages(
    stores: Stores,
    conversation: Conversation,
    limit: int,
    order: MessageOrder,
    cursor: str | None = None,
) -> list[Sequence[Message]]:
    pages = []
    while True:
        page = await stores.conversations.messages(
            ME, conversation.id, limit=limit, cursor=cursor, leaf=None, order=order
        )
        pages.append(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return pages
