"""Which messages a model gets to see: whole turns, the newest first, within a token budget."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from llmchat.chat.budget import Budget
from llmchat.chat.naming import named
from llmchat.chat.saying import sayings
from llmchat.domain import Generation, Message, Params, Role
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.base import Models, Provider
from llmchat.store.base import ConversationStore


def build_prompt(
    model: str,
    system_prompt: str | None,
    branch: Sequence[Message],
    params: Params,
    *,
    budget_tokens: int,
    count: Callable[[Sequence[PromptMessage]], int],
) -> Prompt:
    """The system prompt and the newest turn always stay; older turns while they fit.

    A turn is a question with all that is behind it up to the next: half a turn would show the model
    an answer to a question that it cannot see, or calls of tools without what came of them.
    """
    system = [PromptMessage(Role.SYSTEM, system_prompt)] if system_prompt else []
    said = sayings(branch)
    left = budget_tokens - count(system)
    kept: list[list[PromptMessage]] = []
    for turn in reversed(_turns(said)):
        left -= count(turn)
        if kept and left < 0:
            break
        kept.append(turn)
    newest = [message for turn in reversed(kept) for message in turn]
    return Prompt(model, [*system, *newest], params)


def _turns(messages: Sequence[PromptMessage]) -> list[list[PromptMessage]]:
    turns: list[list[PromptMessage]] = []
    for message in messages:
        if message.role is Role.USER or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


class Prompts:
    """Makes the prompt when a generation's turn comes: what was queued sees what came before."""

    def __init__(self, conversations: ConversationStore, models: Models, budget: Budget) -> None:
        self._conversations = conversations
        self._models = models
        self._budget = budget

    async def prepare(self, generation: Generation) -> tuple[Provider, Prompt]:
        """Raises Invalid for a model that no provider has, NotFound when it was deleted,
        PromptTooLong when even the newest turn does not fit."""
        model, params = generation.model, generation.params
        provider, name = self._models.resolve(model)
        conversation = await self._conversations.get(generation.owner, generation.conversation_id)
        told = generation.instructions
        branch = await self._conversations.branch(generation.message_id)
        prompt = build_prompt(
            name,
            conversation.system_prompt if told is None else told,
            named(branch),
            params,
            budget_tokens=self._budget.for_messages(model, params),
            count=partial(self._budget.count, model),
        )
        self._budget.check(model, prompt.messages, params)
        anew = any(len(reply.siblings) > 1 for reply in branch[-1:])
        return provider, replace(prompt, owner=generation.owner, key=generation.id, anew=anew)
