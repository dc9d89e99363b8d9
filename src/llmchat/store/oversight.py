"""Everybody's users and live generations, in SQL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, and_, case, cast, distinct, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.access.oversight import MOST_SEEN, Live, User
from llmchat.access.usage import Purpose
from llmchat.domain import Generation, Status
from llmchat.errors import NotFound
from llmchat.ids import GenerationId, OwnerId, WorkerId
from llmchat.store.base import RELEASED
from llmchat.store.database import Database
from llmchat.store.keys import ApiKeyRow
from llmchat.store.rows import CheckpointRow, GenerationRow
from llmchat.store.usage_rows import UsageRow, day_of, usd_of

_LIVE = and_(
    # The index holds those that are not closed: few, however many there were.
    col(GenerationRow.closed) == false(),
    col(GenerationRow.status).in_((Status.QUEUED, Status.STREAMING)),
)


@dataclass(frozen=True, slots=True)
class SqlOversightStore:
    """An OversightStore. `now` says which keys are still good."""

    database: Database
    now: Callable[[], datetime]

    async def live(self, *, limit: int) -> Sequence[Live]:
        chars: Any = func.length(CheckpointRow.answer) + func.length(CheckpointRow.reasoning)
        kept = col(CheckpointRow.generation_id) == col(GenerationRow.id)
        its = select(GenerationRow, chars).outerjoin(CheckpointRow, kept).where(_LIVE)
        its = its.order_by(col(GenerationRow.seq)).limit(limit)
        async with self.database.read() as session:
            found = await session.execute(its)
            return [Live(row.to_domain(), _worker(row), chars) for row, chars in found]

    async def find(self, id: GenerationId) -> Generation:
        its = select(GenerationRow).where(col(GenerationRow.id) == id)
        async with self.database.read() as session:
            row: GenerationRow | None = await session.scalar(its)
        if row is None:
            raise NotFound(f"There is no generation {id}.")
        return row.to_domain()

    async def users(self, *, month: datetime, seen_since: datetime) -> Sequence[User]:
        async with self.database.read(unhurried=True) as session:
            found = await _spenders(session, day_of(month), day_of(seen_since))
            for user in await _holders(session, self.now()):
                known = found.get(user.id, User(user.id, 0, None))
                seen = [time for time in (known.last_seen_at, user.last_seen_at) if time]
                last = max(seen, default=None)
                found[user.id] = replace(known, keys=user.keys, last_seen_at=last)
            live = await _waiting(session)
        counted = [replace(user, live=live.get(user.id, 0)) for user in found.values()]
        counted.sort(key=lambda user: (-user.input_tokens - user.output_tokens, user.id))
        return counted[:MOST_SEEN]


def _worker(row: GenerationRow) -> WorkerId | None:
    return WorkerId(row.worker) if row.worker and row.worker != RELEASED else None


async def _spenders(session: AsyncSession, month: str, since: str) -> dict[OwnerId, User]:
    """Who has used something up `since` then, with what they did in the month."""
    this = col(UsageRow.day) >= month
    answer = case((and_(this, col(UsageRow.purpose) != Purpose.TITLE), UsageRow.generation_id))
    asked: Any = func.sum(case((this, col(UsageRow.input_tokens)), else_=0))
    answered: Any = func.sum(case((this, col(UsageRow.output_tokens)), else_=0))
    sums = (
        select(
            col(UsageRow.payer),
            func.max(UsageRow.ended_at),
            asked,
            answered,
            func.sum(case((this, col(UsageRow.cost)))),
            func.count(distinct(answer)),
            func.max(cast(and_(this, col(UsageRow.estimated)), Integer)),
        )
        .where(col(UsageRow.day) >= since)
        .group_by(col(UsageRow.payer))
        .order_by((asked + answered).desc(), col(UsageRow.payer))
        .limit(MOST_SEEN)
    )
    return {
        OwnerId(name): User(
            OwnerId(name),
            0,
            seen,
            int(sent),
            int(written),
            None if cost is None else usd_of(int(cost)),
            generations,
            bool(estimated),
        )
        for name, seen, sent, written, cost, generations, estimated in await session.execute(sums)
    }


async def _holders(session: AsyncSession, now: datetime) -> Sequence[User]:
    """Who has keys, with when one was last in use."""
    good = and_(
        col(ApiKeyRow.revoked_at).is_(None),
        or_(col(ApiKeyRow.expires_at).is_(None), col(ApiKeyRow.expires_at) > now),
    )
    used = func.max(ApiKeyRow.last_used_at)
    holders = (
        select(col(ApiKeyRow.owner), func.sum(case((good, 1), else_=0)), used)
        .group_by(col(ApiKeyRow.owner))
        .order_by(func.max(ApiKeyRow.seq).desc())
        .limit(MOST_SEEN)
    )
    return [User(OwnerId(n), int(keys), at) for n, keys, at in await session.execute(holders)]


async def _waiting(session: AsyncSession) -> Mapping[OwnerId, int]:
    asker: Any = func.coalesce(GenerationRow.asked_by, GenerationRow.owner)
    counts = select(asker, func.count()).where(_LIVE).group_by(asker)
    return {OwnerId(name): count for name, count in await session.execute(counts)}
