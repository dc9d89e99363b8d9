"""Generations in SQL: claimed, renewed, settled once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Update, delete, false, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.access.members import Right
from llmchat.domain import Generation, Status
from llmchat.errors import NotFound
from llmchat.ids import ConversationId, GenerationId, OwnerId, WorkerId
from llmchat.store.base import RELEASED, Checkpoint, Lease, Settlement, Unfinished
from llmchat.store.checkpoints import keep
from llmchat.store.database import Database
from llmchat.store.members import role_in
from llmchat.store.outbox import add_messages
from llmchat.store.owners import Owners
from llmchat.store.payloads import problem_json, timing_json, tool_calls_json, usage_json
from llmchat.store.rows import CheckpointRow, ConversationRow, GenerationRow, MessageRow
from llmchat.store.searchable import add_words
from llmchat.store.usage_rows import add_usage

_LIVE = (Status.QUEUED, Status.STREAMING)


class SqlGenerationStore:
    """A GenerationStore. `now` gives the time for what is shown; no decision depends on it.

    Rows are locked in one order, here and in the conversations: the conversation, its generations
    by their `seq`, what hangs on them. So no two transactions ever wait for each other.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._owners = Owners(database)

    async def get(
        self, owner: OwnerId, id: GenerationId, *, right: Right = Right.READ
    ) -> Generation:
        async with self._database.read() as session:
            row = await _row(session, id)
            if row is None:
                raise _no_generation(id)
            if row.owner != owner:
                role = await role_in(session, owner, row.conversation_id)
                if role is None:
                    raise _no_generation(id)
                role.require(right)
        return row.to_domain()

    async def check_owner(self, owner: OwnerId, id: GenerationId) -> bool:
        found = await self._owners.of(id)
        if found is None:
            raise _no_generation(id)
        if found.owner == owner:
            return True
        async with self._database.read() as session:
            role = await role_in(session, owner, found.conversation_id)
        if role is None:
            raise _no_generation(id)
        return False

    async def count_live(self, owner: OwnerId) -> int:
        its = (col(GenerationRow.owner) == owner) & col(GenerationRow.status).in_(_LIVE)
        # The index holds those that are not closed: few, however many there were.
        its &= col(GenerationRow.closed) == false()
        async with self._database.read() as session:
            return await session.scalar(select(func.count()).where(its)) or 0

    async def last_event_id(self, id: GenerationId) -> int | None:
        async with self._database.read() as session:
            row = await _row(session, id)
        return None if row is None else row.last_event_id

    async def claim(self, id: GenerationId, worker: WorkerId) -> Generation | None:
        async with self._database.write() as session:
            row = await _locked_in_line(session, id)
            if row is None or row.status != Status.QUEUED or row.worker is not None:
                return None
            if await _oldest_live(session, row.conversation_id) != id:
                return None
            row.status = Status.STREAMING
            row.worker = worker
            row.started_at = self._now()
            return row.to_domain()

    async def renew(
        self, worker: WorkerId, ids: Sequence[GenerationId]
    ) -> Mapping[GenerationId, Lease]:
        async with self._database.write() as session:
            mine = await _locked_of(session, worker, ids)
            renewal = (
                update(GenerationRow)
                .where(col(GenerationRow.id).in_(mine))
                .values(beats=GenerationRow.beats + 1)
                .returning(col(GenerationRow.id), col(GenerationRow.stop_requested))
            )
            held = {row.id: row.stop_requested for row in await session.execute(renewal)}
        return {id_: _lease(held.get(id_)) for id_ in ids}

    async def request_stop(self, id: GenerationId) -> None:
        await self._update(id, stop_requested=True)

    async def settle(self, id: GenerationId, worker: WorkerId, end: Settlement) -> bool:
        async with self._database.write() as session:
            row = await _locked_in_line(session, id)
            if row is None:
                await add_usage(session, end.entries)
                return False
            if row.status not in _LIVE or row.worker not in (None, worker):
                return False
            await add_usage(session, end.entries)
            row.status = end.status
            row.worker = worker
            row.finish_reason = end.finish_reason
            row.usage = usage_json(end.usage)
            row.error = problem_json(end.error)
            row.first_token_at = end.first_token_at
            row.attempt = max(row.attempt, end.attempt)
            row.ended_at = self._now()
            row.timing = timing_json(end.timing)
            await session.execute(_final_message(row, end))
            await add_messages(session, end.messages, self._now())
            await add_words(session, row.conversation_id, row.message_id, end.content)
            gone = col(CheckpointRow.generation_id) == id
            await session.execute(delete(CheckpointRow).where(gone))
            return True

    async def close(self, id: GenerationId, last_event_id: int) -> None:
        await self._update(id, closed=True, last_event_id=last_event_id)

    async def take_over(self, seen: Unfinished, worker: WorkerId) -> Generation | None:
        async with self._database.write() as session:
            row = await _row(session, seen.id, locked=True)
            if row is None or row.closed or (row.worker, row.beats) != (seen.worker, seen.beats):
                return None
            row.worker = worker
            row.beats += 1
            return row.to_domain()

    async def next_attempt(
        self, id: GenerationId, worker: WorkerId, *, attempt: int, began_at: int
    ) -> Generation | None:
        async with self._database.write() as session:
            row = await _row(session, id, locked=True)
            if row is None or row.status != Status.STREAMING or row.worker != worker:
                return None
            row.attempt = attempt
            row.attempt_began_at = began_at
            row.first_token_at = None
            return row.to_domain()

    async def checkpoint(self, worker: WorkerId, checkpoints: Sequence[Checkpoint]) -> None:
        newest: dict[str, Checkpoint] = {}
        for each in sorted(checkpoints, key=attrgetter("last")):
            newest[each.id] = each
        async with self._database.write() as session:
            mine = await _locked_of(session, worker, list(newest), only_live=True)
            if mine:
                await keep(session, [newest[id_] for id_ in mine])

    async def last_checkpoint(self, id: GenerationId) -> Checkpoint | None:
        async with self._database.read() as session:
            row = await session.get(CheckpointRow, id)
        return None if row is None else row.to_domain()

    async def release(self, worker: WorkerId, id: GenerationId) -> None:
        its = (col(GenerationRow.id) == id) & (col(GenerationRow.worker) == worker)
        live = col(GenerationRow.status) == Status.STREAMING
        freed: Update = update(GenerationRow).where(its & live).values(worker=RELEASED)
        async with self._database.write() as session:
            await session.execute(freed)

    async def seen(self, id: GenerationId) -> Unfinished | None:
        async with self._database.read() as session:
            row = await _row(session, id)
        return None if row is None or row.closed else _unfinished(row)

    async def unfinished(self) -> Sequence[Unfinished]:
        rows = (
            select(GenerationRow)
            .where(col(GenerationRow.closed) == false())
            .order_by(col(GenerationRow.seq))
        )
        async with self._database.read() as session:
            return [_unfinished(row) for row in await session.scalars(rows)]

    async def next_queued(self, conversation: ConversationId) -> GenerationId | None:
        async with self._database.read() as session:
            oldest = await _oldest_live(session, conversation)
            row = oldest and await _row(session, oldest)
        return GenerationId(row.id) if row and row.status == Status.QUEUED else None

    async def _update(self, id: GenerationId, **values: Any) -> None:
        change: Update = update(GenerationRow).where(col(GenerationRow.id) == id).values(**values)
        async with self._database.write() as session:
            await session.execute(change)


async def _row(session: AsyncSession, id: str, *, locked: bool = False) -> GenerationRow | None:
    its = select(GenerationRow).where(col(GenerationRow.id) == id)
    found: GenerationRow | None = await session.scalar(its.with_for_update() if locked else its)
    return found


async def _locked_in_line(session: AsyncSession, id: str) -> GenerationRow | None:
    """The generation, with its conversation locked before it: nobody joins the line meanwhile, who
    would then wait for a successor that has already been looked for."""
    its = select(col(GenerationRow.conversation_id)).where(col(GenerationRow.id) == id)
    conversation = select(col(ConversationRow.seq)).where(
        col(ConversationRow.id) == its.scalar_subquery()
    )
    if await session.scalar(conversation.with_for_update()) is None:
        return None
    return await _row(session, id, locked=True)


async def _locked_of(
    session: AsyncSession, worker: WorkerId, ids: Sequence[str], *, only_live: bool = False
) -> Sequence[str]:
    """Those of the generations that the worker owns, locked in their order."""
    if not ids:
        return []
    mine = select(col(GenerationRow.id)).where(
        col(GenerationRow.id).in_(ids), col(GenerationRow.worker) == worker
    )
    if only_live:
        mine = mine.where(col(GenerationRow.status).in_(_LIVE))
    mine = mine.order_by(col(GenerationRow.seq)).with_for_update()
    return (await session.scalars(mine)).all()


async def _oldest_live(session: AsyncSession, conversation: str) -> str | None:
    oldest: str | None = await session.scalar(
        select(col(GenerationRow.id))
        .where(col(GenerationRow.conversation_id) == conversation)
        .where(col(GenerationRow.status).in_(_LIVE))
        .order_by(col(GenerationRow.seq))
        .limit(1)
    )
    return oldest


def _final_message(row: GenerationRow, end: Settlement) -> Update:
    answered_by = {} if end.model is None else {"model": end.model}
    return (
        update(MessageRow)
        .where(col(MessageRow.id) == row.message_id)
        .values(
            status=end.status,
            content=end.content,
            reasoning=end.reasoning,
            tool_calls=tool_calls_json(end.tool_calls),
            usage=usage_json(end.usage),
            error=problem_json(end.error),
            timing=timing_json(end.timing),
            **answered_by,
        )
    )


def _no_generation(id: str) -> NotFound:
    return NotFound(f"There is no generation {id}.")


def _unfinished(row: GenerationRow) -> Unfinished:
    worker = WorkerId(row.worker) if row.worker else None
    return Unfinished(GenerationId(row.id), worker, row.beats)


def _lease(stop_requested: bool | None) -> Lease:
    if stop_requested is None:
        return Lease.LOST
    return Lease.STOP if stop_requested else Lease.HELD
