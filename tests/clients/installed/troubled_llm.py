"""Kinds of providers that do what none may do."""

from collections.abc import AsyncGenerator, Sequence

from llmchat.domain import Model
from llmchat.events import Delta, Finished
from llmchat.prompts import Prompt
from llmchat.providers.base import Configured, ProviderEvent
from llmchat.providers.wrapper import Forgetful


def raising(configured: Configured) -> None:
    raise ValueError(f"the key {configured.api_key} is no key")


def other(configured: Configured) -> object:
    return object()


class Rude(Forgetful):
    prefills = False

    def __init__(self, configured: Configured) -> None:
        self._key = configured.api_key

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        yield [Delta("half \x00\ud800")]
        if prompt.model == "raises":
            raise KeyError(self._key)
        yield [Finished("complete", "stop")]

    async def models(self) -> Sequence[Model]:
        raise OSError(self._key)

    async def aclose(self) -> None:
        raise RuntimeError(self._key)
