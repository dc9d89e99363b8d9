"""Ollama, by its own API: it says more of thinking, and of what is wrong, than its /v1 does."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx2
import orjson

from llmchat.domain import Model
from llmchat.errors import ProviderError, UpstreamMalformed
from llmchat.prompts import Prompt
from llmchat.providers.base import NoModels, ProviderEvent
from llmchat.providers.http_answer import answer
from llmchat.providers.http_client import HttpClient
from llmchat.providers.ollama_errors import EXAMPLE, NoThinking, ollama_refusal
from llmchat.providers.ollama_lines import LineReader
from llmchat.providers.ollama_prompt import chat_request
from llmchat.providers.wrapper import Forgetful
from llmchat.text import clean

_MOST_MODEL_NAME_CHARS = 256
_MOST_THOUGHTLESS = 1000


class OllamaClient(HttpClient):
    """The server, with the sentences of its own that help with it."""

    def unreachable(self) -> str:
        return f"Ollama is not running at {self.base_url}: start it with `ollama serve`."

    def refused(self, status: int, said: str, headers: Mapping[str, str]) -> ProviderError:
        return ollama_refusal(self.where, status, said, headers=headers, has_key=self.has_key)


class OllamaProvider(Forgetful):
    """A Provider over Ollama's native API. `base_url` is its root, without /v1.

    `name` is what the operator calls it; `models`, when given, are offered without asking for its
    list; `keep_alive` is how long it keeps a model in memory; `context_window` is the size of the
    context that it is told to load a model with.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        api_key: str | None,
        headers: Mapping[str, str],
        models: Sequence[str] = (),
        prefills: bool = True,
        keep_alive: str | int | None = None,
        context_window: int | None = None,
    ) -> None:
        self.prefills = prefills
        self._name = name
        self._models = models
        self._keep_alive = keep_alive
        self._context_window = context_window
        # Ollama itself asks for no key; what stands before it, and ollama.com, may.
        sends = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._client = OllamaClient(
            name, base_url=base_url, api_key=api_key, headers=headers, sends=sends
        )
        self._thoughtless: set[str] = set()

    def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        reader = LineReader(hide_reasoning=bool(prompt.params.skip_thinking))
        return answer(self._client, self._request(prompt), reader)

    async def models(self) -> Sequence[Model]:
        if self._models:
            return [Model(model, self._name) for model in self._models]
        listed = await self.has()
        if not listed:
            raise NoModels(
                f"Ollama runs at {self._client.base_url}, but has no models: for example "
                "`ollama pull llama3.2`."
            )
        return [Model(model, self._name) for model in listed]

    async def has(self) -> Sequence[str]:
        """The models that are there, whichever are named. Raises ProviderError."""
        return await self._client.in_time(self._list_models())

    async def aclose(self) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def _request(self, prompt: Prompt) -> AsyncGenerator[httpx2.Response, None]:
        async with AsyncExitStack() as stack:
            yield await self._begin(prompt, stack)

    async def _begin(self, prompt: Prompt, stack: AsyncExitStack) -> httpx2.Response:
        """The answer, asked for once more, without `think`, of a model that cannot: it refuses even
        not to think."""
        body = chat_request(
            prompt, keep_alive=self._keep_alive, context_window=self._context_window
        )
        if prompt.model in self._thoughtless:
            body.pop("think", None)
        try:
            return await stack.enter_async_context(self._client.post("api/chat", body))
        except NoThinking:
            if body.pop("think", None) is None:
                raise
        if len(self._thoughtless) >= _MOST_THOUGHTLESS:
            self._thoughtless.clear()
        self._thoughtless.add(prompt.model)
        return await stack.enter_async_context(self._client.post("api/chat", body))

    async def _list_models(self) -> Sequence[str]:
        body = await self._client.get("api/tags")
        try:
            return list(_names_in(orjson.loads(body)["models"] or []))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise UpstreamMalformed(
                f"{self._client.where} answered its list of models with something else. Ollama's "
                f"base URL is such as {EXAMPLE}, with no /v1."
            ) from None


def _names_in(listed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for found in listed:
        # Older versions know only the second.
        name = found.get("model") or found["name"]
        if isinstance(name, str) and 0 < len(name) <= _MOST_MODEL_NAME_CHARS:
            yield clean(name)
