"""Idempotency keys in SQL: what a key stands for, a generation or a note."""

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.errors import Invalid
from llmchat.ids import OwnerId
from llmchat.store.drafts import IdempotencyKey
from llmchat.store.rows import GenerationRow, IdempotencyRow, MessageRow
from llmchat.store.upsert import inserting

_KEYS_KEPT = timedelta(hours=24)


async def remember(
    session: AsyncSession, caller: OwnerId, idempotency: IdempotencyKey, id: str, now: datetime
) -> str | None:
    """What the key stands for already, the id of a generation or of a note; None when it is new,
    and from now on stands for `id`. Raises Invalid when it was used for something else."""
    # A key may go between two statements, with the conversation in which it was used.
    while not await _remember(session, caller, idempotency, id, now):
        if (made := await known(session, caller, idempotency, now, locked=True)) is not None:
            return made
    await _forget_old_keys(session, now)
    return None


async def known(
    session: AsyncSession,
    caller: OwnerId,
    idempotency: IdempotencyKey,
    now: datetime,
    *,
    locked: bool = False,
) -> str | None:
    """What the key stands for, without making it stand for anything. Raises Invalid, too."""
    its = select(IdempotencyRow).where(
        col(IdempotencyRow.owner) == caller,
        col(IdempotencyRow.key) == idempotency.key,
        col(IdempotencyRow.created_at) >= now - _KEYS_KEPT,
    )
    found = await session.scalar(its.with_for_update(read=True) if locked else its)
    if found is None:
        return None
    if found.fingerprint != idempotency.fingerprint:
        raise Invalid(
            "This Idempotency-Key was used for a different request. "
            "Use a new key for a new request, or send exactly the same one again."
        )
    return str(found.generation_id)


async def forget_keys(session: AsyncSession, conversation_id: str) -> None:
    """Deleted turns cannot be given again; the same key makes a new one."""
    its = select(col(GenerationRow.id)).where(col(GenerationRow.conversation_id) == conversation_id)
    notes = select(col(MessageRow.id)).where(col(MessageRow.conversation_id) == conversation_id)
    made = col(IdempotencyRow.generation_id)
    await session.execute(delete(IdempotencyRow).where(or_(made.in_(its), made.in_(notes))))


async def _remember(
    session: AsyncSession, owner: str, idempotency: IdempotencyKey, id: str, now: datetime
) -> bool:
    """Note what the key stands for, unless it stands for something already."""
    values = {"fingerprint": idempotency.fingerprint, "generation_id": id, "created_at": now}
    new = inserting(session, IdempotencyRow).values(owner=owner, key=idempotency.key, **values)
    new = new.on_conflict_do_update(
        index_elements=["owner", "key"],
        set_=values,
        where=col(IdempotencyRow.created_at) < now - _KEYS_KEPT,
    )
    returning = new.returning(col(IdempotencyRow.generation_id))
    return await session.scalar(returning) is not None


async def _forget_old_keys(session: AsyncSession, now: datetime) -> None:
    primary_key = tuple_(col(IdempotencyRow.owner), col(IdempotencyRow.key))
    too_old = select(col(IdempotencyRow.owner), col(IdempotencyRow.key))
    too_old = too_old.where(col(IdempotencyRow.created_at) < now - _KEYS_KEPT)
    # Two sends that forget the same keys in another order would wait for each other.
    free = too_old.with_for_update(skip_locked=True)
    await session.execute(delete(IdempotencyRow).where(primary_key.in_(free)))
