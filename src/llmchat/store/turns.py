"""Turns in SQL: a question, its empty reply and the queued generation, all or nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.domain import Generation, OnBusy, Role, Status, Turn
from llmchat.errors import Busy, Invalid, NotFound
from llmchat.ids import GenerationId, MessageId, OwnerId, new_id
from llmchat.store.base import ActiveLeaf, IdempotencyKey, ReplyDraft, TurnDraft
from llmchat.store.branches import with_siblings
from llmchat.store.members import is_open_to
from llmchat.store.questions import new_message, questions
from llmchat.store.rows import ConversationRow, GenerationRow, IdempotencyRow, MessageRow
from llmchat.store.upsert import inserting

_KEYS_KEPT = timedelta(hours=24)
_LIVE = (Status.QUEUED, Status.STREAMING)


async def add_turn(
    session: AsyncSession,
    conversation: ConversationRow,
    caller: OwnerId,
    draft: TurnDraft,
    now: datetime,
) -> Turn:
    id = GenerationId(new_id("gen"))
    if (made := await _made_before(session, caller, draft.idempotency, id, now)) is not None:
        return made
    earlier = await _earlier(session, conversation, draft.on_busy)
    parent = await parent_of(session, conversation, draft.parent_id)
    asked = questions(conversation, parent, draft, now)
    for row in asked:
        row.author = caller
    session.add_all(asked)
    return await _add_work(session, conversation, asked, draft, id, now, earlier)


async def add_reply(
    session: AsyncSession,
    conversation: ConversationRow,
    caller: OwnerId,
    sibling: MessageRow,
    draft: ReplyDraft,
    now: datetime,
) -> Turn:
    id = GenerationId(new_id("gen"))
    if (made := await _made_before(session, caller, draft.idempotency, id, now)) is not None:
        return made
    if sibling.role != Role.ASSISTANT or sibling.parent_id is None:
        raise Invalid(f"{sibling.id} is no answer: only an assistant's message is made anew.")
    earlier = await _earlier(session, conversation, draft.on_busy)
    question = await message_in(session, conversation.id, sibling.parent_id)
    return await _add_work(session, conversation, [question], draft, id, now, earlier)


async def message_in(session: AsyncSession, conversation_id: str, id: str) -> MessageRow:
    row = await _message_row(session, id)
    if row is None or row.conversation_id != conversation_id:
        raise NotFound(f"There is no message {id} in this conversation.")
    return row


async def message_for(session: AsyncSession, user: OwnerId, id: str) -> MessageRow:
    row: MessageRow | None = await session.scalar(
        select(MessageRow)
        .join(ConversationRow, col(ConversationRow.id) == col(MessageRow.conversation_id))
        .where(col(MessageRow.id) == id, is_open_to(user))
    )
    if row is None:
        raise NotFound(f"There is no message {id}.")
    return row


async def live_generations(session: AsyncSession, id: str) -> Sequence[GenerationRow]:
    return (
        await session.scalars(
            select(GenerationRow)
            .where(col(GenerationRow.conversation_id) == id)
            .where(col(GenerationRow.status).in_(_LIVE))
            .order_by(col(GenerationRow.seq))
        )
    ).all()


async def forget_keys(session: AsyncSession, conversation_id: str) -> None:
    """Deleted turns cannot be given again; the same key makes a new one."""
    its = select(col(GenerationRow.id)).where(col(GenerationRow.conversation_id) == conversation_id)
    notes = select(col(MessageRow.id)).where(col(MessageRow.conversation_id) == conversation_id)
    made = col(IdempotencyRow.generation_id)
    await session.execute(delete(IdempotencyRow).where(or_(made.in_(its), made.in_(notes))))


async def _add_work(
    session: AsyncSession,
    conversation: ConversationRow,
    asked: Sequence[MessageRow],
    draft: TurnDraft | ReplyDraft,
    id: GenerationId,
    now: datetime,
    earlier: Sequence[GenerationRow],
) -> Turn:
    reply = new_message(conversation, asked[-1], Role.ASSISTANT, "", Status.STREAMING, now)
    claimed = draft.worker is not None and not earlier
    generation = GenerationRow(
        id=id,
        conversation_id=conversation.id,
        message_id=reply.id,
        owner=conversation.owner,
        status=Status.STREAMING if claimed else Status.QUEUED,
        model=draft.model,
        params=draft.params.as_json(),
        worker=draft.worker if claimed else None,
        created_at=now,
        started_at=now if claimed else None,
    )
    reply.model = draft.model
    reply.generation_id = generation.id
    session.add_all([reply, generation])
    conversation.leaf_id = reply.id
    conversation.updated_at = now
    await session.flush()
    *before, message, answer = await with_siblings(session, [*asked, reply])
    return Turn(
        message,
        answer,
        _as_queued(generation),
        claimed=claimed,
        earlier=[row.to_domain() for row in earlier],
        before=before,
    )


def _as_queued(row: GenerationRow) -> Generation:
    """As it was at its birth, whatever has become of it since."""
    return replace(
        row.to_domain(),
        status=Status.QUEUED,
        attempt=1,
        attempt_began_at=1,
        finish_reason=None,
        usage=None,
        error=None,
        started_at=None,
        first_token_at=None,
        ended_at=None,
    )


async def _made_before(
    session: AsyncSession,
    caller: OwnerId,
    idempotency: IdempotencyKey | None,
    id: GenerationId,
    now: datetime,
) -> Turn | None:
    """The turn that the key made; None when it is new, and from now on stands for `id`. Whoever
    sends the same key at the same time waits here for the end of this transaction."""
    if idempotency is None:
        return None
    made = await remember(session, caller, idempotency, id, now)
    return None if made is None else await _as_it_was(session, made)


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


async def _as_it_was(session: AsyncSession, generation_id: str) -> Turn:
    """The turn as its first answer showed it, whatever has become of it since."""
    generation = await session.scalar(
        select(GenerationRow).where(col(GenerationRow.id) == generation_id)
    )
    if generation is None:
        raise Invalid("This Idempotency-Key was used for a message that got no answer.")
    reply = await message_in(session, generation.conversation_id, generation.message_id)
    question = await message_in(session, generation.conversation_id, str(reply.parent_id))
    message, answer = await with_siblings(session, [question, reply])
    return Turn(
        replace(message, siblings=_until(message.siblings, question.id)),
        replace(
            answer,
            content="",
            reasoning="",
            tool_calls=(),
            status=Status.STREAMING,
            usage=None,
            error=None,
            siblings=_until(answer.siblings, reply.id),
        ),
        _as_queued(generation),
        replayed=True,
    )


def _until(siblings: Sequence[MessageId], id: str) -> Sequence[MessageId]:
    return siblings[: siblings.index(MessageId(id)) + 1]


async def _earlier(
    session: AsyncSession, conversation: ConversationRow, on_busy: OnBusy
) -> Sequence[GenerationRow]:
    live = await live_generations(session, conversation.id)
    if live and on_busy is OnBusy.REJECT:
        raise Busy(live[0].id)
    return live


async def parent_of(
    session: AsyncSession, conversation: ConversationRow, parent_id: str | ActiveLeaf | None
) -> MessageRow | None:
    if isinstance(parent_id, ActiveLeaf):
        parent_id = conversation.leaf_id
    return None if parent_id is None else await message_in(session, conversation.id, parent_id)


async def _message_row(session: AsyncSession, id: str) -> MessageRow | None:
    row: MessageRow | None = await session.scalar(
        select(MessageRow).where(col(MessageRow.id) == id)
    )
    return row
