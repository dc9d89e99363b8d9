"""Which conversations have what a user looks for, and where."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import ColumnElement, Subquery, and_, bindparam, case, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.domain import Conversation, Match
from llmchat.ids import MessageId, OwnerId
from llmchat.library.snippets import snippet
from llmchat.library.words import Query
from llmchat.store.members import is_open_to
from llmchat.store.rows import ConversationRow, MessageRow
from llmchat.store.searchable import VECTOR, SearchableRow

Way = Literal["words", "inside", "text"]
"""By whole words and the beginning of the last; in the middle of words; or letter by letter, where
there is no word in what is looked for."""

_FTS = "searchable.seq IN (SELECT rowid FROM searchable_index WHERE searchable_index MATCH :sought)"
_TSQUERY = f"{VECTOR} @@ CAST(:sought AS tsquery)"


@dataclass(frozen=True, slots=True)
class Search:
    query: Query
    way: Way

    def found(self, session: AsyncSession, user: OwnerId) -> Subquery:
        """The `conversation_id` of each that has it, and the message: `message_seq`, which is None
        where it is only in the title."""
        mine = select(col(ConversationRow.id)).where(is_open_to(user))
        if self.way == "text":
            return self._literally(mine)
        at_message = case((col(SearchableRow.message_id).is_not(None), col(SearchableRow.seq)))
        its = (
            select(col(SearchableRow.conversation_id), func.max(at_message).label("place"))
            .where(col(SearchableRow.conversation_id).in_(mine), self._has(session))
            .group_by(col(SearchableRow.conversation_id))
            .subquery()
        )
        return (
            select(its.c.conversation_id, col(SearchableRow.message_id))
            .outerjoin(SearchableRow, col(SearchableRow.seq) == its.c.place)
            .subquery()
        )

    def _has(self, session: AsyncSession) -> ColumnElement[bool]:
        query = self.query
        if self.way == "inside":
            return and_(*[col(SearchableRow.words).contains(term) for term in query.terms])
        # Of words there are only letters in them: nothing that either language could misread.
        if session.get_bind().dialect.name == "postgresql":
            sought = " & ".join(
                [*(f"'{word}'" for word in query.words)]
                + ([f"'{query.prefix}':*"] if query.prefix else [])
            )
            condition = text(_TSQUERY)
        else:
            sought = " AND ".join(
                [*(f'"{word}"' for word in query.words)]
                + ([f'"{query.prefix}" *'] if query.prefix else [])
            )
            condition = text(_FTS)
        bound: Any = condition.bindparams(bindparam("sought", sought))
        return and_(bound)

    def _literally(self, mine: Any) -> Subquery:
        sought = self.query.text
        in_text = (
            select(col(MessageRow.conversation_id), func.max(col(MessageRow.seq)).label("place"))
            .where(
                col(MessageRow.conversation_id).in_(mine),
                col(MessageRow.content).icontains(sought, autoescape=True),
            )
            .group_by(col(MessageRow.conversation_id))
            .subquery()
        )
        in_title = col(ConversationRow.title).icontains(sought, autoescape=True)
        return (
            select(
                col(ConversationRow.id).label("conversation_id"),
                col(MessageRow.id).label("message_id"),
            )
            .outerjoin(in_text, in_text.c.conversation_id == col(ConversationRow.id))
            .outerjoin(MessageRow, col(MessageRow.seq) == in_text.c.place)
            .where(
                col(ConversationRow.id).in_(mine),
                or_(in_title, in_text.c.place.is_not(None)),
            )
            .subquery()
        )


async def with_matches(
    session: AsyncSession,
    search: Search,
    conversations: Sequence[Conversation],
    places: Sequence[str | None],
) -> list[Conversation]:
    """The conversations, each with the place in the message in which it was found."""
    ids = [id_ for id_ in places if id_ is not None]
    its = select(col(MessageRow.id), col(MessageRow.content)).where(col(MessageRow.id).in_(ids))
    contents = {row[0]: row[1] for row in await session.execute(its)}
    inside = search.way != "words"
    return [
        conversation
        if place is None
        else replace(
            conversation,
            match=Match(MessageId(place), snippet(contents[place], search.query, inside=inside)),
        )
        for conversation, place in zip(conversations, places, strict=True)
    ]
