"""What a broker has yet to be told, in SQL."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import Column, ForeignKey, LargeBinary, String, delete, select, update
from sqlmodel import Field, SQLModel, col

from llmchat.ids import ConversationId, GenerationId, WorkerId
from llmchat.store.base import Publication
from llmchat.store.columns import amount_column, child_of
from llmchat.store.database import Database
from llmchat.store.rows import GenerationRow
from llmchat.store.upsert import inserting


class TopicRow(SQLModel, table=True):
    """What a conversation is called over the broker."""

    __tablename__: ClassVar[Any] = "topic"

    conversation_id: str = child_of("conversation", primary_key=True)
    name: str


class PublicationRow(SQLModel, table=True):
    """There are few: one goes when its answer has been told."""

    __tablename__: ClassVar[Any] = "publication"

    generation_id: str = Field(
        sa_column=Column(String, ForeignKey("generation.id", ondelete="CASCADE"), primary_key=True)
    )
    name: str
    cursor: int = amount_column()
    request_id: str | None = None
    response_topic: str | None = None
    correlation: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    publisher: str | None = None
    beats: int = amount_column()

    def to_domain(self) -> Publication:
        return Publication(
            GenerationId(self.generation_id),
            self.name,
            self.cursor,
            self.request_id,
            self.response_topic,
            self.correlation,
            None if self.publisher is None else WorkerId(self.publisher),
            self.beats,
        )


class SqlPublicationStore:
    """A PublicationStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def call(self, conversation: ConversationId, name: str) -> None:
        if await self.name_of(conversation) == name:
            return
        async with self._database.write() as session:
            new = inserting(session, TopicRow).values(conversation_id=conversation, name=name)
            await session.execute(
                new.on_conflict_do_update(index_elements=["conversation_id"], set_={"name": name})
            )

    async def name_of(self, conversation: ConversationId) -> str | None:
        its = select(col(TopicRow.name)).where(col(TopicRow.conversation_id) == conversation)
        async with self._database.read() as session:
            name: str | None = await session.scalar(its)
        return name

    async def add(self, publication: Publication) -> bool:
        async with self._database.write() as session:
            new = inserting(session, PublicationRow).values(
                generation_id=publication.id,
                name=publication.name,
                cursor=publication.cursor,
                request_id=publication.request_id,
                response_topic=publication.response_topic,
                correlation=publication.correlation,
                publisher=publication.publisher,
                beats=0,
            )
            made = new.on_conflict_do_nothing().returning(col(PublicationRow.generation_id))
            return await session.scalar(made) is not None

    async def advance(self, publisher: WorkerId, cursors: Mapping[GenerationId, int]) -> None:
        async with self._database.write() as session:
            # In one order everywhere: two that lock the same rows cannot wait for each other.
            for id in sorted(cursors):
                its = col(PublicationRow.generation_id) == id
                mine = its & (col(PublicationRow.publisher) == publisher)
                beat = {"cursor": cursors[id], "beats": PublicationRow.beats + 1}
                await session.execute(update(PublicationRow).where(mine).values(beat))

    async def end(self, id: GenerationId) -> None:
        async with self._database.write() as session:
            await session.execute(
                delete(PublicationRow).where(col(PublicationRow.generation_id) == id)
            )

    async def unfinished(self) -> Sequence[Publication]:
        rows = (
            select(PublicationRow)
            .join(GenerationRow, col(GenerationRow.id) == col(PublicationRow.generation_id))
            .order_by(col(GenerationRow.seq))
        )
        async with self._database.read() as session:
            return [row.to_domain() for row in await session.scalars(rows)]

    async def take_over(self, seen: Publication, publisher: WorkerId) -> bool:
        its = col(PublicationRow.generation_id) == seen.id
        same = its & (col(PublicationRow.beats) == seen.beats)
        if seen.publisher is None:
            same &= col(PublicationRow.publisher).is_(None)
        else:
            same &= col(PublicationRow.publisher) == seen.publisher
        taken = {"publisher": publisher, "beats": PublicationRow.beats + 1}
        change = update(PublicationRow).where(same).values(taken)
        async with self._database.write() as session:
            done = await session.scalar(change.returning(col(PublicationRow.generation_id)))
            return done is not None

    async def release(self, publisher: WorkerId) -> None:
        mine = col(PublicationRow.publisher) == publisher
        async with self._database.write() as session:
            await session.execute(update(PublicationRow).where(mine).values(publisher=None))
