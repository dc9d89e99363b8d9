"""What is kept of a request in OpenAI's dialect, beside the generation that answers it, in SQL."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, ForeignKey, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from llmchat.ids import GenerationId, MessageId
from llmchat.prompts import Response
from llmchat.store.database import Database
from llmchat.store.rows import GenerationRow, MessageRow
from llmchat.store.upsert import inserting


class ResponseRow(SQLModel, table=True):
    """Not in the generation's own row, which is read for every step of its work."""

    __tablename__: ClassVar[Any] = "response"

    generation_id: str = Field(
        sa_column=Column(String, ForeignKey("generation.id", ondelete="CASCADE"), primary_key=True)
    )
    request: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    inputs: list[str] = Field(sa_column=Column(JSON, nullable=False))
    deleted: bool = False

    def to_domain(self) -> Response:
        return Response(self.request, [MessageId(id_) for id_ in self.inputs], self.deleted)


def response_of(
    id: GenerationId, request: Mapping[str, Any], asked: Sequence[MessageRow]
) -> ResponseRow:
    return ResponseRow(generation_id=id, request=dict(request), inputs=[row.id for row in asked])


class SqlResponseStore:
    """A ResponseStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, id: GenerationId) -> Response | None:
        async with self._database.read() as session:
            row = await session.get(ResponseRow, id)
        return None if row is None else row.to_domain()

    async def delete(self, id: GenerationId) -> bool:
        async with self._database.write() as session:
            its = select(GenerationRow).where(col(GenerationRow.id) == id)
            generation = await session.scalar(its)
            if generation is None:
                return False
            # One that was asked for elsewhere is of a conversation that somebody has begun.
            of_somebody = {"conversation": {"id": generation.conversation_id}}
            new = inserting(session, ResponseRow).values(
                generation_id=id, request=of_somebody, inputs=[], deleted=True
            )
            await session.execute(
                new.on_conflict_do_update(index_elements=["generation_id"], set_={"deleted": True})
            )
            return not await _is_wanted(session, generation.conversation_id)


async def _is_wanted(session: AsyncSession, conversation_id: str) -> bool:
    """Whether there is more in it than responses that were deleted."""
    its = (
        select(ResponseRow)
        .select_from(GenerationRow)
        .outerjoin(ResponseRow, col(ResponseRow.generation_id) == col(GenerationRow.id))
        .where(col(GenerationRow.conversation_id) == conversation_id)
    )
    rows: Iterable[ResponseRow | None] = await session.scalars(its)
    return not all(_is_nothing(row) for row in rows)


def _is_nothing(row: ResponseRow | None) -> bool:
    return row is not None and row.deleted and not row.request.get("conversation")
