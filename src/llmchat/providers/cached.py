"""The same question of the same caller, answered from memory for a while."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace

import orjson

from llmchat.events import Channel, Delta, Finished, ToolCall, Usage
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider, ProviderEvent, Restarted
from llmchat.providers.logprobs import wants_logprobs
from llmchat.providers.wrapper import Batches, Wrapper

_MOST_ANSWERS = 1000
_MOST_BYTES = 64 * 1024 * 1024
_MOST_ANSWER_BYTES = 1024 * 1024
_NEVER = _MOST_ANSWER_BYTES + 1
_BYTES_PER_EVENT = 200
_DELTA_CHARS = 4096
# Another reason is no promise that the same question has the same answer: a length, a filter.
_REASONS = ("stop", "tool_calls")
_NOTHING_SPENT = Usage(input_tokens=0, output_tokens=0)


@dataclass(frozen=True, slots=True)
class _Kept:
    events: Sequence[ProviderEvent]
    bytes: int
    until: float


class AnswerCache:
    """Whole answers in this process's memory, each for `seconds`: those that were not asked for
    longest go when there are too many answers or too many bytes. `clock` gives seconds."""

    def __init__(
        self,
        *,
        seconds: float,
        clock: Callable[[], float],
        most_answers: int = _MOST_ANSWERS,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._most_answers = most_answers
        self._most_bytes = most_bytes
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: bytes) -> Sequence[ProviderEvent] | None:
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.until <= self._clock():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept.events

    def put(self, key: bytes, events: Sequence[ProviderEvent]) -> None:
        """One that is too big for the whole cache is not kept."""
        size = sum(_BYTES_PER_EVENT + _bytes(event) for event in events)
        if size > self._most_bytes:
            return
        if key in self._kept:
            self._drop(key)
        self._kept[key] = _Kept(events, size, self._clock() + self._seconds)
        self.bytes += size
        while len(self._kept) > self._most_answers or self.bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: bytes) -> None:
        self.bytes -= self._kept.pop(key).bytes


class Cached(Wrapper):
    """A Provider that gives a whole answer again when the same owner asks for the same: the same
    model of `provider`, the same messages, the same parameters. The text is exactly the same, its
    usage nothing.

    Never for a prompt without an owner, or one that asks for logprobs; and whoever asks anew gets
    a new one, which is kept instead. An answer is kept when it ended by itself, was begun only
    once, and came from a server that keeps no answers of its own, whose marks would be missing.
    """

    def __init__(self, inner: Provider, cache: AnswerCache, *, provider: str) -> None:
        super().__init__(inner)
        self._cache = cache
        self._provider = provider

    async def stream(self, prompt: Prompt) -> Batches:
        forgets = self.resumes or wants_logprobs(prompt)
        key = None if forgets else key_of(self._provider, prompt)
        known = None if key is None or prompt.anew else self._cache.get(key)
        if known is not None:
            if prompt.meter is not None:
                prompt.meter.cached(_model_of(known) or f"{self._provider}/{prompt.model}")
            for event in known:
                yield [event]
            return
        answer = _Collected()
        async with aclosing(self._inner.stream(prompt)) as batches:
            async for batch in batches:
                if key is not None:
                    answer.add(batch)
                    if answer.whole:
                        self._cache.put(key, answer.events)
                yield batch


class _Collected:
    """What came of an answer, for as long as it may be kept."""

    def __init__(self) -> None:
        self.whole = False
        self.events: list[ProviderEvent] = []
        self._channel: Channel = "answer"
        self._texts: list[str] = []
        self._bytes = 0

    def add(self, batch: Sequence[ProviderEvent]) -> None:
        for event in batch:
            self._bytes += _bytes(event)
            if isinstance(event, Restarted):
                self._bytes = _NEVER
            if self._bytes <= _MOST_ANSWER_BYTES:
                self._take(event)

    def _take(self, event: ProviderEvent) -> None:
        if isinstance(event, Delta) and event.channel == self._channel:
            self._texts.append(event.text)
            return
        self._flush()
        match event:
            case Delta(text, channel):
                self._channel = channel
                self._texts.append(text)
            case Finished(finish_reason=reason):
                self.events.append(replace(event, usage=_NOTHING_SPENT))
                self.whole = reason in _REASONS
            case _:
                self.events.append(event)

    def _flush(self) -> None:
        """Deltas joined, and none so big that it would burden a reader."""
        text = "".join(self._texts)
        self._texts = []
        for start in range(0, len(text), _DELTA_CHARS):
            self.events.append(Delta(text[start : start + _DELTA_CHARS], self._channel))


def key_of(provider: str, prompt: Prompt) -> bytes | None:
    """What stands for all that an answer depends on; None without an owner, or for a question that
    cannot be written as JSON."""
    if prompt.owner is None:
        return None
    asked = [prompt.owner, provider, prompt.model, prompt.params.as_json()]
    messages = [asdict(message) for message in prompt.messages]
    try:
        whole = orjson.dumps([*asked, messages], option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return None
    return hashlib.sha256(whole).digest()


def _model_of(events: Sequence[ProviderEvent]) -> str | None:
    """Which model of a route it was that answered."""
    last = events[-1]
    return last.model if isinstance(last, Finished) else None


def _bytes(event: ProviderEvent) -> int:
    match event:
        case Delta(text=text) | ToolCall(arguments=text):
            return len(text.encode())
    return 0
