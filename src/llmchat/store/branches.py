"""Messages as a tree: the path to a leaf, and who shares a parent."""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.domain import Message, MessageOrder
from llmchat.store.rows import MessageRow

# Walks from a leaf to the root by primary look-ups; the depth of a page is cut outside. The casts
# are for Postgres, which would refuse a number from a caller's cursor that a depth cannot reach.
_PATH = """
WITH RECURSIVE path (id, parent_id, depth) AS (
    SELECT id, parent_id, depth FROM message WHERE id = :leaf
    UNION ALL
    SELECT m.id, m.parent_id, m.depth FROM message m JOIN path p ON m.id = p.parent_id
)
SELECT message.* FROM path JOIN message ON message.id = path.id
WHERE path.depth > CAST(:above AS BIGINT) AND path.depth < CAST(:below AS BIGINT)
ORDER BY path.depth {order} LIMIT :limit
"""
_PATHS = {order: text(_PATH.format(order=order.upper())) for order in ("asc", "desc")}
_NEWEST = text("""
WITH RECURSIVE behind (id, seq) AS (
    SELECT id, seq FROM message WHERE id = :begin
    UNION ALL
    SELECT m.id, m.seq FROM message m JOIN behind b ON m.parent_id = b.id
)
SELECT id FROM behind ORDER BY seq DESC LIMIT 1
""")
_NO_LIMIT = 2**31 - 1


async def path(
    session: AsyncSession,
    leaf: str,
    *,
    above: int = -1,
    below: int = _NO_LIMIT,
    limit: int = _NO_LIMIT,
    order: MessageOrder = "asc",
) -> Sequence[MessageRow]:
    """The messages from the root to `leaf` whose depth is between `above` and `below`."""
    query = select(MessageRow).from_statement(_PATHS[order])
    window = {"leaf": leaf, "above": above, "below": below, "limit": limit}
    return (await session.scalars(query, window)).all()


async def newest_leaf(session: AsyncSession, begin: MessageRow) -> str:
    """The newest message of all that are behind this one; itself when there is none."""
    found: str = (await session.scalars(_NEWEST, {"begin": begin.id})).one()
    return found


async def with_siblings(session: AsyncSession, rows: Sequence[MessageRow]) -> list[Message]:
    """As domain objects, each naming all children of its parent, itself included, oldest first."""
    return [
        row.to_domain(siblings)
        for row, siblings in zip(rows, await _siblings(session, rows), strict=True)
    ]


async def _siblings(session: AsyncSession, rows: Sequence[MessageRow]) -> list[list[str]]:
    families = select(col(MessageRow.id), col(MessageRow.parent_id)).order_by(col(MessageRow.seq))
    parents = {row.parent_id for row in rows if row.parent_id is not None}
    roots = {row.conversation_id for row in rows if row.parent_id is None}
    children: dict[str | None, list[str]] = {}
    if parents:
        query = families.where(col(MessageRow.parent_id).in_(parents))
        for id_, parent in await session.execute(query):
            children.setdefault(parent, []).append(id_)
    if roots:
        query = families.where(col(MessageRow.conversation_id).in_(roots))
        query = query.where(col(MessageRow.parent_id).is_(None))
        children[None] = [id_ for id_, _ in await session.execute(query)]
    return [children[row.parent_id] for row in rows]
