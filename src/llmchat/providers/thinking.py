"""What a model thinks goes to the channel `reasoning`, or nowhere when nobody wants it."""

from collections.abc import Sequence
from contextlib import aclosing

from llmchat.events import Delta
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider, ProviderEvent, Restarted, prefilled
from llmchat.providers.logprobs import put_logprobs
from llmchat.providers.think_tags import TagSplitter
from llmchat.providers.wrapper import Batches, Wrapper


class Thinking(Wrapper):
    """A Provider that takes `<think>…</think>` out of the answer (see TagSplitter), and that leaves
    out all reasoning where the prompt skips it: an empty batch then shows that the model works.

    `begun`: an answer begins inside of the tag. Without `tags` the text is left as it is. Deltas
    are split and joined, so this is not for a provider that `resumes`: a mark says what follows a
    whole delta of its own.
    """

    def __init__(self, inner: Provider, *, tags: bool = True, begun: bool = False) -> None:
        super().__init__(inner)
        self._tags = tags
        self._begun = begun

    def stream(self, prompt: Prompt) -> Batches:
        batches = self._inner.stream(prompt)
        if self._tags:
            # Whoever goes on with an answer has thought before it.
            batches = _split(batches, begun=self._begun, answered=prefilled(prompt))
        return _without_reasoning(batches) if prompt.params.skip_thinking else batches


async def _split(batches: Batches, *, begun: bool, answered: str) -> Batches:
    splitting = _Splitting(begun=begun, answered=answered)
    async with aclosing(batches):
        try:
            async for batch in batches:
                yield splitting.of(batch)
        except Exception:
            # Whatever it is, it is raised behind all of the text that came before it.
            if rest := splitting.rest():
                yield rest
            raise
        if rest := splitting.rest():
            yield rest


class _Splitting:
    """The splitter for as long as an attempt lasts, and then a new one."""

    def __init__(self, *, begun: bool, answered: str) -> None:
        self._begun = begun
        self._answered = answered
        self._splitter = TagSplitter(begun=begun, answered=answered)

    def of(self, batch: Sequence[ProviderEvent]) -> Sequence[ProviderEvent]:
        """The same object when there is nothing to do: this is on the way of every token."""
        if self._splitter.idle and self._skip(batch):
            return batch
        events: list[ProviderEvent] = []
        for event in batch:
            if isinstance(event, Delta) and event.channel == "answer":
                before = len(events)
                events += self._splitter.feed(event.text)
                put_logprobs(events, event.logprobs, since=before)
                continue
            events += [*self._splitter.rest(), event]
            if isinstance(event, Restarted):
                self._splitter = TagSplitter(begun=self._begun, answered=self._answered)
        return events

    def _skip(self, batch: Sequence[ProviderEvent]) -> bool:
        """Whether all of the batch may be given as it is. What was skipped may be fed none the
        less: that changes nothing."""
        for event in batch:
            if isinstance(event, Delta):
                if event.channel != "answer":
                    continue
                if "<" in event.text or "`" in event.text:
                    return False
                self._splitter.skip(event.text)
            elif isinstance(event, Restarted):
                return False
        return True

    def rest(self) -> Sequence[ProviderEvent]:
        return self._splitter.rest()


async def _without_reasoning(batches: Batches) -> Batches:
    async with aclosing(batches):
        async for batch in batches:
            yield [event for event in batch if not _is_reasoning(event)]


def _is_reasoning(event: ProviderEvent) -> bool:
    return isinstance(event, Delta) and event.channel == "reasoning"
