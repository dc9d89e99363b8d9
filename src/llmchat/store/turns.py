"""Turns in SQL: a question, its empty reply and the queued generation, all or nothing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.domain import Begun, Generation, OnBusy, Role, Status, Turn
from llmchat.errors import Busy, Invalid, NotFound
from llmchat.ids import GenerationId, MessageId, OwnerId, new_id
from llmchat.store.allowances import reserve
from llmchat.store.beginnings import beginning
from llmchat.store.branches import with_siblings
from llmchat.store.drafts import ActiveLeaf, IdempotencyKey, ReplyDraft, TurnDraft
from llmchat.store.idempotency import remember
from llmchat.store.members import is_open_to
from llmchat.store.payloads import origin_json
from llmchat.store.questions import new_message, questions
from llmchat.store.responses import response_of
from llmchat.store.rows import ConversationRow, GenerationRow, MessageRow
from llmchat.store.searchable import add_words

_LIVE = (Status.QUEUED, Status.STREAMING)


@dataclass(frozen=True, slots=True)
class _Work:
    """A generation that is to be stored, and who asked for it."""

    caller: OwnerId
    id: GenerationId
    now: datetime
    earlier: Sequence[GenerationRow]
    instructions: str | None
    begun: Begun | None = None


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
    # One that is new is stored only now: behind a key that had made one before.
    session.add(conversation)
    await session.flush()
    earlier = await _earlier(session, conversation, draft.on_busy)
    parent = await parent_of(session, conversation, draft.parent_id)
    asked = questions(conversation, parent, draft, now)
    for row in asked:
        row.author = None if row.role == Role.ASSISTANT else caller
    session.add_all(asked)
    await session.flush()
    for message in asked:
        await add_words(session, conversation.id, message.id, message.content)
    told = None if draft.asked is None else draft.asked.instructions
    work = _Work(caller, id, now, earlier, told)
    turn = await _add_work(session, conversation, asked, draft, work)
    if draft.asked is not None and draft.asked.request is not None:
        session.add(response_of(id, draft.asked.request, asked))
    return turn


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
    begun = await beginning(session, sibling) if draft.goes_on else None
    earlier = await _earlier(session, conversation, draft.on_busy)
    question = await message_in(session, conversation.id, sibling.parent_id)
    told = await _instructions_of(session, sibling)
    work = _Work(caller, id, now, earlier, told, begun)
    return await _add_work(session, conversation, [question], draft, work)


async def _instructions_of(session: AsyncSession, answer: MessageRow) -> str | None:
    its = select(col(GenerationRow.instructions)).where(
        col(GenerationRow.id) == answer.generation_id
    )
    found: str | None = await session.scalar(its)
    return found


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


async def _add_work(
    session: AsyncSession,
    conversation: ConversationRow,
    asked: Sequence[MessageRow],
    draft: TurnDraft | ReplyDraft,
    work: _Work,
) -> Turn:
    now, earlier = work.now, work.earlier
    reserved = await reserve(session, draft.reservation, now)
    reply = new_message(conversation, asked[-1], Role.ASSISTANT, "", Status.STREAMING, now)
    claimed = draft.worker is not None and not earlier
    generation = GenerationRow(
        id=work.id,
        conversation_id=conversation.id,
        message_id=reply.id,
        owner=conversation.owner,
        status=Status.STREAMING if claimed else Status.QUEUED,
        model=draft.model,
        params=draft.params.as_json(),
        worker=draft.worker if claimed else None,
        created_at=now,
        started_at=now if claimed else None,
        asked_by=work.caller,
        key_id=draft.reservation.spender.key_id if draft.reservation else None,
        reserved_tokens=reserved.tokens,
        reserved_cost=reserved.cost,
        begun=None if work.begun is None else asdict(work.begun),
        instructions=work.instructions,
        origin=origin_json(draft.origin),
    )
    reply.model = draft.model
    reply.generation_id = generation.id
    session.add_all([reply, generation])
    await session.flush()
    conversation.leaf_id = reply.id
    conversation.latest = reply.seq or 0
    conversation.updated_at = now
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
        timing=None,
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
            timing=None,
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
