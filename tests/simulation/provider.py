"""A model that writes what its seed says, at the pace that it says."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence

from llmchat.domain import Model
from llmchat.errors import UpstreamUnavailable
from llmchat.events import Delta, Finished
from llmchat.prompts import Prompt
from llmchat.providers.base import Health, Provider, ProviderEvent, prefilled
from llmchat.providers.wrapper import Forgetful

_MOST_TOKENS = 60


class SimulatedProvider(Forgetful):
    """Each attempt is another text, so that two that were spliced could be told apart; one that
    `prefills` goes on with what is there."""

    def __init__(self, rng: random.Random, *, prefills: bool, fault_share: float) -> None:
        self._rng = rng
        self._prefills = prefills
        self._fault_share = fault_share
        self._attempts = 0

    @property
    def prefills(self) -> bool:
        return self._prefills

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        rng = self._rng
        self._attempts += 1
        attempt = self._attempts
        begun = prefilled(prompt)
        count = rng.choice([rng.randint(0, 5), rng.randint(10, _MOST_TOKENS)])
        trouble = rng.choice(["fails", "truncates", "stalls"])
        breaks_at = rng.randint(0, count) if rng.random() < self._fault_share else -1
        pace = rng.choice([0.0, 0.02, 0.1, 0.1, 0.2, 0.8])
        for token in range(count):
            await asyncio.sleep(rng.uniform(0, 2 * pace))
            if token == breaks_at:
                if trouble == "fails":
                    raise UpstreamUnavailable("It broke.")
                if trouble == "truncates":
                    return
                await asyncio.sleep(1000)
            channel = "reasoning" if not begun and token < count // 5 else "answer"
            text = f"{attempt}.{token} "
            yield [Delta(text, "reasoning" if channel == "reasoning" else "answer")]
        yield [Finished("complete", "stop")]

    async def models(self) -> Sequence[Model]:
        return []

    async def aclose(self) -> None:
        return


class SimulatedModels:
    """All the models there are: one."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def resolve(self, model: str) -> tuple[Provider, str]:
        return self._provider, model

    async def available(self) -> Sequence[Model]:
        return []

    def window(self, model: str) -> int | None:
        return None

    async def default(self) -> str:
        return "simulated/model"

    async def health(self) -> Sequence[Health]:
        return []
