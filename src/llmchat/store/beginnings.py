"""What an answer begins with that goes on with another one."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.domain import Begun, Status
from llmchat.errors import Invalid
from llmchat.store.rows import GenerationRow, MessageRow

_CUT = "length"


async def beginning(session: AsyncSession, answer: MessageRow) -> Begun:
    """All that this answer says; nothing where it is only thoughts, which no model goes on with.
    Raises Invalid for an answer that is not to be gone on with."""
    if Status(answer.status).live:
        raise Invalid(f"{answer.id} is still being written. Stop it first, or wait for its end.")
    if answer.tool_calls:
        raise Invalid(
            f"{answer.id} calls tools, and no model goes on with that. Send the results of the "
            "calls, or regenerate it."
        )
    if answer.status == Status.COMPLETE and await _finish_reason(session, answer) != _CUT:
        raise Invalid(
            f"{answer.id} is complete. Only an answer that was stopped, interrupted or cut by its "
            "length is gone on with; regenerate makes another one."
        )
    return Begun(answer.content, answer.reasoning) if answer.content else Begun()


async def _finish_reason(session: AsyncSession, answer: MessageRow) -> str | None:
    its = select(col(GenerationRow.finish_reason)).where(
        col(GenerationRow.id) == answer.generation_id
    )
    found: str | None = await session.scalar(its)
    return found
