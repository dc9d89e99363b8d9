"""How many tokens a model may be sent: what its context window holds, and the operator allows."""

from collections.abc import Sequence

from llmchat.domain import Conversation, Params, Role
from llmchat.errors import PromptTooLong
from llmchat.prompts import PromptMessage
from llmchat.providers.base import Models, Tokens
from llmchat.store.drafts import TurnDraft

_HISTORY_TOKENS = 8192
# Of the window, for an answer that has no limit of its own.
_ANSWER_SHARE = 1 / 4
_ANSWER_TOKENS_MOST = 4096
# An estimate is off by more than this now and then; a server that knows better then refuses it.
_TOLERANCE = 1.1


class Budget:
    """Counts for everybody who makes a prompt. `most_tokens` is the operator's own limit: what
    exceeds it is refused. Without one, older messages are left out early, and nothing is refused
    that the model can take."""

    def __init__(self, tokens: Tokens, models: Models, *, most_tokens: int | None = None) -> None:
        self._tokens = tokens
        self._models = models
        self._most_tokens = most_tokens

    def count(
        self, model: str, messages: Sequence[PromptMessage], params: Params | None = None
    ) -> int:
        return self._tokens.count(model, messages, params).tokens

    def for_messages(self, model: str, params: Params) -> int:
        """How many tokens of messages a conversation's prompt should have: with room for the
        answer and the tools."""
        most = _HISTORY_TOKENS if self._most_tokens is None else self._most_tokens
        window = self._models.window(model)
        if window is not None:
            most = min(most, window - _room_for_answer(window, params))
        return most - self._tokens.count(model, [], params).tokens

    def check(self, model: str, messages: Sequence[PromptMessage], params: Params) -> None:
        """Raises PromptTooLong for what cannot fit, as far as that is known now."""
        limits = self._limits(model)
        if not limits:
            return
        count = self._tokens.count(model, messages, params)
        tolerance = 1 if count.exact else _TOLERANCE
        for most, holder, remedy in limits:
            if count.tokens > most * tolerance:
                raise PromptTooLong(
                    "What cannot be left out of the prompt has "
                    f"{'' if count.exact else 'about '}{count.tokens} tokens, and {holder} {most}. "
                    f"Shorten the message or the system prompt, or {remedy}."
                )

    def _limits(self, model: str) -> Sequence[tuple[int, str, str]]:
        """Each with who sets it, and what else to do about it."""
        limits = []
        window = self._models.window(model)
        if self._most_tokens is not None:
            setting = "LLM_MAX_HISTORY_TOKENS"
            limits.append((self._most_tokens, f"{setting} allows", f"raise {setting}"))
        if window is not None:
            larger = "take a model with a larger context window"
            limits.append((window, f"the context window of {model} holds", larger))
        return limits


def _room_for_answer(window: int, params: Params) -> int:
    """What is asked for, unless it would leave no room for a question."""
    if params.max_tokens is not None and params.max_tokens < window:
        return params.max_tokens
    return min(int(window * _ANSWER_SHARE), _ANSWER_TOKENS_MOST)


def at_least(conversation: Conversation | None, draft: TurnDraft) -> Sequence[PromptMessage]:
    """What the model is sent in any case, however much of the history is left out."""
    system = conversation.system_prompt if conversation else None
    if draft.asked is not None:
        told = draft.asked.instructions
        system = system if told is None else told
        newest = draft.asked.messages[-1:]
        return [PromptMessage(Role.SYSTEM, system), *newest] if system else newest
    asked = [
        PromptMessage(Role.TOOL, result.content, tool_call_id=result.tool_call_id)
        for result in draft.tool_results
    ] or [PromptMessage(Role.USER, draft.content, draft.parts)]
    return [PromptMessage(Role.SYSTEM, system), *asked] if system else asked
