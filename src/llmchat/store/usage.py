"""What was used up, in SQL: calls that run, entries that stay, and their sums."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, case, cast, delete, distinct, func, select
from sqlmodel import col

from llmchat.access.usage import (
    Call,
    Entry,
    Group,
    Purpose,
    Question,
    Report,
    Spender,
    Standing,
    Sum,
)
from llmchat.events import Usage
from llmchat.ids import ConversationId, GenerationId, KeyId, OwnerId
from llmchat.metering import Attempt, AttemptStatus, Prices, free
from llmchat.store.allowances import reserve, standings
from llmchat.store.database import Database
from llmchat.store.usage_rows import CallRow, UsageRow, add_usage, day_of, usd_of

MOST_SUMS = 1000
"""More than so many are not listed; the total has them."""
_COLUMNS = {
    Group.MODEL: col(UsageRow.model),
    Group.DAY: col(UsageRow.day),
    Group.KEY: col(UsageRow.key_id),
    Group.CONVERSATION: col(UsageRow.conversation_id),
    Group.USER: col(UsageRow.payer),
}


class SqlUsageStore:
    """A UsageStore. `now` says which day it is; `prices` are for what the dead have used up."""

    def __init__(
        self, database: Database, now: Callable[[], datetime], prices: Prices = free
    ) -> None:
        self._database = database
        self._now = now
        self._prices = prices

    async def open(self, call: Call) -> None:
        spender = call.reservation.spender
        async with self._database.write() as session:
            reserved = await reserve(session, call.reservation, self._now())
            session.add(
                CallRow(
                    id=call.id,
                    purpose=call.purpose,
                    payer=spender.user,
                    key_id=spender.key_id,
                    conversation_id=call.conversation_id,
                    model=call.model,
                    input_tokens=call.input_tokens,
                    reserved_tokens=reserved.tokens,
                    reserved_cost=reserved.cost,
                    began_at=call.began_at,
                    good_until=call.good_until,
                )
            )

    async def close(self, id: GenerationId, entries: Sequence[Entry]) -> None:
        closed = delete(CallRow).where(col(CallRow.id) == id).returning(col(CallRow.id))
        async with self._database.write() as session:
            if await session.scalar(closed) is not None:
                await add_usage(session, entries)

    async def add(self, entries: Sequence[Entry]) -> None:
        async with self._database.write() as session:
            await add_usage(session, entries)

    async def end_dead(self, *, everything: bool = False) -> int:
        ended = delete(CallRow).returning(CallRow)
        if not everything:
            ended = ended.where(col(CallRow.good_until) < self._now())
        async with self._database.write() as session:
            dead = (await session.scalars(ended)).all()
            for row in dead:
                await add_usage(session, [self._entry(row)])
        return len(dead)

    async def report(self, question: Question) -> Report:
        mine = _asked(question)
        by = _COLUMNS[question.group_by]
        totals = select(*_totals()).where(*mine)
        sums = select(by, *_totals()).where(*mine).group_by(by).limit(MOST_SUMS)
        tokens = func.sum(col(UsageRow.input_tokens) + col(UsageRow.output_tokens))
        is_day = question.group_by is Group.DAY
        sums = sums.order_by(by) if is_day else sums.order_by(tokens.desc(), by)
        async with self._database.read(unhurried=True) as session:
            total = (await session.execute(totals)).one()
            rows = (await session.execute(sums)).all()
        return Report([_sum(row[0], row[1:]) for row in rows], _sum(None, tuple(total)))

    async def standings(self, spender: Spender) -> Sequence[Standing]:
        async with self._database.read() as session:
            return await standings(session, spender, self._now())

    def _entry(self, row: CallRow) -> Entry:
        attempt = Attempt(
            row.model,
            AttemptStatus.INTERRUPTED,
            Usage(row.input_tokens, 0, estimated=True),
            self._prices(row.model),
            row.began_at,
            self._now(),
        )
        conversation = row.conversation_id
        return Entry(
            GenerationId(row.id),
            run=1,
            request=1,
            purpose=Purpose(row.purpose),
            user=OwnerId(row.payer),
            key_id=None if row.key_id is None else KeyId(row.key_id),
            conversation_id=None if conversation is None else ConversationId(conversation),
            attempt=attempt,
        )


def _asked(question: Question) -> Sequence[Any]:
    since, until = question.since, question.until
    mine = [
        # The days are in an index, the times are not.
        col(UsageRow.day) >= day_of(since),
        col(UsageRow.day) <= day_of(until),
        col(UsageRow.ended_at) >= since,
        col(UsageRow.ended_at) < until,
    ]
    return mine if question.user is None else [*mine, col(UsageRow.payer) == question.user]


def _totals() -> Sequence[Any]:
    answer = case((col(UsageRow.purpose) != Purpose.TITLE, col(UsageRow.generation_id)))
    names = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    numbers = [func.coalesce(func.sum(getattr(UsageRow, name)), 0) for name in names]
    estimated = func.max(cast(col(UsageRow.estimated), Integer))
    return [*numbers, func.sum(col(UsageRow.cost)), func.count(distinct(answer)), estimated]


def _sum(name: str | None, row: Sequence[Any]) -> Sum:
    asked, cached, answered, thought, cost, generations, estimated = row
    return Sum(
        name,
        int(asked),
        int(cached),
        int(answered),
        int(thought),
        None if cost is None else usd_of(int(cost)),
        generations,
        bool(estimated),
    )
