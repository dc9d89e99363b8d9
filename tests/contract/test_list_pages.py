"""Pages of the list stay right, whatever happens to conversations while somebody turns them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from llmchat.domain import OnBusy, Wanted
from llmchat.ids import ConversationId
from tests.contract.stores import ME, Stores, sqlite_stores

EVENTS = ("create", "send", "delete", "rename", "settle", "pin")
Happening = tuple[str, int]
HAPPENINGS = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 7)), max_size=8)


class Model:
    """The conversations in the order of the list: whoever is sent to goes to its head."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.order: list[ConversationId] = []

    async def do(self, event: str, which: int) -> None:
        if event == "create" or not self.order:
            made = await self.stores.conversation(title="fox")
            self.order.insert(0, made.id)
            return
        id = self.order[which % len(self.order)]
        conversation = await self.stores.conversations.get(ME, id)
        match event:
            case "send":
                await self.stores.ask(conversation, "fox", on_busy=OnBusy.QUEUE)
                self.order.remove(id)
                self.order.insert(0, id)
            case "settle":
                for generation in await self.stores.conversations.live(ME, id):
                    await self.stores.generations.request_stop(generation.id)
            case "delete":
                await self.stores.conversations.delete(ME, id)
                self.order.remove(id)
            case "rename" | "pin":
                change = {"title": "fox, too"} if event == "rename" else {"pinned": True}
                await self.stores.conversations.update(ME, id, change)


@settings(max_examples=40, deadline=None)
@given(
    before=HAPPENINGS,
    between=st.lists(HAPPENINGS, max_size=4),
    limit=st.integers(1, 3),
    query=st.sampled_from([None, "fox", "ox"]),
)
def test_what_was_there_all_the_time_is_shown_once_and_in_its_order(
    before: Sequence[Happening],
    between: Sequence[Sequence[Happening]],
    limit: int,
    query: str | None,
) -> None:
    async def turn_pages() -> None:
        with TemporaryDirectory() as folder:
            async with sqlite_stores(Path(folder)) as stores:
                await _turn_pages(Model(stores), before, between, limit, Wanted(query))

    asyncio.run(turn_pages())


async def _turn_pages(
    model: Model,
    before: Sequence[Happening],
    between: Sequence[Sequence[Happening]],
    limit: int,
    wanted: Wanted,
) -> None:
    for happening in before:
        await model.do(*happening)
    there = list(model.order)
    shown: list[ConversationId] = []
    cursor: str | None = None
    pending = list(between)
    while True:
        page = await model.stores.conversations.list(ME, wanted, limit=limit, cursor=cursor)
        shown += [item.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
        for happening in pending.pop(0) if pending else ():
            await model.do(*happening)

    assert len(shown) == len(set(shown))
    remained = [id for id in there if id in model.order]
    assert [id for id in shown if id in remained] == remained
    assert set(shown) <= set(there)
    # Whoever begins anew gets the list as it is now.
    fresh = await model.stores.conversations.list(ME, wanted, limit=100, cursor=None)
    assert [item.id for item in fresh.items] == model.order
