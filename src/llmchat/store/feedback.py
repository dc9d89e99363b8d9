"""What users think of answers, in SQL."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from llmchat.access.members import Right
from llmchat.domain import Feedback, Message, Role
from llmchat.errors import Invalid
from llmchat.ids import MessageId, OwnerId
from llmchat.store import turns
from llmchat.store.columns import child_of, time_column
from llmchat.store.database import Database
from llmchat.store.members import permitted
from llmchat.store.upsert import inserting


class FeedbackRow(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "feedback"

    message_id: str = child_of("message", primary_key=True)
    user: str = Field(primary_key=True)
    rating: int
    comment: str | None = None
    updated_at: datetime = time_column()

    def to_domain(self) -> Feedback:
        return Feedback(self.rating, self.comment)


class SqlFeedbackStore:
    """A FeedbackStore."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def put(self, user: OwnerId, id: MessageId, feedback: Feedback) -> None:
        values = {
            "rating": feedback.rating,
            "comment": feedback.comment,
            "updated_at": self._now(),
        }
        async with self._database.write() as session:
            await _check(session, user, id)
            new = inserting(session, FeedbackRow).values(message_id=id, user=user, **values)
            await session.execute(
                new.on_conflict_do_update(index_elements=["message_id", "user"], set_=values)
            )

    async def remove(self, user: OwnerId, id: MessageId) -> None:
        its = (col(FeedbackRow.message_id) == id) & (col(FeedbackRow.user) == user)
        async with self._database.write() as session:
            await _check(session, user, id)
            await session.execute(delete(FeedbackRow).where(its))


async def with_feedback(
    session: AsyncSession, user: OwnerId, messages: Sequence[Message]
) -> list[Message]:
    """The messages, each with what this user thinks of it."""
    answers = [message.id for message in messages if message.role is Role.ASSISTANT]
    its = select(FeedbackRow).where(
        col(FeedbackRow.message_id).in_(answers), col(FeedbackRow.user) == user
    )
    given = {row.message_id: row.to_domain() for row in await session.scalars(its)}
    return [replace(message, feedback=given.get(message.id)) for message in messages]


async def _check(session: AsyncSession, user: OwnerId, id: MessageId) -> None:
    """Nobody deletes the message before the end of the transaction. Raises NotFound, Invalid."""
    message = await turns.message_for(session, user, id)
    await permitted(session, user, message.conversation_id, Right.READ, locked=True)
    # Behind the lock: it may have been deleted while we waited.
    message = await turns.message_in(session, message.conversation_id, id)
    if message.role != Role.ASSISTANT:
        raise Invalid(f"{id} is no answer: only an assistant's message is rated.")
