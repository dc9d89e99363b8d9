"""Conversations: made, listed in pages, found, changed, deleted."""

import asyncio
from collections.abc import Sequence

import pytest

from llmchat.domain import Conversation, Params, Wanted
from llmchat.errors import Malformed, NotFound
from llmchat.store.drafts import ConversationDraft, IdempotencyKey
from tests.contract.stores import ME, STRANGER, TEXTS, Stores

HOUR_SECONDS = 3600
FOREIGN_CURSORS = (
    *("", "x", "-1", "1.5", " 1", "1 ", "1_0", "0x1", "٣", "²", "9" * 19),
    *("msg_1", ".msg_1", "1.msg", "-1.msg_1", "1.5.msg_1"),
)


class TestOne:
    async def test_what_was_created_is_found(self, stores: Stores) -> None:
        for text in TEXTS:
            draft = ConversationDraft(
                title=text,
                system_prompt=text,
                model=text,
                params=Params(temperature=0.0, stop=[text], extra={"deep": [{"er": text}]}),
                metadata={"text": text, "none": None},
            )
            made = await stores.conversations.create(ME, draft)

            assert await stores.conversations.get(ME, made.id) == made
            assert (made.title, made.system_prompt, made.model) == (text, text, text)
            assert (made.params, made.metadata) == (draft.params, draft.metadata)
            assert made.created_at == made.updated_at == stores.time.now()
            assert not made.archived

    async def test_an_update_changes_what_it_names(self, stores: Stores) -> None:
        made = await stores.conversations.create(
            ME, ConversationDraft(title="old", system_prompt="kept", params=Params(seed=1))
        )
        other = await stores.conversation()
        stores.time.move(1)

        changes = {"title": "new", "archived": True, "params": Params(seed=2), "metadata": {"a": 1}}
        changed = await stores.conversations.update(ME, made.id, changes)

        assert await stores.conversations.get(ME, made.id) == changed
        assert (changed.title, changed.system_prompt, changed.archived) == ("new", "kept", True)
        assert (changed.params, changed.metadata) == (Params(seed=2), {"a": 1})
        assert changed.updated_at > changed.created_at == made.created_at
        assert (await stores.conversations.update(ME, made.id, {"title": None})).title is None
        assert await stores.conversations.get(ME, other.id) == other

    async def test_a_title_is_added_where_there_is_none(self, stores: Stores) -> None:
        made, other = await stores.conversation(), await stores.conversation()
        stores.time.move(1)

        titled = await stores.conversations.add_title(ME, made.id, "Foxes")

        assert titled is not None
        assert (titled.title, titled.updated_at) == ("Foxes", stores.time.now())
        assert await stores.conversations.get(ME, made.id) == titled
        assert await stores.conversations.add_title(ME, made.id, "Dogs") is None
        assert await stores.conversations.get(ME, made.id) == titled
        assert await stores.conversations.get(ME, other.id) == other

    async def test_one_without_a_title_is_called_by_its_first_question(
        self, stores: Stores
    ) -> None:
        made, empty = await stores.conversation(), await stores.conversation()
        turn = await stores.talk(made, "  Why\n do\tfoxes " + "run? " * 40)
        await stores.talk(made, "Another version", parent_id=None)
        await stores.talk(await stores.conversation(title="Foxes"), "Why?")

        page = await stores.conversations.list(ME, limit=10, cursor=None)
        found = await stores.conversations.get(ME, made.id)

        assert found.opening == f"{('Why do foxes ' + 'run? ' * 40)[:79]}…"
        assert [each.opening for each in page.items] == [None, found.opening, None]
        assert (await stores.conversations.get(ME, empty.id)).opening is None
        changed = await stores.conversations.update(ME, made.id, {"title": "Foxes"})
        assert (changed.title, changed.opening) == ("Foxes", None)
        # What is taken out of the conversation is not kept in its name.
        await stores.conversations.update(ME, made.id, {"title": None})
        await stores.items.remove(ME, made.id, turn.message.id, "content", 0)
        assert (await stores.conversations.get(ME, made.id)).opening == "Another version"

    async def test_a_title_that_somebody_set_stays(self, stores: Stores) -> None:
        for title in ("Mine", ""):
            made = await stores.conversation(title=title)
            assert await stores.conversations.add_title(ME, made.id, "Foxes") is None
            assert (await stores.conversations.get(ME, made.id)).title == title

    async def test_of_many_titles_at_once_one_is_added(self, stores: Stores) -> None:
        made = await stores.conversation()
        titles = [f"title {number}" for number in range(10)]
        added = await asyncio.gather(
            *(stores.conversations.add_title(ME, made.id, title) for title in titles)
        )
        (winner,) = [titled for titled in added if titled is not None]
        assert await stores.conversations.get(ME, made.id) == winner

    async def test_a_title_is_added_to_ones_own(self, stores: Stores) -> None:
        made = await stores.conversation()
        with pytest.raises(NotFound):
            await stores.conversations.add_title(STRANGER, made.id, "Foxes")
        await stores.conversations.delete(ME, made.id)
        with pytest.raises(NotFound):
            await stores.conversations.add_title(ME, made.id, "Foxes")

    async def test_a_callers_own_name_makes_one_conversation(self, stores: Stores) -> None:
        draft = ConversationDraft(title="first", external_id="session 1")
        made = await asyncio.gather(
            *(stores.conversations.get_or_create(ME, draft) for _ in range(20))
        )

        assert len({conversation.id for conversation in made}) == 1
        assert await stores.conversations.find(ME, "session 1") == made[0]
        again = ConversationDraft(title="second", external_id="session 1")
        assert await stores.conversations.get_or_create(ME, again) == made[0]
        with pytest.raises(NotFound):
            await stores.conversations.find(ME, "session 2")


class TestList:
    async def test_pages_hold_everything_once_newest_first(self, stores: Stores) -> None:
        made = [await stores.conversation(title=str(number)) for number in range(7)]
        await stores.conversation(STRANGER)

        for limit in (1, 2, 3, 6, 7, 8):
            pages = await all_pages(stores, limit)
            assert [item for page in pages for item in page] == made[::-1]
            assert {len(page) for page in pages[:-1]} <= {limit}

    async def test_pages_stay_whole_while_things_come_and_go(self, stores: Stores) -> None:
        made = [await stores.conversation() for _ in range(6)]
        first = await stores.conversations.list(ME, limit=2, cursor=None)

        await stores.conversation()
        for gone in (made[4], made[2]):
            await stores.conversations.delete(ME, gone.id)
        await stores.conversations.update(ME, made[0].id, {"title": "just changed"})
        rest = await all_pages(stores, 2, cursor=first.next_cursor)

        ids = [conversation.id for page in (first.items, *rest) for conversation in page]
        assert ids == [made[number].id for number in (5, 4, 3, 1, 0)]

    async def test_a_query_finds_titles_and_texts_and_nobody_elses(self, stores: Stores) -> None:
        titled = await stores.conversation(title="100% of snake_case")
        spoken = await stores.conversation(title="other")
        await stores.talk(spoken, "Is 100% of snake_case meant?")
        await stores.conversation(title="100 of snakeXcases")
        hidden = await stores.conversation(STRANGER, title="100%")
        await stores.talk(hidden, "snake_case")

        for query in ("snake_case", "100% snake_case", "SNAKE_CASE"):
            pages = await all_pages(stores, 1, query=query)
            assert [item.id for page in pages for item in page] == [spoken.id, titled.id]
        for query in ("200%%", "' OR 1=1 --", "\\"):
            assert await all_pages(stores, 1, query=query) == [[]]

    @pytest.mark.parametrize("cursor", FOREIGN_CURSORS)
    async def test_a_foreign_cursor_is_malformed(self, stores: Stores, cursor: str) -> None:
        conversation = await stores.conversation()
        await stores.ask(conversation)
        with pytest.raises(Malformed):
            await stores.conversations.list(ME, limit=1, cursor=cursor)
        with pytest.raises(Malformed):
            await stores.conversations.messages(
                ME, conversation.id, limit=1, cursor=cursor, leaf=None, order="asc"
            )

    async def test_a_cursor_beyond_all_numbers_is_an_empty_page(self, stores: Stores) -> None:
        conversation = await stores.conversation()
        turn = await stores.ask(conversation)
        far = "9" * 18
        messages = await stores.conversations.messages(
            ME, conversation.id, limit=1, cursor=f"{far}.{turn.reply.id}", leaf=None, order="asc"
        )
        assert messages.items == []


class TestDelete:
    async def test_it_takes_everything_and_names_the_logs(self, stores: Stores) -> None:
        conversation, kept = await stores.conversation(), await stores.conversation()
        turns = [await stores.talk(conversation), await stores.ask(conversation)]
        other = await stores.ask(kept)

        logs = await stores.conversations.delete(ME, conversation.id)

        assert sorted(logs) == sorted(turn.generation.id for turn in turns)
        with pytest.raises(NotFound):
            await stores.conversations.get(ME, conversation.id)
        for turn in turns:
            for message in (turn.message, turn.reply):
                with pytest.raises(NotFound):
                    await stores.conversations.message(ME, message.id)
            with pytest.raises(NotFound):
                await stores.generations.get(ME, turn.generation.id)
        assert [found.id for found in await stores.generations.unfinished()] == [
            other.generation.id
        ]
        assert len(await stores.messages(kept.id)) == 2

    async def test_clearing_keeps_the_conversation_alone(self, stores: Stores) -> None:
        conversation, kept = await stores.conversation(title="kept"), await stores.conversation()
        turns = [await stores.talk(conversation), await stores.ask(conversation)]
        await stores.ask(kept)

        logs = await stores.conversations.clear(ME, conversation.id)

        assert sorted(logs) == sorted(turn.generation.id for turn in turns)
        assert await stores.messages(conversation.id) == []
        assert await stores.conversations.live(ME, conversation.id) == []
        assert (await stores.conversations.get(ME, conversation.id)).title == "kept"
        assert len(await stores.messages(kept.id)) == 2
        fresh = await stores.ask(conversation)
        assert fresh.message.parent_id is None
        assert len(await stores.messages(conversation.id)) == 2

    @pytest.mark.parametrize("way", ["delete", "clear"])
    async def test_a_deleted_turn_is_not_given_again(self, stores: Stores, way: str) -> None:
        conversation, other = await stores.conversation(), await stores.conversation()
        key = IdempotencyKey("key", "the same request")
        first = await stores.ask(conversation, idempotency=key)
        if way == "delete":
            await stores.conversations.delete(ME, conversation.id)
            conversation = other
        else:
            await stores.conversations.clear(ME, conversation.id)

        second = await stores.ask(conversation, idempotency=key)

        assert not second.replayed
        assert second.generation.id != first.generation.id


async def test_a_clock_that_jumps_changes_no_order(stores: Stores) -> None:
    conversations, texts = [], []
    for number, jump in enumerate((0, -HOUR_SECONDS, 2 * HOUR_SECONDS, -HOUR_SECONDS, 0)):
        stores.time.move(jump)
        conversations.append(await stores.conversation())
        texts += [f"{number}?", f"{number}? Because."]
        await stores.talk(conversations[0], f"{number}?")

    pages = await all_pages(stores, 2)
    talked_in, *others = [conversation.id for conversation in conversations]
    assert [item.id for page in pages for item in page] == [talked_in, *reversed(others)]
    assert [message.content for message in await stores.messages(conversations[0].id)] == texts


async def all_pages(
    stores: Stores, limit: int, *, cursor: str | None = None, query: str | None = None
) -> list[Sequence[Conversation]]:
    pages = []
    while True:
        page = await stores.conversations.list(ME, Wanted(query), limit=limit, cursor=cursor)
        pages.append(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return pages
