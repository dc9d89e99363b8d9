"""What a broker has yet to be told, in SQL."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import Column, ForeignKey, LargeBinary, String, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from llmchat.domain import Turn
from llmchat.errors import RateLimited
from llmchat.ids import ConversationId, GenerationId, WorkerId
from llmchat.store.columns import amount_column, child_of, json_column
from llmchat.store.database import Database
from llmchat.store.drafts import BEGUN, Asker, Publication
from llmchat.store.rows import GenerationRow
from llmchat.store.upsert import inserting

_MOST_OTHERS = 16
_CROWDED_SECONDS = 5


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
    others: list[Any] | None = json_column()

    def to_domain(self) -> Publication:
        return Publication(
            GenerationId(self.generation_id),
            Asker(self.name, self.request_id, self.response_topic, self.correlation),
            self.cursor,
            tuple(_asker(it) for it in self.others or ()),
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
                cursor=publication.cursor,
                publisher=publication.publisher,
                **_columns(publication.asker),
            )
            made = new.on_conflict_do_nothing().returning(col(PublicationRow.generation_id))
            return await session.scalar(made) is not None

    async def begin(self, id: GenerationId, publisher: WorkerId | None) -> Publication | None:
        its = col(PublicationRow.generation_id) == id
        waits = its & (col(PublicationRow.publisher) == BEGUN)
        # Looked for outside of a write: most conversations are on no broker.
        async with self._database.read() as session:
            if await session.scalar(select(PublicationRow).where(waits)) is None:
                return None
        begun = update(PublicationRow).where(waits).values(publisher=publisher)
        async with self._database.write() as session:
            row = await session.scalar(begun.returning(PublicationRow))
            return None if row is None else row.to_domain()

    async def join(self, id: GenerationId, asker: Asker) -> bool:
        async with self._database.write() as session:
            row = await _locked(session, id)
            if row is None:
                return False
            known = row.to_domain()
            if asker == known.asker or asker in known.others:
                return True
            if len(known.others) >= _MOST_OTHERS:
                raise RateLimited(
                    f"This was asked for at {_MOST_OTHERS + 1} places. Wait for its end.",
                    limit=_MOST_OTHERS,
                    remaining=0,
                    retry_after_seconds=_CROWDED_SECONDS,
                    kind="live_generations",
                )
            row.others = [*(row.others or ()), _asker_json(asker)]
            return True

    async def advance(self, publisher: WorkerId, cursors: Mapping[GenerationId, int]) -> None:
        async with self._database.write() as session:
            # In one order everywhere: two that lock the same rows cannot wait for each other.
            for id in sorted(cursors):
                its = col(PublicationRow.generation_id) == id
                mine = its & (col(PublicationRow.publisher) == publisher)
                beat = {"cursor": cursors[id], "beats": PublicationRow.beats + 1}
                await session.execute(update(PublicationRow).where(mine).values(beat))

    async def end(self, id: GenerationId, told: int) -> Sequence[Asker]:
        async with self._database.write() as session:
            row = await _locked(session, id)
            if row is None:
                return ()
            if late := row.to_domain().others[told:]:
                return late
            await session.delete(row)
            return ()

    async def drop(self, id: GenerationId) -> None:
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


async def publish(session: AsyncSession, turn: Turn, asker: Asker | None) -> None:
    """The answer to a turn is to be told, in the transaction that stores it: to whoever asked for
    it, or where its conversation has a name."""
    if turn.replayed:
        return
    if asker is None:
        conversation = col(TopicRow.conversation_id) == turn.generation.conversation_id
        name = await session.scalar(select(col(TopicRow.name)).where(conversation))
        asker = None if name is None else Asker(name)
    if asker is not None:
        new = PublicationRow(generation_id=turn.generation.id, publisher=BEGUN, **_columns(asker))
        session.add(new)


async def _locked(session: AsyncSession, id: GenerationId) -> PublicationRow | None:
    its = select(PublicationRow).where(col(PublicationRow.generation_id) == id)
    row: PublicationRow | None = await session.scalar(its.with_for_update())
    return row


def _columns(asker: Asker) -> dict[str, Any]:
    return {
        "name": asker.name,
        "request_id": asker.request_id,
        "response_topic": asker.response_topic,
        "correlation": asker.correlation,
    }


def _asker_json(asker: Asker) -> dict[str, Any]:
    correlation = asker.correlation
    packed = None if correlation is None else b64encode(correlation).decode()
    return {**_columns(asker), "correlation": packed}


def _asker(packed: Mapping[str, Any]) -> Asker:
    correlation = packed["correlation"]
    return Asker(
        **{**packed, "correlation": None if correlation is None else b64decode(correlation)}
    )
