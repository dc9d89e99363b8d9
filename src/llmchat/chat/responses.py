"""Responses: generations as OpenAI's newer dialect knows them, each with the request it answers."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Protocol

from llmchat.access.members import Right
from llmchat.chat.ending import started, terminal_of
from llmchat.chat.history import HistoryService
from llmchat.chat.service import Ask, ChatService
from llmchat.domain import Generation, Json, Message, Params, Role, Turn
from llmchat.errors import LogGone, NotFound
from llmchat.events import Delta, Entry, Event, Finished, is_terminal
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId
from llmchat.prompts import Asked, Response
from llmchat.store.base import ConversationStore, GenerationStore
from llmchat.store.drafts import ACTIVE_LEAF, ActiveLeaf, ConversationDraft, TurnDraft
from llmchat.tasks import TaskSet
from llmchat.tokenlog.base import TokenLog

_GENERATION, _RESPONSE = "gen_", "resp_"


class ResponseStore(Protocol):
    async def find(self, id: GenerationId) -> Response | None:
        """None for a generation that was asked for in another way."""
        ...

    async def delete(self, id: GenerationId) -> bool:
        """Mark it as deleted. Whether its whole conversation is wanted by nobody any more: all of
        its responses are deleted, and none of them named a conversation."""
        ...


@dataclass(frozen=True, slots=True)
class ResponseDraft:
    """What a response is to answer: behind the response `previous`, or at the end of a
    conversation, or in a new one."""

    asked: Asked
    previous: str | None = None
    conversation: ConversationId | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A response as it stands. `entries` are its log so far; of one whose log is gone, what that
    would be if the answer had come in one piece: then they are `retold`."""

    generation: Generation
    request: Json
    entries: Sequence[Entry]
    retold: bool


class ResponseService:
    """Every method raises NotFound for what is not the caller's, as if it did not exist."""

    def __init__(
        self,
        chat: ChatService,
        history: HistoryService,
        conversations: ConversationStore,
        generations: GenerationStore,
        responses: ResponseStore,
        log: TokenLog,
    ) -> None:
        self._chat = chat
        self._history = history
        self._conversations = conversations
        self._generations = generations
        self._responses = responses
        self._log = log
        self._stops = TaskSet()

    async def __aenter__(self) -> "ResponseService":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stops.cancel_all()

    async def create(self, owner: OwnerId, draft: ResponseDraft, ask: Ask) -> Turn:
        """Store the request and start its answer. Raises what ChatService.send does."""
        conversation, parent = await self._place(owner, draft)
        turn = TurnDraft(conversation, "", "", Params(), parent, asked=draft.asked)
        return await self._chat.begin(owner, turn, ask)

    async def get(self, owner: OwnerId, id: str) -> Found:
        generation, kept = await self._response(owner, id)
        try:
            entries = await self._log.snapshot(generation.id)
        except LogGone:
            # Settled by now, if it was not when we asked: a log outlives its generation.
            generation = await self._generations.get(owner, generation.id)
            message = await self._conversations.message(owner, generation.message_id)
            return Found(generation, _request(kept), _retold(generation, message), True)
        # Again: its row was settled before the end that we may have just read.
        generation = await self._generations.get(owner, generation.id)
        if not generation.status.live and not is_terminal(entries[-1].event):
            last = entries[-1].last + 1
            entries = [*entries, Entry(last, last, terminal_of(generation))]
        return Found(generation, _request(kept), entries, False)

    async def ended_at(self, owner: OwnerId, id: GenerationId) -> datetime | None:
        """None for one that runs, or was deleted."""
        with suppress(NotFound):
            return (await self._generations.get(owner, id)).ended_at
        return None

    async def follow(
        self, owner: OwnerId, id: str, *, idle_seconds: float
    ) -> AsyncGenerator[Sequence[Entry], None]:
        """Its log from the beginning (see TokenLog.read). Raises LogGone, ShuttingDown."""
        generation, _ = await self._response(owner, id)
        batches = await self._chat.follow(owner, generation.id, after=0, idle_seconds=idle_seconds)
        assert batches is not None, "no log ends before its first event"
        return batches

    async def wait(self, owner: OwnerId, turn: Turn, *, stays: bool) -> None:
        """Until it has ended. It is cancelled when its caller does not wait so long, unless it
        `stays`. Raises ShuttingDown."""
        ended = stays
        try:
            await self._chat.wait(owner, turn)
            ended = True
        finally:
            if not ended:
                self.leave(owner, turn.generation.id)

    def leave(self, owner: OwnerId, id: GenerationId) -> None:
        """Cancel what nobody waits for any more. Returns at once."""
        self._stops.spawn(self._stop(owner, id), name=f"cancel {id}")

    async def cancel(self, owner: OwnerId, id: str) -> Found:
        """Raises Forbidden where the caller may only read."""
        generation, _ = await self._response(owner, id, Right.CHANGE)
        await self._chat.stop(owner, generation.id)
        return await self.get(owner, id)

    async def delete(self, owner: OwnerId, id: str) -> None:
        """Show it no more. What it said stays in a conversation that holds anything else; when the
        last of one that only its responses have made is deleted, all of that goes."""
        generation, _ = await self._response(owner, id, Right.OWN)
        await self._chat.stop(owner, generation.id)
        if await self._responses.delete(generation.id):
            await self._history.delete(owner, generation.conversation_id)
        else:
            await self._log.delete([generation.id])

    async def inputs(self, owner: OwnerId, id: str) -> Sequence[Message]:
        """The messages that came with its request, the oldest first."""
        generation, kept = await self._response(owner, id)
        branch = [*await self._conversations.branch(generation.message_id)][:-1]
        if kept is not None:
            given = set(kept.inputs)
            return [message for message in branch if message.id in given]
        # Asked for in another way: one question, or the results of one answer's calls.
        results = list(takewhile(lambda message: message.role is Role.TOOL, reversed(branch)))
        return results[::-1] or branch[-1:]

    async def _stop(self, owner: OwnerId, id: GenerationId) -> None:
        with suppress(NotFound):  # Deleted meanwhile.
            await self._chat.stop(owner, id)

    async def _place(
        self, owner: OwnerId, draft: ResponseDraft
    ) -> tuple[ConversationId | ConversationDraft, MessageId | ActiveLeaf | None]:
        if draft.previous is not None:
            generation, _ = await self._response(owner, draft.previous, Right.CHANGE)
            return generation.conversation_id, generation.message_id
        if draft.conversation is not None:
            return draft.conversation, ACTIVE_LEAF
        return ConversationDraft(), None

    async def _response(
        self, owner: OwnerId, id: str, right: Right = Right.READ
    ) -> tuple[Generation, Response | None]:
        found = GenerationId(_GENERATION + id.removeprefix(_RESPONSE))
        try:
            generation = await self._generations.get(owner, found, right=right)
            kept = await self._responses.find(found)
        except NotFound:
            raise _no_response(id) from None
        if not id.startswith(_RESPONSE) or (kept is not None and kept.deleted):
            raise _no_response(id)
        return generation, kept


def response_id(id: str) -> str:
    """Of the response that a generation is: one each, with the same digits."""
    return _RESPONSE + id.removeprefix(_GENERATION)


def _request(kept: Response | None) -> Json:
    return {} if kept is None else kept.request


def _no_response(id: str) -> NotFound:
    return NotFound(f"There is no response {id}.")


def _retold(generation: Generation, message: Message) -> Sequence[Entry]:
    events: list[Event] = [started(generation)]
    if message.reasoning:
        events.append(Delta(message.reasoning, "reasoning"))
    if message.content:
        events.append(Delta(message.content))
    events += message.tool_calls
    if not generation.status.live:
        end = terminal_of(generation)
        events.append(replace(end, model=message.model) if isinstance(end, Finished) else end)
    return [Entry(offset, offset, event) for offset, event in enumerate(events, 1)]
