"""The text of live generations, kept now and then."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.store.base import Checkpoint
from llmchat.store.rows import CheckpointRow
from llmchat.store.upsert import inserting


async def keep(session: AsyncSession, checkpoints: Sequence[Checkpoint]) -> None:
    """Those that are newer than what is kept of the same generation."""
    new = inserting(session, CheckpointRow).values(
        [
            {
                "generation_id": each.id,
                "last": each.last,
                "answer": each.answer,
                "reasoning": each.reasoning,
            }
            for each in checkpoints
        ]
    )
    given = new.excluded
    values = {"last": given.last, "answer": given.answer, "reasoning": given.reasoning}
    newer = given.last >= col(CheckpointRow.last)
    await session.execute(
        new.on_conflict_do_update(index_elements=["generation_id"], set_=values, where=newer)
    )
