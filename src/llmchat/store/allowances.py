"""What is put aside before an answer begins, in the transaction that begins it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import case, false, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.access.base import Allowance
from llmchat.access.usage import AllowanceUsedUp, Reservation, Spender, Standing
from llmchat.errors import RateLimited
from llmchat.store.rows import GenerationRow
from llmchat.store.usage_rows import CallRow, UsageRow, day_of, pico_of, usd_of

_RETRY_SECONDS = 5
_CENTS = 100
_A_LITTLE = 20
"""With less than this part of it left, an allowance counts as used up."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """The money is in the unit of the rows."""

    tokens: int = 0
    cost: int = 0


@dataclass(frozen=True, slots=True)
class _Limit:
    """One number of an allowance: `most` of `what`, used up since `since`, until `reset`."""

    whose: str
    what: str
    period: Literal["day", "month"]
    most: int
    since: str
    reset: datetime
    of_key: bool

    @property
    def is_money(self) -> bool:
        return self.what == "cost"


async def reserve(session: AsyncSession, wanted: Reservation | None, now: datetime) -> Reserved:
    """Raises RateLimited when less than the least is left. Until this transaction ends, nobody else
    reserves of the same allowance: what it reads stays true."""
    if wanted is None:
        return Reserved()
    tokens, cost = wanted.most_tokens, pico_of(wanted.most_usd)
    for column, id, whose, allowance in _allowances(wanted.spender):
        limits = list(_limits(whose, allowance, now, of_key=column == "key_id"))
        await _lock(session, f"{column} {id}")
        used = await _used(session, column, id, limits, now)
        for limit, (spent, held) in zip(limits, used, strict=True):
            if limit.is_money:
                cost = min(cost, _left(limit, spent, held, pico_of(wanted.least_usd), now))
            else:
                tokens = min(tokens, _left(limit, spent, held, wanted.least_tokens, now))
    return Reserved(tokens, cost)


async def standings(session: AsyncSession, spender: Spender, now: datetime) -> Sequence[Standing]:
    found = []
    for column, id, whose, allowance in _allowances(spender):
        limits = list(_limits(whose, allowance, now, of_key=column == "key_id"))
        used = await _used(session, column, id, limits, now)
        for limit, (spent, held) in zip(limits, used, strict=True):
            scale = usd_of if limit.is_money else Decimal
            found.append(
                Standing(
                    "user" if column == "payer" else "key",
                    "usd" if limit.is_money else "tokens",
                    limit.period,
                    scale(limit.most),
                    scale(spent),
                    scale(held),
                    limit.reset,
                )
            )
    return found


def _allowances(spender: Spender) -> Iterator[tuple[str, str, str, Allowance]]:
    """Those that hold. In this order everywhere, or two would wait for each other."""
    for column, id, whose, allowance in (
        ("payer", spender.user, "You have", spender.allowance),
        ("key_id", spender.key_id, "This key has", spender.key_allowance),
    ):
        if id is not None and not allowance.unlimited:
            yield column, id, whose, allowance


def _left(limit: _Limit, spent: int, held: int, least: int, now: datetime) -> int:
    left = limit.most - spent - held
    # Something must be left also for what costs nothing: nobody knows before what it takes.
    if left >= max(least, 1):
        return left
    waits = limit.most - spent >= max(least, 1)
    wait = _RETRY_SECONDS if waits else max(1.0, (limit.reset - now).total_seconds())
    detail = _detail(limit, spent, held, least, waits=waits)
    most = limit.most * _CENTS // pico_of(Decimal(1)) if limit.is_money else limit.most
    remaining = 0 if limit.is_money else max(0, left)
    # Of what is nearly untouched, one that asks for too much has used up nothing.
    if waits or limit.most - spent > limit.most // _A_LITTLE:
        raise RateLimited(
            detail,
            limit=most,
            remaining=remaining,
            retry_after_seconds=wait,
            kind="allowance",
        )
    raise AllowanceUsedUp(
        detail,
        limit=most,
        remaining=remaining,
        retry_after_seconds=wait,
        what=limit.what,
        period=limit.period,
        since=limit.since,
        resets_at=limit.reset,
        of_key=limit.of_key,
    )


def _detail(limit: _Limit, spent: int, held: int, least: int, *, waits: bool) -> str:
    def shown(number: int) -> str:
        return f"{usd_of(number):f} US dollars" if limit.is_money else f"{number} tokens"

    asked = f", and this one takes at least {shown(least)}" if least > 1 else ""
    used = (
        f"{limit.whose} used {shown(spent)} of the {shown(limit.most)} of this {limit.period}"
        f"{asked}."
    )
    if waits:
        return f"{used} Answers that are being written hold {shown(held)} more: wait for one."
    return f"{used} The {limit.period} ends at {limit.reset:%Y-%m-%dT%H:%M:%SZ}."


def _limits(whose: str, allowance: Allowance, now: datetime, *, of_key: bool) -> Iterator[_Limit]:
    period: Literal["day", "month"]
    now = now.astimezone(UTC)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = day.replace(day=1)
    tomorrow = day + timedelta(days=1)
    next_month = (month + timedelta(days=32)).replace(day=1)
    for what, period, most, since, reset in (
        ("tokens", "day", allowance.tokens_per_day, day, tomorrow),
        ("tokens", "month", allowance.tokens_per_month, month, next_month),
        ("cost", "day", allowance.usd_per_day, day, tomorrow),
        ("cost", "month", allowance.usd_per_month, month, next_month),
    ):
        if most is not None:
            number = pico_of(most) if isinstance(most, Decimal) else most
            yield _Limit(whose, what, period, number, day_of(since), reset, of_key)


async def _lock(session: AsyncSession, name: str) -> None:
    """SQLite has one writer at a time anyway."""
    if session.get_bind().dialect.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
        await session.execute(lock, {"name": f"llmchat {name}"})


async def _used(
    session: AsyncSession, column: str, id: str, limits: Sequence[_Limit], now: datetime
) -> Sequence[tuple[int, int]]:
    """What was used up and what is reserved, for each limit. In one statement: an answer that ends
    between two would be in neither."""
    generation_column = {"payer": "asked_by"}.get(column, column)
    live = (getattr(GenerationRow, generation_column) == id) & (
        col(GenerationRow.closed) == false()
    )
    # One that is settled has its entries; the row says so a moment before it is closed.
    live &= col(GenerationRow.ended_at).is_(None)
    calling = (getattr(CallRow, column) == id) & (col(CallRow.good_until) > now)
    since = min(limit.since for limit in limits)
    spent = [_sum(_spent_of(limit), col(UsageRow.day) >= limit.since) for limit in limits]
    mine = (getattr(UsageRow, column) == id) & (col(UsageRow.day) >= since)
    held = [
        _total(getattr(row, f"reserved_{what}"), where)
        for what in ("tokens", "cost")
        for row, where in ((GenerationRow, live), (CallRow, calling))
    ]
    found = (await session.execute(select(*spent, *held).where(mine))).one()
    tokens, cost = sum(map(int, found[-4:-2])), sum(map(int, found[-2:]))
    return [
        (int(number), cost if limit.is_money else tokens)
        for limit, number in zip(limits, found, strict=False)
    ]


def _spent_of(limit: _Limit) -> Any:
    if limit.is_money:
        return func.coalesce(col(UsageRow.cost), 0)
    return col(UsageRow.input_tokens) + col(UsageRow.output_tokens)


def _sum(number: Any, where: Any) -> Any:
    return func.coalesce(func.sum(case((where, number), else_=0)), 0)


def _total(column: Any, where: Any) -> Any:
    return select(func.coalesce(func.sum(column), 0)).where(where).scalar_subquery()
