"""Pages of items."""

from collections.abc import Sequence
from itertools import dropwhile
from typing import Annotated, Literal

from fastapi import Query

from llmchat.domain import MessageOrder
from llmchat.ids import ConversationId, OwnerId
from llmchat.web.deps import Services
from llmchat.web.openai.response_input import items_of, no_item
from llmchat.web.openai.response_output import Json
from llmchat.web.openai.response_shapes import ItemList

_MESSAGES = 200
Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
Order = Annotated[
    Literal["asc", "desc"], Query(description="The oldest first, or the newest first.")
]
After = Annotated[
    str | None,
    Query(
        max_length=80,
        pattern=r"^[0-9A-Za-z_-]+$",
        description="The items behind the one with this id: the `last_id` of the page before.",
    ),
]


async def conversation_page(
    use: Services,
    caller: OwnerId,
    id: ConversationId,
    *,
    limit: int,
    order: MessageOrder,
    after: str | None,
) -> ItemList:
    """Of the items of a conversation. Reads of it what is needed."""
    ordered: list[Json] = []
    cursor: str | None = None
    while True:
        page = await use.history.messages(caller, id, limit=_MESSAGES, cursor=cursor, order=order)
        for message in page.items:
            items = [*items_of(message)]
            ordered += items if order == "asc" else reversed(items)
        cursor = page.next_cursor
        if cursor is None or len(_behind(ordered, after)) > limit:
            return page_of(ordered, limit=limit, after=after)


def in_order(items: Sequence[Json], order: MessageOrder) -> Sequence[Json]:
    """Items that are there the oldest first."""
    return items if order == "asc" else items[::-1]


def page_of(ordered: Sequence[Json], *, limit: int, after: str | None = None) -> ItemList:
    """Raises NotFound for an `after` that is none of them."""
    behind = _behind(ordered, after)
    if after is not None and not any(item["id"] == after for item in ordered):
        raise no_item(after)
    shown = [dict(item) for item in behind[:limit]]
    return ItemList(
        data=shown,
        first_id=shown[0]["id"] if shown else None,
        last_id=shown[-1]["id"] if shown else None,
        has_more=len(behind) > limit,
    )


def _behind(ordered: Sequence[Json], after: str | None) -> Sequence[Json]:
    if after is None:
        return ordered
    return list(dropwhile(lambda item: item["id"] != after, ordered))[1:]
