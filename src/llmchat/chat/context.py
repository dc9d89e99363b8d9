"""Which messages a model gets to see: whole turns, the newest first, within a token budget."""

from collections.abc import Sequence

from llmchat.domain import Generation, Message, Params, Prompt, PromptMessage, Role
from llmchat.providers.base import Models, Provider
from llmchat.store.base import ConversationStore

# An estimate on the safe side for English and code; servers add a few tokens around each message.
_BYTES_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4


def build_prompt(
    model: str,
    system_prompt: str | None,
    branch: Sequence[Message],
    params: Params,
    *,
    budget_tokens: int,
) -> Prompt:
    """The system prompt and the newest message always stay; older turns while they fit.

    A turn is a question with the answers behind it: half a turn would show the model an answer to
    a question that it cannot see.
    """
    system = [PromptMessage(Role.SYSTEM, system_prompt)] if system_prompt else []
    said = [PromptMessage(m.role, m.content) for m in branch if m.content]
    left = budget_tokens - sum(estimate_tokens(message) for message in system)
    kept: list[PromptMessage] = []
    for turn in reversed(_turns(said)):
        left -= sum(estimate_tokens(message) for message in turn)
        if kept and left < 0:
            break
        kept = [*turn, *kept]
    return Prompt(model, [*system, *kept], params)


def estimate_tokens(message: PromptMessage) -> int:
    return len(message.content.encode()) // _BYTES_PER_TOKEN + _TOKENS_PER_MESSAGE


def _turns(messages: Sequence[PromptMessage]) -> list[list[PromptMessage]]:
    turns: list[list[PromptMessage]] = []
    for message in messages:
        if message.role is Role.USER or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


class Prompts:
    """Makes the prompt when a generation's turn comes: what was queued sees what came before."""

    def __init__(
        self, conversations: ConversationStore, models: Models, *, budget_tokens: int
    ) -> None:
        self._conversations = conversations
        self._models = models
        self._budget_tokens = budget_tokens

    async def prepare(self, generation: Generation) -> tuple[Provider, Prompt]:
        """Raises Invalid for a model that no provider has, NotFound when it was deleted."""
        provider, name = self._models.resolve(generation.model)
        conversation = await self._conversations.get(generation.owner, generation.conversation_id)
        prompt = build_prompt(
            name,
            conversation.system_prompt,
            await self._conversations.branch(generation.message_id),
            generation.params,
            budget_tokens=self._budget_tokens,
        )
        return provider, prompt
