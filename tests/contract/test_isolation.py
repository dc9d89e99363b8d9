"""Somebody else's object is like one that does not exist, for every method that takes an owner."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from llmchat.domain import Conversation, Params, Turn, Wanted
from llmchat.errors import LlmchatError, NotFound
from llmchat.ids import ConversationId, GenerationId, MessageId
from llmchat.store.base import ConversationStore, GenerationStore
from llmchat.store.drafts import ConversationDraft, ReplyDraft, TurnDraft
from tests.contract.stores import ME, MODEL, STRANGER, Stores

EXTERNAL_ID = "their own name"


@dataclass(frozen=True, slots=True)
class Ids:
    """What a caller may name."""

    conversation: ConversationId
    message: MessageId
    reply: MessageId
    generation: GenerationId
    external_id: str


NOBODYS = Ids(
    ConversationId("conv_none"),
    MessageId("msg_none"),
    MessageId("msg_none"),
    GenerationId("gen_none"),
    "none",
)

Call = Callable[[Stores, Ids, Conversation], Awaitable[object]]


def page_of(id: Callable[[Ids, Conversation], ConversationId], *, with_leaf: bool) -> Call:
    return lambda stores, ids, mine: stores.conversations.messages(
        ME,
        id(ids, mine),
        limit=10,
        cursor=None,
        leaf=ids.reply if with_leaf else None,
        order="asc",
    )


def turn_in(id: ConversationId, parent_id: MessageId | None = None) -> TurnDraft:
    return TurnDraft(id, "hello", MODEL, Params(), parent_id=parent_id)


REFUSED: dict[str, Call] = {
    "conversations.get": lambda s, ids, _: s.conversations.get(ME, ids.conversation),
    "conversations.add_title": lambda s, ids, _: s.conversations.add_title(
        ME, ids.conversation, "x"
    ),
    "conversations.find": lambda s, ids, _: s.conversations.find(ME, ids.external_id),
    "conversations.update": lambda s, ids, _: s.conversations.update(
        ME, ids.conversation, {"title": "mine"}
    ),
    "conversations.delete": lambda s, ids, _: s.conversations.delete(ME, ids.conversation),
    "conversations.clear": lambda s, ids, _: s.conversations.clear(ME, ids.conversation),
    "conversations.messages": page_of(lambda ids, _: ids.conversation, with_leaf=False),
    "conversations.messages, with its leaf": page_of(
        lambda ids, _: ids.conversation, with_leaf=True
    ),
    "conversations.messages, by the leaf": page_of(lambda _, mine: mine.id, with_leaf=True),
    "conversations.message": lambda s, ids, _: s.conversations.message(ME, ids.message),
    "conversations.add_turn": lambda s, ids, _: s.conversations.add_turn(
        ME, turn_in(ids.conversation)
    ),
    "conversations.add_turn, behind its message": lambda s, ids, mine: s.conversations.add_turn(
        ME, turn_in(mine.id, ids.reply)
    ),
    "conversations.add_reply": lambda s, ids, _: s.conversations.add_reply(
        ME, ReplyDraft(ids.reply, MODEL, Params())
    ),
    "conversations.live": lambda s, ids, _: s.conversations.live(ME, ids.conversation),
    "generations.get": lambda s, ids, _: s.generations.get(ME, ids.generation),
    "generations.check_owner": lambda s, ids, _: s.generations.check_owner(ME, ids.generation),
}
SEEN_ELSEWHERE = {
    *("conversations.create", "conversations.get_or_create", "conversations.list"),
    "generations.count_live",
}


def test_every_method_that_takes_an_owner_is_tried() -> None:
    ports: dict[str, Any] = {"conversations": ConversationStore, "generations": GenerationStore}
    taking_an_owner = {
        f"{name}.{method}"
        for name, port in ports.items()
        for method, function in inspect.getmembers(port, inspect.isfunction)
        if "owner" in inspect.signature(function).parameters
    }
    assert taking_an_owner == SEEN_ELSEWHERE | {name.partition(",")[0] for name in REFUSED}


@pytest.mark.parametrize("method", REFUSED)
async def test_a_foreign_object_is_a_missing_one(stores: Stores, method: str) -> None:
    theirs, turn = await strangers(stores)
    mine = await stores.conversation()
    before = await everything(stores, theirs, turn)
    foreign = Ids(
        theirs.id, turn.message.id, turn.reply.id, turn.generation.id, external_id=EXTERNAL_ID
    )

    refusals = [await refusal(REFUSED[method], stores, ids, mine) for ids in (foreign, NOBODYS)]

    assert refusals[0] == refusals[1]
    assert await everything(stores, theirs, turn) == before
    assert await stores.messages(mine.id) == []


async def test_no_list_or_search_shows_a_foreign_object(stores: Stores) -> None:
    theirs, _ = await strangers(stores)
    for query in (None, "secret", "title"):
        page = await stores.conversations.list(ME, Wanted(query), limit=10, cursor=None)
        assert page.items == []
    page = await stores.conversations.list(STRANGER, Wanted("secret"), limit=10, cursor=None)
    assert [found.id for found in page.items] == [theirs.id]


async def test_a_name_that_a_stranger_uses_is_free(stores: Stores) -> None:
    theirs, _ = await strangers(stores)
    mine = await stores.conversations.get_or_create(ME, ConversationDraft(external_id=EXTERNAL_ID))
    assert mine.id != theirs.id
    assert mine.owner == ME
    assert await stores.conversations.find(ME, EXTERNAL_ID) == mine
    assert (await stores.conversations.find(STRANGER, EXTERNAL_ID)).id == theirs.id


async def test_what_its_owner_has_asked_for_is_no_more_open_to_others(stores: Stores) -> None:
    _, turn = await strangers(stores)
    for _ in range(2):
        await stores.generations.check_owner(STRANGER, turn.generation.id)
        with pytest.raises(NotFound):
            await stores.generations.check_owner(ME, turn.generation.id)


async def strangers(stores: Stores) -> tuple[Conversation, Turn]:
    draft = ConversationDraft(title="secret title", external_id=EXTERNAL_ID)
    conversation = await stores.conversations.create(STRANGER, draft)
    await stores.talk(conversation, "secret")
    return conversation, await stores.ask(conversation, "secret")


async def everything(stores: Stores, theirs: Conversation, turn: Turn) -> tuple[object, ...]:
    return (
        await stores.conversations.get(STRANGER, theirs.id),
        await stores.messages(theirs.id, owner=STRANGER),
        await stores.generations.get(STRANGER, turn.generation.id),
        await stores.generations.unfinished(),
    )


async def refusal(
    call: Call, stores: Stores, ids: Ids, mine: Conversation
) -> tuple[type[LlmchatError], str]:
    """The error, its text without the ids that the caller itself named."""
    with pytest.raises(NotFound) as caught:
        await call(stores, ids, mine)
    text = caught.value.detail
    named = (ids.conversation, ids.message, ids.reply, ids.generation, ids.external_id)
    for id in sorted(named, key=len, reverse=True):
        text = text.replace(id, "…")
    return type(caught.value), text
