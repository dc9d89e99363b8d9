"""Chats whose client keeps the list of messages itself, and sends all of it each time.

What is stored is the truth: of the list only the last message is new, and the names of those before
it say where it belongs. The AI SDK's `useChat` is such a client.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Protocol

from llmchat.access.members import Right
from llmchat.chat.history import HistoryService
from llmchat.chat.service import Ask, ChatService
from llmchat.domain import Conversation, Message, Part, Role, Status, ToolResult
from llmchat.errors import Invalid, NotFound
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId
from llmchat.store.drafts import ACTIVE_LEAF, ActiveLeaf, ConversationDraft, IdempotencyKey

_MOST_NAMES = 50
_PAGE = 100
MOST_MESSAGES = 1000


class ClientMessages(Protocol):
    """What clients call their messages. Somebody else's conversation or message raises the same
    NotFound as one that does not exist."""

    async def known(
        self, caller: OwnerId, id: ConversationId, names: Sequence[str]
    ) -> Mapping[str, Message]:
        """Those of the conversation that have one of these names, or ids, by that."""
        ...

    async def answer_from(self, caller: OwnerId, id: MessageId) -> Sequence[Message]:
        """The message, then its newest answer: results of tools and what was said to them, one
        behind the other, up to the next question."""
        ...


@dataclass(frozen=True, slots=True)
class Submission:
    """The end of a client's list: a question, or what came of an answer's calls. `earlier` are the
    names before it, oldest first. `again` wants another answer; `on_purpose` sends a message that
    is known because it is to be sent anew, and not because the request is repeated."""

    name: str
    earlier: Sequence[str] = ()
    content: str = ""
    parts: Sequence[Part] = ()
    results: Sequence[ToolResult] | None = None
    again: bool = False
    on_purpose: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer in the client's eyes, which calls of tools cut into several messages of ours: it
    goes by the id of the first. `before` are those that it has to be shown, results of tools among
    them; `generation` writes the last one, and is None when that is in `before`, too."""

    id: MessageId
    conversation: ConversationId
    before: Sequence[Message]
    generation: GenerationId | None


class ClientChats:
    def __init__(
        self, chat: ChatService, history: HistoryService, messages: ClientMessages
    ) -> None:
        self._chat = chat
        self._history = history
        self._messages = messages

    async def find(self, caller: OwnerId, chat: str) -> Conversation:
        """By its own id, or by the caller's name for it. Raises NotFound."""
        if chat.startswith("conv_"):
            try:
                return await self._history.get(caller, ConversationId(chat))
            except NotFound:
                pass  # It may be the caller's name for something all the same.
        return await self._history.session(caller, chat)

    async def open(self, caller: OwnerId, chat: str, draft: ConversationDraft) -> Conversation:
        """The same, made from the draft when it is new. Raises Forbidden."""
        try:
            found = await self.find(caller, chat)
        except NotFound:
            return await self._history.open_session(caller, replace(draft, external_id=chat))
        if draft.system_prompt in (None, found.system_prompt):
            return found
        changes = {"system_prompt": draft.system_prompt}
        return await self._history.update(caller, found.id, changes)

    async def answer(
        self, caller: OwnerId, id: ConversationId, said: Submission, ask: Ask
    ) -> Reply:
        """Store what is new, and begin to answer it. A request that is repeated gets the answer
        that it has got already. Raises what `ChatService.send` does."""
        names = [*said.earlier[-_MOST_NAMES:], said.name]
        known = await self._messages.known(caller, id, names)
        mine = known.get(said.name)
        if said.results is not None:
            return await self._answer_results(caller, id, mine, said.results, ask)
        if mine is None:
            return await self._answer_new(caller, id, known, said, ask)
        if mine.role is not Role.USER:
            raise Invalid(f"{mine.id} is no question, and the last message of the list is one.")
        if (mine.content, tuple(mine.parts)) != (said.content, tuple(said.parts)):
            return await self._send(caller, id, mine.parent_id, said, ask)
        return await self._answer_known(caller, mine, said, ask)

    async def live(self, caller: OwnerId, chat: str) -> Reply | None:
        """The answer that is being written, or waits for its turn, the newest of them."""
        try:
            conversation = await self.find(caller, chat)
        except NotFound:
            return None
        generations = await self._history.live(caller, conversation.id)
        if not generations:
            return None
        last = generations[-1]
        *before, _ = steps = await self._answer_up_to(caller, conversation.id, last.message_id)
        return Reply(steps[0].id, conversation.id, before, last.id)

    async def stop(self, caller: OwnerId, chat: str) -> Sequence[GenerationId]:
        """Stop whatever is live. Raises NotFound, Forbidden."""
        conversation = await self.find(caller, chat)
        await self._history.get(caller, conversation.id, right=Right.CHANGE)
        live = await self._history.live(caller, conversation.id)
        # The newest first: stopping an older one would start the next that is queued.
        for generation in reversed(live):
            await self._chat.stop(caller, generation.id)
        return [generation.id for generation in live]

    async def messages(self, caller: OwnerId, id: ConversationId) -> Sequence[Message]:
        """The active branch, oldest first, without an answer that is still being written: that is
        followed, with all of its steps. Of long ones the newest MOST_MESSAGES."""
        page = await self._history.messages(caller, id, limit=MOST_MESSAGES, order="desc")
        found = list(page.items)
        if found and found[0].status.live:
            found = found[len(list(takewhile(_of_an_answer, found))) :]
        return found[::-1]

    async def _answer_new(
        self,
        caller: OwnerId,
        id: ConversationId,
        known: Mapping[str, Message],
        said: Submission,
        ask: Ask,
    ) -> Reply:
        parent: MessageId | ActiveLeaf = ACTIVE_LEAF
        before = next((known[name] for name in reversed(said.earlier) if name in known), None)
        if before is not None:
            parent = (await self._messages.answer_from(caller, before.id))[-1].id
        # It is sent once, however often the request arrives: the client has named it.
        once = ask.idempotency or _sent_once(id, said)
        return await self._send(caller, id, parent, said, replace(ask, idempotency=once))

    async def _send(
        self,
        caller: OwnerId,
        id: ConversationId,
        parent: MessageId | ActiveLeaf | None,
        said: Submission,
        ask: Ask,
    ) -> Reply:
        named = replace(ask, client_id=said.name)
        turn = await self._chat.send(
            caller, id, said.content, named, parts=said.parts, parent_id=parent
        )
        return Reply(turn.reply.id, id, (), turn.generation.id)

    async def _answer_known(
        self, caller: OwnerId, question: Message, said: Submission, ask: Ask
    ) -> Reply:
        _, *answer = await self._messages.answer_from(caller, question.id)
        if not answer:
            return await self._send(caller, question.conversation_id, question.parent_id, said, ask)
        live = answer[-1].status.live
        if not said.again and (live or not said.on_purpose) and not _unfinished(answer[-1]):
            return _given(answer)
        turn = await self._chat.regenerate(caller, answer[0].id, ask)
        return Reply(turn.reply.id, question.conversation_id, (), turn.generation.id)

    async def _answer_results(
        self,
        caller: OwnerId,
        id: ConversationId,
        first: Message | None,
        results: Sequence[ToolResult],
        ask: Ask,
    ) -> Reply:
        if first is None or first.role is not Role.ASSISTANT:
            raise Invalid(
                "The list ends with an answer that this conversation does not have. Its last "
                "message is to be a question, or an answer of ours with the outputs of its tools."
            )
        answer = await self._messages.answer_from(caller, first.id)
        wanted = {result.tool_call_id for result in results}
        asked = [step for step in answer if wanted & {call.id for call in step.tool_calls}]
        if asked and asked[-1] is not answer[-1] and not _unfinished(answer[-1]):
            last = answer[-1]
            shown = () if last.status.live else answer[answer.index(asked[-1]) + 1 :]
            return Reply(first.id, id, shown, last.generation_id if last.status.live else None)
        parent = (asked or answer)[-1].id
        turn = await self._chat.send(caller, id, "", ask, tool_results=results, parent_id=parent)
        return Reply(first.id, id, (), turn.generation.id)

    async def _answer_up_to(
        self, caller: OwnerId, id: ConversationId, last: MessageId
    ) -> Sequence[Message]:
        steps: list[Message] = []
        cursor: str | None = None
        while True:
            page = await self._history.messages(
                caller, id, limit=_PAGE, cursor=cursor, leaf=last, order="desc"
            )
            steps += takewhile(_of_an_answer, page.items)
            cursor = page.next_cursor
            if cursor is None or not _of_an_answer(page.items[-1]):
                return steps[::-1]


def _of_an_answer(message: Message) -> bool:
    return message.role in (Role.ASSISTANT, Role.TOOL)


def _unfinished(message: Message) -> bool:
    """Whether it ended, and not as it should: whoever sends the question again wants another."""
    return message.status not in (Status.COMPLETE, Status.QUEUED, Status.STREAMING)


def _given(answer: Sequence[Message]) -> Reply:
    first, last = answer[0], answer[-1]
    if last.status.live:
        return Reply(first.id, last.conversation_id, answer[:-1], last.generation_id)
    return Reply(first.id, last.conversation_id, answer, None)


def _sent_once(id: ConversationId, said: Submission) -> IdempotencyKey:
    urls = [part if isinstance(part, str) else part.url for part in said.parts]
    sent = "\0".join([id, said.name, said.content, *urls])
    digest = hashlib.sha256(sent.encode()).hexdigest()
    return IdempotencyKey(f"chat-{digest}", digest)
