"""An answer that was begun goes on, and what was there already is not shown twice."""

from collections.abc import Sequence
from contextlib import aclosing

from llmchat.events import Delta, Finished
from llmchat.prompts import Prompt
from llmchat.providers.base import ProviderEvent, prefilled
from llmchat.providers.wrapper import Batches, Wrapper


class Continuing(Wrapper):
    """A Provider that leaves out the repetition of a server that ignores what is prefilled, or does
    not do as it was told, and writes the same answer from its beginning."""

    def stream(self, prompt: Prompt) -> Batches:
        batches = self._inner.stream(prompt)
        begun = prompt.repeatable or (prefilled(prompt) if self.prefills else "")
        # Not another generator on the way of every token that continues nothing.
        return _behind(begun, batches) if begun else batches


async def _behind(begun: str, batches: Batches) -> Batches:
    repetition = _Repetition(begun)
    async with aclosing(batches):
        async for batch in batches:
            # An empty one as well: it shows that the model works.
            yield batch if repetition.decided else repetition.without(batch)


class _Repetition:
    """Holds the text back for as long as it may be what was there already.

    It is never given when the answer breaks off, or is cut by its length, before that is clear: a
    page of doubled text would be worse than a few words that are missing behind it.
    """

    def __init__(self, begun: str) -> None:
        self.decided = False
        self._begun = begun
        self._read = 0

    def without(self, batch: Sequence[ProviderEvent]) -> Sequence[ProviderEvent]:
        kept: list[ProviderEvent] = []
        for event in batch:
            if self.decided:
                kept.append(event)
            elif isinstance(event, Delta) and event.channel == "answer":
                kept += self._take(event.text, event.logprobs)
            else:
                kept += [*self._let_go(event), event]
        return kept

    def _take(self, text: str, logprobs: str | None) -> list[ProviderEvent]:
        repeated = self._begun[self._read : self._read + len(text)]
        if not text.startswith(repeated):
            return self._decide(self._begun[: self._read] + text, logprobs)
        self._read += len(repeated)
        if self._read < len(self._begun):
            return []
        return self._decide(text[len(repeated) :], logprobs)

    def _let_go(self, event: ProviderEvent) -> list[ProviderEvent]:
        whole = isinstance(event, Finished) and event.finish_reason == "stop"
        return self._decide(self._begun[: self._read]) if whole else []

    def _decide(self, text: str, logprobs: str | None = None) -> list[ProviderEvent]:
        self.decided = True
        return [Delta(text, logprobs=logprobs)] if text else []
