"""Several servers of the same models: the one that is least busy answers."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

from llmchat.domain import Model
from llmchat.errors import CircuitOpen, ProviderError
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider
from llmchat.providers.breaking import Breaking
from llmchat.providers.unmarked import unmarked
from llmchat.providers.wrapper import Batches, Forgetful, shown_behind


class _Place:
    """An endpoint, and how many answers run there now."""

    def __init__(self, endpoint: Breaking) -> None:
        self.endpoint = endpoint
        self.provider: Provider = unmarked(endpoint)
        self.busy = 0


class Balanced(Forgetful):
    """A Provider over the endpoints of one: each answer goes to the one that writes the fewest now,
    ties in turn. One whose circuit is open is asked only when all others were.

    What may work a little later is tried at once at the next endpoint, as long as nothing is shown.
    When all were tried, the last error stands.
    """

    def __init__(self, endpoints: Sequence[Breaking]) -> None:
        self._places = [_Place(endpoint) for endpoint in endpoints]
        self._turn = 0

    @property
    def prefills(self) -> bool:
        return all(place.endpoint.prefills for place in self._places)

    async def stream(self, prompt: Prompt) -> Batches:
        tried: list[_Place] = []
        prompt = replace(prompt, alone=False)
        error: ProviderError | None = None
        while len(tried) < len(self._places):
            place = self._next(tried)
            tried.append(place)
            shown = False
            place.busy += 1
            try:
                async with aclosing(place.provider.stream(prompt)) as batches:
                    async for batch in batches:
                        shown = shown_behind(batch, shown)
                        yield batch
                return
            except ProviderError as raised:
                if shown or not raised.retryable:
                    raise
                # What a server said is worth more than that another was not asked.
                error = error if error and isinstance(raised, CircuitOpen) else raised
            finally:
                place.busy -= 1
        assert error is not None, "there is an endpoint"
        raise error

    async def models(self) -> Sequence[Model]:
        """What any of them serves."""
        asked = (_models_or_error(place.endpoint) for place in self._places)
        answers = await asyncio.gather(*asked)
        found = [answer for answer in answers if not isinstance(answer, ProviderError)]
        if not found:
            raise next(answer for answer in answers if isinstance(answer, ProviderError))
        return list({model.id: model for models in found for model in models}.values())

    async def aclose(self) -> None:
        for place in self._places:
            await place.provider.aclose()

    def _next(self, tried: Sequence[_Place]) -> _Place:
        """Open circuits last, the one that is tried again soonest first."""
        count = len(self._places)

        def rank(number: int) -> tuple[float, int, int]:
            place = self._places[number]
            wait = place.endpoint.wait_seconds
            return wait, place.busy, (number - self._turn) % count

        left = [number for number, place in enumerate(self._places) if place not in tried]
        number = min(left, key=rank)
        self._turn = (number + 1) % count
        return self._places[number]


async def _models_or_error(provider: Provider) -> Sequence[Model] | ProviderError:
    try:
        return await provider.models()
    except ProviderError as error:
        return error
