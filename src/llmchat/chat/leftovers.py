"""What a process that died has used up of a generation, as far as the log tells."""

from collections.abc import Iterable, Sequence

from llmchat.chat.running import Prepare
from llmchat.chat.spending import Spending
from llmchat.domain import Generation, Status
from llmchat.errors import LlmchatError, LogGone, StorageUnavailable
from llmchat.events import Delta, Entry, Reset, ToolCall, Usage
from llmchat.metering import Attempt, AttemptStatus
from llmchat.prompts import Prompt
from llmchat.providers.base import Tokens
from llmchat.tokenlog.base import TokenLog


class Leftovers:
    """Counts the text that was stored, and the prompt that was asked, as it is made again. Which
    model of a route wrote it, and what was tried before the first token, died with the process."""

    def __init__(self, log: TokenLog, spending: Spending, tokens: Tokens, prepare: Prepare) -> None:
        self.spending = spending
        self.tokens = tokens
        self._log = log
        self._prepare = prepare

    async def attempts(self, generation: Generation, ended: str) -> Sequence[Attempt]:
        """Of the generation's present attempt; none when it never began."""
        if generation.status is not Status.STREAMING:
            return []
        texts = _texts_since(await self._snapshot(generation), generation.attempt_began_at)
        prompt = await self._prompt(generation)
        usages = [self._usage(generation.model, prompt, *text) for text in texts]
        began_at = generation.started_at or generation.created_at
        last = len(usages) - 1
        return [
            self.spending.priced(
                generation.model,
                usage,
                AttemptStatus(ended) if number == last else AttemptStatus.FALLEN_BACK,
                began_at,
            )
            for number, usage in enumerate(usages)
        ]

    async def _snapshot(self, generation: Generation) -> Sequence[Entry]:
        try:
            return await self._log.snapshot(generation.id)
        except LogGone:
            return []

    async def _prompt(self, generation: Generation) -> Prompt | None:
        """None when nobody can tell any more, such as for a model that is not in the settings."""
        try:
            return (await self._prepare(generation))[1]
        except StorageUnavailable:
            raise
        except LlmchatError:
            return None

    def _usage(self, model: str, prompt: Prompt | None, said: str, thought: str) -> Usage:
        count = self.tokens.count_text
        asked = self.tokens.count(model, prompt.messages, prompt.params).tokens if prompt else 0
        thoughts = count(model, thought)
        return Usage(asked, count(model, said) + thoughts, thoughts, estimated=True)


def _texts_since(entries: Iterable[Entry], began_at: int) -> Sequence[tuple[str, str]]:
    """Answer and reasoning, of each time that it was begun anew."""
    said: list[str] = []
    thought: list[str] = []
    texts = [(said, thought)]
    for entry in entries:
        if entry.last <= began_at:
            continue
        match entry.event:
            case Delta(text, "reasoning"):
                thought.append(text)
            case Delta(text):
                said.append(text)
            case ToolCall(name=name, arguments=arguments):
                said += [name or "", arguments]
            case Reset(text=text):
                # Of nothing there is nothing to keep apart: a log that was restored begins so.
                if said or thought:
                    said, thought = [], []
                    texts.append((said, thought))
                said.append(text)
    return [("".join(said), "".join(thought)) for said, thought in texts]
