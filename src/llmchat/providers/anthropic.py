"""Anthropic's Messages API, and whoever else speaks it."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx2
import orjson

from llmchat.domain import Model
from llmchat.errors import UpstreamMalformed
from llmchat.prompts import Prompt
from llmchat.providers.anthropic_events import MessageReader
from llmchat.providers.anthropic_prompt import lost_at_the_end, message_request
from llmchat.providers.base import ProviderEvent, prefilled
from llmchat.providers.http_answer import answer
from llmchat.providers.http_client import HttpClient
from llmchat.providers.wrapper import Forgetful
from llmchat.text import clean

_VERSION = "2023-06-01"
_MODELS_A_PAGE = 1000
_MOST_PAGES = 16
_MOST_MODEL_ID_CHARS = 256


class AnthropicProvider(Forgetful):
    """A Provider over the Messages API.

    `name` is what the operator calls it; `models`, when given, are offered without asking for its
    list; `max_tokens` is the limit of an answer that asks for none, since this API wants one.
    `prefills` says that the models go on with an assistant's last message: the older ones do.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        api_key: str | None,
        headers: Mapping[str, str],
        max_tokens: int,
        models: Sequence[str] = (),
        prefills: bool = False,
    ) -> None:
        self.prefills = prefills
        self._name = name
        self._models = models
        self._max_tokens = max_tokens
        sends = {"anthropic-version": _VERSION}
        if api_key is not None:
            sends["x-api-key"] = api_key
        self._client = HttpClient(
            name, base_url=base_url, api_key=api_key, headers=headers, sends=sends
        )

    def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        reader = MessageReader(
            hide_reasoning=bool(prompt.params.skip_thinking),
            lost=lost_at_the_end(prefilled(prompt)) if self.prefills else "",
        )
        return answer(self._client, self._request(prompt), reader)

    async def models(self) -> Sequence[Model]:
        if self._models:
            return [Model(model, self._name) for model in self._models]
        listed = await self._client.in_time(self._list_models())
        return [Model(id, self._name, context_window=window) for id, window in listed.items()]

    async def aclose(self) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def _request(self, prompt: Prompt) -> AsyncGenerator[httpx2.Response, None]:
        body = message_request(prompt, max_tokens=self._max_tokens)
        async with self._client.post("messages", body) as response:
            yield response

    async def _list_models(self) -> Mapping[str, int | None]:
        listed: dict[str, int | None] = {}
        path = f"models?limit={_MODELS_A_PAGE}"
        after = ""
        for _ in range(_MOST_PAGES):
            page = await self._client.get(path + after)
            try:
                found = orjson.loads(page)
                listed |= _models_in(found["data"])
                if found.get("has_more") is not True:
                    break
                after = f"&after_id={quote(found['last_id'], safe='')}"
            except (AttributeError, KeyError, TypeError, ValueError):
                raise UpstreamMalformed(
                    f"{self._client.where} answered its list of models with something else. The "
                    "base URL of the Messages API usually ends in /v1."
                ) from None
        return listed


def _models_in(listed: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int | None]]:
    for found in listed:
        id, window = found["id"], found.get("max_input_tokens")
        if isinstance(id, str) and 0 < len(id) <= _MOST_MODEL_ID_CHARS:
            known = isinstance(window, int) and 0 < window < 2**53
            yield clean(id), window if known else None
