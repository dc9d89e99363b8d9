"""The list of conversations, in pages that stay right while conversations move in it.

The one with the newest message comes first. Whoever turns the pages gets the list as it was at the
first one: a conversation that has moved up since is still where it was, for its messages tell where
that is, and what was made since is not in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, null, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.domain import Conversation, Page, Wanted
from llmchat.errors import Malformed
from llmchat.ids import OwnerId
from llmchat.library.words import query_of
from llmchat.store.columns import BIG
from llmchat.store.finding import Search, Way, with_matches
from llmchat.store.members import is_shared_with
from llmchat.store.rows import ConversationRow, MessageRow
from llmchat.store.seen import sights, to_domain

_WAYS: dict[str, Way] = {"w": "words", "i": "inside", "t": "text"}
_LETTERS = {way: letter for letter, way in _WAYS.items()}
_EVERYTHING = "a"

Place = tuple[int, int]
"""In the list: the newest message when the page was read, and the conversation, by their `seq`."""


@dataclass(frozen=True, slots=True)
class _Cursor:
    """`last` is the place that was shown last, `top` the first of all: what is above it came, or
    moved there, since."""

    way: Way | None
    last: Place
    top: Place

    def __str__(self) -> str:
        numbers = ".".join(map(str, (*self.last, *self.top)))
        return f"{_EVERYTHING if self.way is None else _LETTERS[self.way]}{numbers}"


async def page_of(
    session: AsyncSession, user: OwnerId, wanted: Wanted, *, limit: int, cursor: str | None
) -> Page[Conversation]:
    """Raises Malformed for a cursor that is none of ours."""
    after = None if cursor is None else _parsed(cursor)
    if not wanted.query:
        return await _page(session, user, wanted, None, limit, after)
    query = query_of(wanted.query)
    way: Way = "text" if query.empty else "words"
    if after is not None and after.way is not None and not (query.empty and after.way != "text"):
        way = after.way
    page = await _page(session, user, wanted, Search(query, way), limit, after)
    if way == "words" and after is None and not page.items:
        # Nothing begins like that. It takes longer, and only then.
        return await _page(session, user, wanted, Search(query, "inside"), limit, None)
    return page


async def _page(
    session: AsyncSession,
    user: OwnerId,
    wanted: Wanted,
    search: Search | None,
    limit: int,
    after: _Cursor | None,
) -> Page[Conversation]:
    asked: Any = _narrowed(sights(user), wanted)
    if search is None:
        asked = asked.add_columns(null())
    else:
        found = search.found(session, user)
        asked = asked.join(found, found.c.conversation_id == col(ConversationRow.id))
        asked = asked.add_columns(found.c.message_id)
    rows: list[Any] = []
    # Two questions: with both in one, no index gives the newest first.
    for mine in (col(ConversationRow.owner) == user, is_shared_with(user)):
        for part in _parts(asked.where(mine), after):
            rows += await session.execute(part.limit(limit + 1))
    rows.sort(key=_place, reverse=True)
    shown = rows[:limit]
    items = [to_domain(row[:4]) for row in shown]
    if search is not None:
        items = await with_matches(session, search, items, [row[4] for row in shown])
    if len(rows) <= limit:
        return Page(items, None)
    way = None if search is None else search.way
    top = _place(shown[0]) if after is None else after.top
    return Page(items, str(_Cursor(way, _place(shown[-1]), top)))


def _narrowed(asked: Any, wanted: Wanted) -> Any:
    for column, value in (
        (col(ConversationRow.archived), wanted.archived),
        (col(ConversationRow.pinned), wanted.pinned),
    ):
        if value is not None:
            asked = asked.where(column.is_(value))
    return asked


def _parts(asked: Select[Any], after: _Cursor | None) -> Sequence[Select[Any]]:
    """Those that have not moved since the first page, and those that have; each with its place in
    the list as it was then."""
    seq, latest = col(ConversationRow.seq), col(ConversationRow.latest)
    if after is None:
        return [asked.add_columns(latest).order_by(latest.desc(), seq.desc())]
    resting = asked.add_columns(latest).where(_below(latest, after.last))
    was = (
        select(func.max(col(MessageRow.seq)))
        .where(col(MessageRow.conversation_id) == col(ConversationRow.id))
        .where(col(MessageRow.seq) <= _number(after.top[0]))
        .correlate(ConversationRow)
        .scalar_subquery()
    )
    born = col(ConversationRow.born)
    then = func.coalesce(was, case((born <= _number(after.top[0]), born)))
    moved = asked.add_columns(then).where(latest > _number(after.top[0]), _below(then, after.last))
    return [
        resting.order_by(latest.desc(), seq.desc()),
        moved.order_by(then.desc(), seq.desc()),
    ]


def _below(latest: Any, place: Place) -> ColumnElement[bool]:
    number, seq = _number(place[0]), _number(place[1])
    return and_(latest <= number, or_(latest < number, col(ConversationRow.seq) < seq))


def _place(row: Any) -> Place:
    return row[5], row[0].seq


def _number(value: int) -> ColumnElement[int]:
    # Typed: Postgres would refuse a number from a caller that a smaller type cannot hold.
    return literal(value, BIG)


def _parsed(cursor: str) -> _Cursor:
    numbers = [number_of(part) for part in cursor[1:].split(".")]
    if len(numbers) != 4 or cursor[0] not in (_EVERYTHING, *_WAYS):
        raise foreign_cursor()
    return _Cursor(_WAYS.get(cursor[0]), (numbers[0], numbers[1]), (numbers[2], numbers[3]))


async def newest(session: AsyncSession, owner: OwnerId) -> int:
    """The newest message anywhere, behind which a conversation is born."""
    anywhere = select(func.max(col(MessageRow.seq))).scalar_subquery()
    # Messages can be deleted, and the newest be one that was here before.
    known = select(func.max(col(ConversationRow.latest))).where(col(ConversationRow.owner) == owner)
    both = (await session.execute(select(anywhere, known.scalar_subquery()))).one()
    return max(number or 0 for number in both)


def number_of(cursor: str) -> int:
    """The number in one of our cursors."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise foreign_cursor()
    return int(cursor)


def foreign_cursor() -> Malformed:
    return Malformed("The cursor is not one that this list gave: take it from next_cursor.")
