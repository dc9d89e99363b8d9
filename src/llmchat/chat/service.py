"""All that any door may call to make a model talk: send, follow, stop, regenerate, ask."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from llmchat.access.members import Right
from llmchat.chat.admission import ASK_SECONDS, while_admitted
from llmchat.chat.budget import Budget, at_least
from llmchat.chat.feed import GenerationStarted, MessageAdded
from llmchat.chat.news import News
from llmchat.chat.quota import Quota
from llmchat.chat.reserving import Reserving
from llmchat.chat.runner import Runner
from llmchat.chat.spending import Spending
from llmchat.chat.stopping import Stopping
from llmchat.domain import Conversation, Generation, Message, OnBusy, Params, Part, ToolResult, Turn
from llmchat.errors import BadCursor, LogGone, ShuttingDown
from llmchat.events import Entry, ToolCall, answerable_calls, fold
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId
from llmchat.providers.base import Models
from llmchat.store.base import ConversationStore, GenerationStore
from llmchat.store.drafts import (
    ACTIVE_LEAF,
    ActiveLeaf,
    Asker,
    ConversationDraft,
    IdempotencyKey,
    ReplyDraft,
    TurnDraft,
)
from llmchat.tokenlog.base import Head, TokenLog

_LOOK_SECONDS = 0.02
_LOOKS_FOR_ITS_BEGIN = 100


@dataclass(frozen=True, slots=True)
class Ask:
    """What a caller may choose about one generation. None takes the conversation's choice, then
    the settings'. `client_id` is the caller's own name for the message that is sent; an `asker`
    is told over a broker."""

    model: str | None = None
    params: Params = field(default_factory=Params)
    on_busy: OnBusy = OnBusy.REJECT
    idempotency: IdempotencyKey | None = None
    client_id: str | None = None
    asker: Asker | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A generation and all that it has said so far. `last_event_id` is None when the log is gone
    and its end was never noted."""

    generation: Generation
    answer: str
    reasoning: str
    tool_calls: Sequence[ToolCall]
    last_event_id: int | None
    logprobs: str | None = None


class ChatService:
    """Generations are started here, go on without their caller, and are read by anybody who may."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        generations: GenerationStore,
        log: TokenLog,
        models: Models,
        runner: Runner,
        stopping: Stopping,
        news: News,
        quota: Quota,
        budget: Budget,
        spending: Spending,
        defaults: Params,
    ) -> None:
        self._conversations = conversations
        self._generations = generations
        self._log = log
        self._models = models
        self._runner = runner
        self._stopping = stopping
        self._news = news
        self._quota = quota
        self._budget = budget
        self._spending = spending
        self._reserving = Reserving(conversations, budget, spending)
        self._defaults = defaults

    async def send(
        self,
        owner: OwnerId,
        conversation_id: ConversationId,
        content: str,
        ask: Ask,
        *,
        parts: Sequence[Part] = (),
        tool_results: Sequence[ToolResult] = (),
        parent_id: MessageId | ActiveLeaf | None = ACTIVE_LEAF,
    ) -> Turn:
        """Store a question and start its answer; when this returns both are there to be followed.
        `parts` are the same content with its images; `tool_results` stand for a question.

        Raises NotFound, Forbidden, Busy (see OnBusy), Invalid (the model, a reused idempotency key,
        or results that are not those of the calls), PromptTooLong, RateLimited, ShuttingDown,
        StorageUnavailable.
        """
        draft = TurnDraft(
            conversation_id,
            content,
            "",
            Params(),
            parent_id,
            parts=parts,
            tool_results=tool_results,
        )
        return await self.begin(owner, draft, ask)

    async def begin(self, owner: OwnerId, draft: TurnDraft, ask: Ask) -> Turn:
        """Store what a turn begins with, whatever that is, and start its answer. What the draft
        leaves to the caller's choice comes from `ask`. Raises what `send` does."""
        conversation = await self._conversation(owner, draft.conversation_id)
        model, params = await self._choices(conversation, ask)
        draft = replace(
            draft,
            model=model,
            params=params,
            on_busy=ask.on_busy,
            idempotency=ask.idempotency,
            worker=self._runner.worker,
            client_id=ask.client_id,
            asker=ask.asker,
        )
        self._budget.check(model, at_least(conversation, draft), params)
        self._refuse_while_draining()
        draft = await self._reserving.of_turn(owner, conversation, draft)
        place = self._quota.place(conversation.owner if conversation else owner)
        async with place, self._spending.alarmed(owner):
            turn = await self._conversations.add_turn(owner, draft)
        await self._begin(turn, ask.on_busy, *turn.before, turn.message, turn.reply)
        return turn

    async def regenerate(self, owner: OwnerId, message_id: MessageId, ask: Ask) -> Turn:
        """Another answer to the same question, beside the first. Raises what `send` does."""
        message = await self._conversations.message(owner, message_id)
        return await self._reply(owner, message, ask)

    async def go_on(self, owner: OwnerId, message_id: MessageId, ask: Ask) -> Turn:
        """Another answer, beside the first, that begins with all that the first one says. Model and
        parameters are the first one's. Raises what `send` does; Invalid for an answer that is
        complete, still being written, or calls tools."""
        message = await self._conversations.message(owner, message_id)
        if message.generation_id is not None:
            before = await self._generations.get(owner, message.generation_id)
            params = ask.params.over(before.params)
            ask = replace(ask, model=ask.model or before.model, params=params)
        return await self._reply(owner, message, ask, goes_on=True)

    async def _reply(
        self, owner: OwnerId, sibling: Message, ask: Ask, *, goes_on: bool = False
    ) -> Turn:
        id = sibling.conversation_id
        conversation = await self._conversations.get(owner, id, right=Right.CHANGE)
        model, params = await self._choices(conversation, ask)
        worker = self._runner.worker
        draft = ReplyDraft(
            sibling.id, model, params, ask.on_busy, ask.idempotency, worker, goes_on=goes_on
        )
        self._refuse_while_draining()
        draft = await self._reserving.of_reply(owner, conversation, draft, sibling.parent_id)
        async with self._quota.place(conversation.owner), self._spending.alarmed(owner):
            turn = await self._conversations.add_reply(owner, draft)
        await self._begin(turn, ask.on_busy, turn.reply)
        return turn

    async def follow(
        self, owner: OwnerId, id: GenerationId, *, after: int, idle_seconds: float
    ) -> AsyncGenerator[Sequence[Entry], None] | None:
        """The log of a generation, from the cursor on (see TokenLog.read); None when the cursor is
        at its end. All is checked before this returns: raises NotFound, LogGone, BadCursor,
        ShuttingDown."""
        own = await self._generations.check_owner(owner, id)
        self._refuse_while_draining()
        head = await self._head(owner, id)
        if after > head.last:
            where = f"The log of {id} goes to {head.last}, and the cursor is {after}."
            raise BadCursor(f"{where} Start again without a cursor.")
        if head.ended and after == head.last:
            return None
        if own:
            return self._log.read(id, after=after, idle_seconds=idle_seconds)
        entries = self._log.read(id, after=after, idle_seconds=min(idle_seconds, ASK_SECONDS))
        return while_admitted(entries, partial(self._generations.check_owner, owner, id))

    async def progress(self, owner: OwnerId, id: GenerationId) -> Progress:
        """The generation and its text so far. Raises NotFound."""
        generation = await self._generations.get(owner, id)
        try:
            so_far = fold(await self._log.snapshot(id))
        except LogGone:
            message = await self._conversations.message(owner, generation.message_id)
            last = await self._generations.last_event_id(id)
            return Progress(
                generation, message.content, message.reasoning, message.tool_calls, last
            )
        if so_far.terminal is not None:
            # Read again: the row was settled before the terminal that we have just seen.
            generation = await self._generations.get(owner, id)
        # While it is live, only its log knows of an attempt that a route has begun.
        now = replace(generation, attempt=max(generation.attempt, so_far.attempt))
        calls = answerable_calls(so_far.tool_calls)
        return Progress(now, so_far.answer, so_far.reasoning, calls, so_far.last, so_far.logprobs)

    async def stop(self, owner: OwnerId, id: GenerationId) -> Progress:
        """End it, keep its text. After this nothing but the terminal is shown past
        `last_event_id`. One that has ended stays as it is. Raises NotFound."""
        generation = await self._generations.get(owner, id, right=Right.CHANGE)
        if generation.status.live:
            await self._stopping.stop(generation)
        return await self.progress(owner, id)

    async def wait(self, owner: OwnerId, turn: Turn) -> Message:
        """The reply, when its generation has ended. Raises ShuttingDown when that takes longer
        than this process lives."""
        await self._head(owner, turn.generation.id)
        async for _ in self._log.read(turn.generation.id):
            pass
        message = await self._conversations.message(owner, turn.reply.id)
        if message.status.live:
            raise ShuttingDown
        return message

    async def _head(self, owner: OwnerId, id: GenerationId) -> Head:
        """Where its log stands. Raises LogGone.

        The log begins a moment after its generation is stored. Whoever repeats a send, or has seen
        the reply in a list, may come in between."""
        for _ in range(_LOOKS_FOR_ITS_BEGIN):
            try:
                return await self._log.head(id)
            except LogGone:
                if not (await self._generations.get(owner, id)).status.live:
                    raise
            await asyncio.sleep(_LOOK_SECONDS)
        return await self._log.head(id)

    async def _conversation(
        self, owner: OwnerId, id: ConversationId | ConversationDraft
    ) -> Conversation | None:
        """None for one that is yet to be made."""
        if isinstance(id, ConversationDraft):
            return None
        return await self._conversations.get(owner, id, right=Right.CHANGE)

    async def _choices(self, conversation: Conversation | None, ask: Ask) -> tuple[str, Params]:
        theirs = conversation.model if conversation else None
        model = ask.model or theirs or await self._models.default()
        self._models.resolve(model)
        params = ask.params.over(conversation.params) if conversation else ask.params
        return model, params.over(self._defaults)

    async def _begin(self, turn: Turn, on_busy: OnBusy, *added: Message) -> None:
        if turn.replayed:
            return
        generation = turn.generation
        await self._runner.begin(generation, claimed=turn.claimed)
        announced = [MessageAdded(message) for message in added]
        self._news.announce(
            generation.owner,
            generation.conversation_id,
            *announced,
            GenerationStarted(generation.id),
        )
        if on_busy is OnBusy.INTERRUPT:
            # The youngest first: else the end of one would begin the next.
            for earlier in reversed(turn.earlier):
                await self._stopping.stop(earlier)
        if not turn.claimed:
            await self._runner.advance(generation.conversation_id)

    def _refuse_while_draining(self) -> None:
        if self._runner.draining:
            raise ShuttingDown
