"""What became of an experiment's conversations, added up in SQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Float, Select, and_, case, cast, distinct, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.access.usage import Purpose
from llmchat.domain import Status
from llmchat.experiments.base import Experiment, Figures, Moments, Shares, Sorted
from llmchat.experiments.intervals import ranks_wanted
from llmchat.store.database import Database
from llmchat.store.feedback import FeedbackRow
from llmchat.store.rows import ConversationRow, GenerationRow
from llmchat.store.usage_rows import USD, UsageRow

_FAILED = (Status.FAILED, Status.INTERRUPTED)
_LIVE = (Status.QUEUED, Status.STREAMING)
_CONVERSATION: Sequence[Any] = (
    col(ConversationRow.variant).label("variant"),
    col(ConversationRow.id).label("conversation"),
)

By = Mapping[str, Any]
"""The name of a variant, and what there is of it."""


class SqlFigureStore:
    """A FigureStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def figures(self, experiment: Experiment) -> Mapping[str, Figures]:
        its = col(ConversationRow.experiment) == experiment.name
        # One state for all of it.
        async with self._database.read(unhurried=True) as session:
            conversations = await _conversations(session, its)
            generations = await _generations(session, its)
            feedback = await _shares(session, _ratings(its))
            errors = await _shares(session, _endings(its))
            tokens = await _moments(session, _used(its, col(UsageRow.output_tokens)))
            cost = await _moments(session, _used(its, col(UsageRow.cost)), USD)
            first_token = await _sorted(session, _first_tokens(its))
        return {
            variant.name: Figures(
                conversations=conversations.get(variant.name, 0),
                generations=generations.get(variant.name, {}),
                feedback=feedback.get(variant.name, Shares()),
                errors=errors.get(variant.name, Shares()),
                first_token=first_token.get(variant.name, Sorted(0, {})),
                output_tokens=tokens.get(variant.name, Moments()),
                cost_usd=cost.get(variant.name, Moments()),
            )
            for variant in experiment.variants
        }


def _answers(its: Any, *columns: Any) -> Select[Any]:
    """A row for each conversation, of which the columns add something up over its generations."""
    mine = col(GenerationRow.conversation_id) == col(ConversationRow.id)
    found = select(*_CONVERSATION, *columns).join(GenerationRow, mine).where(its)
    return found.group_by(*_CONVERSATION)


def _ratings(its: Any) -> Select[Any]:
    hits = func.sum(case((col(FeedbackRow.rating) > 0, 1), else_=0))
    judged = col(FeedbackRow.message_id) == col(GenerationRow.message_id)
    return _answers(its, func.count().label("total"), hits.label("hits")).join(FeedbackRow, judged)


def _endings(its: Any) -> Select[Any]:
    status = col(GenerationRow.status)
    hits = func.sum(case((status.in_(_FAILED), 1), else_=0))
    counted = _answers(its, func.count().label("total"), hits.label("hits"))
    return counted.where(status.not_in(_LIVE))


def _used(its: Any, amount: Any) -> Select[Any]:
    """How much an answer took, all of its attempts together: the mean of each conversation."""
    answers = func.count(distinct(col(GenerationRow.id)))
    each = cast(func.sum(amount), Float) / answers
    mine = col(UsageRow.generation_id) == col(GenerationRow.id)
    taken = _answers(its, each.label("number")).join(UsageRow, mine)
    return taken.where(col(UsageRow.purpose) == Purpose.GENERATION, amount.is_not(None))


def _first_tokens(its: Any) -> Select[Any]:
    seconds = col(GenerationRow.timing)["first_token_seconds"].as_float()
    return _answers(its, func.avg(seconds).label("number")).where(seconds.is_not(None))


async def _conversations(session: AsyncSession, its: Any) -> By:
    variant = col(ConversationRow.variant)
    rows = await session.execute(select(variant, func.count()).where(its).group_by(variant))
    return {str(name): count for name, count in rows}


async def _generations(session: AsyncSession, its: Any) -> By:
    of = (col(ConversationRow.variant), col(GenerationRow.status))
    mine = col(GenerationRow.conversation_id) == col(ConversationRow.id)
    rows = select(*of, func.count()).join(GenerationRow, mine).where(its).group_by(*of)
    found: dict[str, dict[Status, int]] = {}
    for variant, status, count in await session.execute(rows):
        found.setdefault(str(variant), {})[Status(status)] = count
    return found


async def _shares(session: AsyncSession, conversations: Select[Any]) -> By:
    each = conversations.subquery()
    total, hits = each.c.total, each.c.hits
    sums = [func.sum(it) for it in (total, hits, total * total, hits * hits, total * hits)]
    rows = select(each.c.variant, func.count(), *sums).group_by(each.c.variant)
    return {variant: Shares(*map(int, numbers)) for variant, *numbers in await _all(session, rows)}


async def _moments(session: AsyncSession, conversations: Select[Any], unit: float = 1) -> By:
    each = conversations.subquery()
    means = func.avg(each.c.number).over(partition_by=each.c.variant)
    # Not by sums of squares: their difference would be lost in rounding.
    off = select(each.c.variant, each.c.number, (each.c.number - means).label("off")).subquery()
    squares = func.sum(off.c.off * off.c.off)
    rows = select(off.c.variant, func.count(), func.avg(off.c.number), squares)
    return {
        variant: Moments(count, float(mean) / unit, float(squares) / unit**2)
        for variant, count, mean, squares in await _all(session, rows.group_by(off.c.variant))
    }


async def _sorted(session: AsyncSession, conversations: Select[Any]) -> By:
    """The ranks that are wanted, and no other number, leave the database."""
    each = conversations.subquery()
    counted = select(each.c.variant, func.count()).group_by(each.c.variant)
    counts = dict(await _all(session, counted))
    if not counts:
        return {}
    place = func.row_number().over(partition_by=each.c.variant, order_by=each.c.number)
    ranked = select(each.c.variant, each.c.number, place.label("place")).subquery()
    wanted = [
        and_(ranked.c.variant == variant, ranked.c.place.in_(ranks_wanted(count)))
        for variant, count in counts.items()
    ]
    rows = select(ranked.c.variant, ranked.c.place, ranked.c.number).where(or_(*wanted))
    ranks: dict[str, dict[int, float]] = {variant: {} for variant in counts}
    for variant, rank, number in await _all(session, rows):
        ranks[variant][rank] = float(number)
    return {variant: Sorted(count, ranks[variant]) for variant, count in counts.items()}


async def _all(session: AsyncSession, rows: Select[Any]) -> Sequence[Any]:
    return list(await session.execute(rows))
