"""What a turn may use up, told before it is stored."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from llmchat.access.usage import Reservation
from llmchat.chat.budget import Budget, at_least
from llmchat.chat.spending import Spending
from llmchat.domain import Conversation, Params, Role
from llmchat.errors import NotFound
from llmchat.ids import MessageId, OwnerId
from llmchat.prompts import PromptMessage
from llmchat.store.base import ConversationStore
from llmchat.store.drafts import ActiveLeaf, ReplyDraft, TurnDraft

# Older ones are hardly ever sent to a model.
_MESSAGES_COUNTED = 200


class Reserving:
    """Adds to a draft what its answer is to be paid by. Only where somebody's allowance has an end
    is anything counted: the new message, and what is before it as far as a model is sent that."""

    def __init__(
        self, conversations: ConversationStore, budget: Budget, spending: Spending
    ) -> None:
        self._conversations = conversations
        self._budget = budget
        self._spending = spending

    async def of_turn(
        self, caller: OwnerId, conversation: Conversation | None, draft: TurnDraft
    ) -> TurnDraft:
        wanted = await self._reservation(
            caller,
            conversation,
            draft.model,
            draft.params,
            draft.parent_id,
            at_least(conversation, draft),
            draft.asked.messages[:-1] if draft.asked else (),
        )
        return replace(draft, reservation=wanted)

    async def of_reply(
        self,
        caller: OwnerId,
        conversation: Conversation,
        draft: ReplyDraft,
        question: MessageId | None,
    ) -> ReplyDraft:
        system = conversation.system_prompt
        asked = [PromptMessage(Role.SYSTEM, system)] if system else []
        wanted = await self._reservation(
            caller, conversation, draft.model, draft.params, question, asked
        )
        return replace(draft, reservation=wanted)

    async def _reservation(
        self,
        caller: OwnerId,
        conversation: Conversation | None,
        model: str,
        params: Params,
        behind: MessageId | ActiveLeaf | None,
        asked: Sequence[PromptMessage],
        given: Sequence[PromptMessage] = (),
    ) -> Reservation:
        spender = self._spending.spender(caller)
        if spender.unlimited:
            return Reservation(spender, 0, 0)
        history = [*await self._history(caller, conversation, behind), *given]
        most = max(0, self._budget.for_messages(model, params))
        before = min(self._budget.count(model, history), most)
        tokens = self._budget.count(model, asked, params) + before
        return self._spending.reservation(spender, model, tokens, params)

    async def _history(
        self,
        caller: OwnerId,
        conversation: Conversation | None,
        behind: MessageId | ActiveLeaf | None,
    ) -> Sequence[PromptMessage]:
        if behind is None or conversation is None:
            return []
        leaf = None if isinstance(behind, ActiveLeaf) else behind
        # Of a message that is not there, whoever adds the turn says so.
        with suppress(NotFound):
            page = await self._conversations.messages(
                caller,
                conversation.id,
                limit=_MESSAGES_COUNTED,
                cursor=None,
                leaf=leaf,
                order="desc",
            )
            return [PromptMessage(it.role, it.content, it.parts) for it in page.items]
        return []
