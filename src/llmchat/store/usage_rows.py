"""The tables of what was used up, and how an entry becomes a row."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, ClassVar

from sqlalchemy import Index
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel

from llmchat.access.usage import Entry
from llmchat.metering import Price
from llmchat.store.columns import amount_column, time_column
from llmchat.store.upsert import inserting

# The unit of all money in the database: with it, a price of six decimals per million tokens is a
# whole number for each, every cost is exact in both databases, and SQLite can add them up.
USD = 10**12
_PER_TOKEN = 10**6
# Of one attempt, in these units: a server that reports nonsense must not make the sums overflow.
_MOST_COST = 1000 * USD


class UsageRow(SQLModel, table=True):
    """It refers to nothing: it outlives the conversation, the key and the user that it names. Its
    `day` is that of its end, in UTC; `cost` is in millionths of a millionth of a US dollar, and so
    are the prices, for each token."""

    __tablename__: ClassVar[Any] = "usage"
    __table_args__: ClassVar[Any] = (
        Index("usage_of_payer", "payer", "day"),
        Index("usage_of_key", "key_id", "day"),
        Index("usage_of_day", "day"),
    )

    generation_id: str = Field(primary_key=True)
    run: int = Field(primary_key=True)
    request: int = Field(primary_key=True)
    purpose: str
    payer: str
    key_id: str | None = None
    conversation_id: str | None = None
    provider: str
    model: str
    status: str
    input_tokens: int = amount_column()
    cached_tokens: int = amount_column()
    output_tokens: int = amount_column()
    reasoning_tokens: int = amount_column()
    estimated: bool
    input_price: int | None = amount_column(nullable=True)
    cached_price: int | None = amount_column(nullable=True)
    output_price: int | None = amount_column(nullable=True)
    cost: int | None = amount_column(nullable=True)
    began_at: datetime = time_column()
    ended_at: datetime = time_column()
    day: str


class CallRow(SQLModel, table=True):
    """A call that runs, or died with its process."""

    __tablename__: ClassVar[Any] = "call"
    __table_args__: ClassVar[Any] = (Index("call_good_until", "good_until"),)

    id: str = Field(primary_key=True)
    purpose: str
    payer: str
    key_id: str | None = None
    conversation_id: str | None = None
    model: str
    input_tokens: int = amount_column()
    reserved_tokens: int = amount_column()
    reserved_cost: int = amount_column()
    began_at: datetime = time_column()
    good_until: datetime = time_column()


async def add_usage(session: AsyncSession, entries: Sequence[Entry]) -> None:
    """Whatever was noted before is left as it is."""
    if entries:
        new = inserting(session, UsageRow).values([_columns(entry) for entry in entries])
        await session.execute(new.on_conflict_do_nothing())


def day_of(time: datetime) -> str:
    return time.astimezone(UTC).date().isoformat()


def pico_of(usd: Decimal) -> int:
    return int((usd * USD).to_integral_value(ROUND_HALF_EVEN))


def usd_of(pico: int) -> Decimal:
    return Decimal(pico) / USD


def _columns(entry: Entry) -> dict[str, Any]:
    attempt, usage = entry.attempt, entry.attempt.usage
    return {
        "generation_id": entry.generation_id,
        "run": entry.run,
        "request": entry.request,
        "purpose": entry.purpose,
        "payer": entry.user,
        "key_id": entry.key_id,
        "conversation_id": entry.conversation_id,
        "provider": attempt.model.partition("/")[0],
        "model": attempt.model,
        "status": attempt.status,
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "estimated": usage.estimated,
        **_prices(attempt.price),
        "cost": None if attempt.cost is None else min(pico_of(attempt.cost), _MOST_COST),
        "began_at": attempt.began_at,
        "ended_at": attempt.ended_at,
        "day": day_of(attempt.ended_at),
    }


def _prices(price: Price | None) -> dict[str, int | None]:
    return {
        f"{kind}_price": None if price is None else int(getattr(price, kind) * _PER_TOKEN)
        for kind in ("input", "cached", "output")
    }
