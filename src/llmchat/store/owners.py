"""Whose a generation is, asked once and remembered."""

import asyncio
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import col

from llmchat.ids import ConversationId, GenerationId, OwnerId
from llmchat.store.database import Database
from llmchat.store.rows import GenerationRow
from llmchat.tasks import TaskSet

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Belonging:
    owner: OwnerId
    conversation_id: ConversationId


class Owners:
    """Neither ever changes. Members do: they are not remembered here."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[GenerationId, Belonging] = {}
        self._asking: dict[GenerationId, asyncio.Task[Belonging | None]] = {}
        self._tasks = TaskSet()

    async def of(self, id: GenerationId) -> Belonging | None:
        return self._known.get(id) or await self._shared_answer(id)

    async def _shared_answer(self, id: GenerationId) -> Belonging | None:
        """Asked once for all who ask at one moment, as they do after a reconnect."""
        asking = self._asking.get(id)
        if asking is None:
            asking = self._asking[id] = self._tasks.start(self._ask(id), name=f"owner {id}")
            asking.add_done_callback(lambda _: self._asking.pop(id, None))
        return await asyncio.shield(asking)

    async def _ask(self, id: GenerationId) -> Belonging | None:
        its = select(GenerationRow).where(col(GenerationRow.id) == id)
        async with self._database.read() as session:
            row = await session.scalar(its)
        if row is None:
            return None
        found = Belonging(OwnerId(row.owner), ConversationId(row.conversation_id))
        self._known[id] = found
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        return found
