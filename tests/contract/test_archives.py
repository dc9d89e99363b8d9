"""A whole conversation leaves, and comes back as the same."""

from dataclasses import replace
from datetime import timedelta

import pytest

from llmchat.domain import Feedback, Image, Status, Wanted
from llmchat.errors import Invalid, NotFound
from llmchat.events import ToolCall, Usage
from llmchat.ids import ConversationId, MessageId
from llmchat.library.base import Archive
from llmchat.library.markdown import markdown
from tests.contract.stores import ME, STRANGER, WORKER, Stores, ending


async def filled(stores: Stores) -> Archive:
    """With branches, images, calls, thoughts, failures and feedback."""
    conversation = await stores.conversation(title="Of foxes")
    first = await stores.talk(conversation, "a")
    second = await stores.talk(conversation, "b")
    await stores.talk(conversation, "B", parent_id=first.reply.id)
    await stores.talk(conversation, "A", parent_id=None)
    again = await stores.ask_again(first)
    end = replace(
        ending("cut off", Status.STOPPED),
        reasoning="hm",
        usage=Usage(1, 2, 3, 4, 0.5, estimated=True),
        tool_calls=[ToolCall(0, "call_1", "weather", '{"city": "Bern"}')],
    )
    await stores.generations.claim(again.generation.id, WORKER)
    await stores.generations.settle(again.generation.id, WORKER, end)
    await stores.feedback.put(ME, second.reply.id, Feedback(-1, "no"))
    await stores.conversations.update(
        ME,
        conversation.id,
        {"active_leaf": second.reply.id, "pinned": True, "metadata": {"x": [1]}},
    )
    return await stores.archives.read(ME, conversation.id)


def anonymous(archive: Archive) -> tuple[object, ...]:
    """All of it, with the places of messages for their ids."""
    places = {message.id: place for place, message in enumerate(archive.messages)}

    def place(id: MessageId | None) -> int | None:
        return None if id is None else places[id]

    about = archive.conversation
    nowhere = ConversationId("")
    return (
        replace(about, id=nowhere, active_leaf=None),
        place(about.active_leaf),
        [place(message.parent_id) for message in archive.messages],
        [
            replace(
                message,
                id=MessageId(""),
                conversation_id=nowhere,
                parent_id=None,
                generation_id=None,
            )
            for message in archive.messages
        ],
    )


async def test_what_was_exported_comes_back_as_it_was(stores: Stores) -> None:
    archive = await filled(stores)

    made = await stores.archives.add(ME, archive)
    again = await stores.archives.read(ME, made.id)

    assert anonymous(again) == anonymous(archive)
    ids = {message.id for message in archive.messages}
    assert not ids & {message.id for message in again.messages}
    old, new = archive.conversation, again.conversation
    shown = [(m.content, len(m.siblings), m.feedback) for m in await stores.messages(new.id)]
    assert shown == [
        (m.content, len(m.siblings), m.feedback) for m in await stores.messages(old.id)
    ]


async def test_what_came_back_goes_on_and_is_found(stores: Stores) -> None:
    made = await stores.archives.add(ME, await filled(stores))

    page = await stores.conversations.list(ME, Wanted("cut"), limit=9, cursor=None)
    assert page.items[0].id == made.id
    turn = await stores.talk(made, "and then?")
    assert turn.message.parent_id == made.active_leaf
    assert (await stores.messages(made.id))[-1].content == "and then? Because."


async def test_it_belongs_to_whoever_brings_it(stores: Stores) -> None:
    archive = await filled(stores)
    with pytest.raises(NotFound):
        await stores.archives.read(STRANGER, archive.conversation.id)

    made = await stores.archives.add(STRANGER, archive)

    assert (made.owner, made.role) == (STRANGER, "owner")
    with pytest.raises(NotFound):
        await stores.conversations.get(ME, made.id)


async def test_what_was_being_written_is_interrupted(stores: Stores) -> None:
    conversation = await stores.conversation()
    await stores.ask(conversation, worker=WORKER)

    made = await stores.archives.add(ME, await stores.archives.read(ME, conversation.id))

    assert [m.status for m in await stores.messages(made.id)] == ["complete", "interrupted"]
    assert not made.generating


async def test_an_empty_conversation_comes_back(stores: Stores) -> None:
    archive = await stores.archives.read(ME, (await stores.conversation()).id)
    made = await stores.archives.add(ME, archive)
    assert made.active_leaf is None
    assert await stores.messages(made.id) == []


async def test_what_is_no_tree_is_refused(stores: Stores) -> None:
    archive = await filled(stores)
    a = replace(archive.messages[0], id=MessageId("a"))
    b = replace(a, id=MessageId("b"), parent_id=a.id)
    about = replace(archive.conversation, active_leaf=None)

    for messages, complaint in [
        ([a, a], "called a"),
        ([a, replace(b, parent_id=MessageId("c"))], "which is not in the file"),
        ([replace(a, parent_id=a.id)], "circle"),
        ([replace(a, parent_id=b.id), b], "circle"),
        ([replace(b, id=MessageId("c")), a, replace(a, id=b.id, parent_id=b.id)], "circle"),
    ]:
        with pytest.raises(Invalid, match=complaint):
            await stores.archives.add(ME, Archive(about, messages))
    nowhere = replace(about, active_leaf=MessageId("d"))
    with pytest.raises(Invalid, match="active leaf"):
        await stores.archives.add(ME, Archive(nowhere, [a, b]))
    # Nothing of it is there.
    assert len((await stores.conversations.list(ME, limit=9, cursor=None)).items) == 1


async def test_children_may_stand_before_their_parents(stores: Stores) -> None:
    archive = await filled(stores)
    made = await stores.archives.add(ME, replace(archive, messages=list(archive.messages)[::-1]))
    assert len(await stores.messages(made.id)) == len(
        await stores.messages(archive.conversation.id)
    )


async def test_a_very_long_one_comes_back(stores: Stores) -> None:
    archive = await filled(stores)
    first = replace(archive.messages[0], parent_id=None)
    chain = [
        replace(
            first,
            id=MessageId(f"m{n}"),
            parent_id=MessageId(f"m{n - 1}") if n else None,
            created_at=first.created_at + timedelta(seconds=n),
        )
        for n in range(2000)
    ]
    about = replace(archive.conversation, active_leaf=None)

    made = await stores.archives.add(ME, Archive(about, chain))

    page = await stores.conversations.messages(
        ME, made.id, limit=1, cursor=None, leaf=None, order="desc"
    )
    assert page.items[0].created_at == chain[-1].created_at


async def test_markdown_is_the_active_branch_to_read(stores: Stores) -> None:
    archive = await filled(stores)
    picture = replace(archive.messages[0], parts=["a", Image("data:image/png;base64,AAAA")])
    text = markdown(replace(archive, messages=[picture, *archive.messages[1:]]))

    assert text.startswith("# Of foxes\n\n## You\n\na\n\n*(an image)*\n\n## Assistant (demo/echo)")
    assert "a Because." in text
    assert text.endswith("b Because.\n")
    assert "B Because." not in text
