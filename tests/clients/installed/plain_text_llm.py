"""A kind of provider in a package of its own: servers that answer with plain text."""

from collections.abc import AsyncGenerator, Sequence

import httpx2

from llmchat.domain import Model
from llmchat.errors import UpstreamUnavailable
from llmchat.events import Delta, Finished
from llmchat.prompts import Prompt
from llmchat.providers.base import Configured, ProviderEvent
from llmchat.providers.wrapper import Forgetful


class PlainText(Forgetful):
    prefills = False

    def __init__(self, configured: Configured) -> None:
        self._name = configured.name
        self._voice: str = configured.options["voice"]
        self._http = httpx2.AsyncClient(base_url=configured.url or "", timeout=None)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        asked = {"voice": self._voice, "text": prompt.messages[-1].content}
        try:
            async with self._http.stream("POST", "/write", json=asked) as answer:
                if not answer.is_success:
                    raise UpstreamUnavailable(f"{self._name} answered {answer.status_code}.")
                async for text in answer.aiter_text():
                    yield [Delta(text)]
        except httpx2.TransportError as error:
            raise UpstreamUnavailable(f"{self._name} cannot be reached: {error}") from None
        yield [Finished("complete", "stop")]

    async def models(self) -> Sequence[Model]:
        return [Model("text", self._name)]

    async def aclose(self) -> None:
        await self._http.aclose()
