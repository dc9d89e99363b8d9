"""A model's server that keeps its answers: it writes each at its pace, read or not."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from llmchat.domain import Model
from llmchat.errors import UpstreamTruncated, UpstreamUnavailable
from llmchat.events import Channel, Delta, Finished
from llmchat.prompts import Prompt
from llmchat.providers.base import ProviderEvent

_MOST_TOKENS = 60


@dataclass(slots=True, eq=False)
class Kept:
    """One answer: its tokens, and when each is due. `cancelled_at` is when somebody ended it."""

    id: str
    tokens: Sequence[Delta]
    due_at: Sequence[float]
    breaks: bool
    cancelled_at: float | None = None

    def text(self, channel: Channel) -> str:
        return "".join(token.text for token in self.tokens if token.channel == channel)


class DurableProvider:
    """A Provider that resumes. A key makes one answer, however often it is asked for."""

    prefills = False
    resumes = True

    def __init__(self, rng: random.Random, *, fault_share: float) -> None:
        self.answers: dict[str, Kept] = {}
        self._rng = rng
        self._fault_share = fault_share

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        kept, number = self._found(prompt)
        yield [Delta("", mark=f"{kept.id}:{number}")]
        while number < len(kept.tokens):
            await self._until(kept.due_at[number])
            if kept.cancelled_at is not None:
                raise UpstreamTruncated("It was cancelled.")
            begin = number
            while number < len(kept.tokens) and kept.due_at[number] <= self._now():
                number += 1
            *first, last = kept.tokens[begin:number]
            yield [*first, Delta(last.text, last.channel, mark=f"{kept.id}:{number}")]
        if kept.breaks:
            raise UpstreamUnavailable("It broke.")
        yield [Finished("complete", "stop")]

    async def models(self) -> Sequence[Model]:
        return []

    async def cancel(self, mark: str) -> None:
        await asyncio.sleep(self._rng.uniform(0, 0.2))
        kept = self.answers[self._read(mark)[0]]
        if kept.cancelled_at is None:
            kept.cancelled_at = self._now()

    async def aclose(self) -> None:
        return

    def _found(self, prompt: Prompt) -> tuple[Kept, int]:
        if prompt.mark is not None:
            id, number = self._read(prompt.mark)
            return self.answers[id], number
        assert prompt.key is not None
        if prompt.key not in self.answers:
            self.answers[prompt.key] = self._made(prompt.key)
        return self.answers[prompt.key], 0

    def _read(self, mark: str) -> tuple[str, int]:
        id, _, number = mark.rpartition(":")
        return id, int(number)

    def _made(self, key: str) -> Kept:
        rng = self._rng
        count = rng.choice([rng.randint(0, 5), rng.randint(10, _MOST_TOKENS)])
        pace = rng.choice([0.0, 0.02, 0.1, 0.1, 0.2])
        gaps = [rng.uniform(0, 2 * pace) for _ in range(count)]
        tokens = [
            Delta(f"{number} ", "reasoning" if number < count // 5 else "answer")
            for number in range(count)
        ]
        due_at = [self._now() + seconds for seconds in accumulate(gaps)]
        return Kept(key, tokens, due_at, breaks=rng.random() < self._fault_share)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _until(self, time: float) -> None:
        await asyncio.sleep(max(0.0, time - self._now()))
