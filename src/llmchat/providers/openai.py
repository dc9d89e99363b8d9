"""Any server that speaks OpenAI's chat completions: OpenAI, Groq, vLLM, llama.cpp, LocalAI, …"""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx2
import orjson

from llmchat.domain import Model
from llmchat.errors import UpstreamMalformed, UpstreamRejected
from llmchat.prompts import Prompt
from llmchat.providers.base import ProviderEvent, prefilled
from llmchat.providers.http_answer import answer
from llmchat.providers.http_client import UNCOMPRESSED, json_bytes, listed_body
from llmchat.providers.logprobs import wants_logprobs
from llmchat.providers.openai_chunks import ChunkReader
from llmchat.providers.openai_client import OpenAIClient
from llmchat.providers.openai_messages import message_json
from llmchat.providers.openai_quirks import Quirks, Request, ThinkingSwitch, advice
from llmchat.providers.refusals import Refused
from llmchat.providers.wrapper import Forgetful
from llmchat.text import clean

if TYPE_CHECKING:
    from openai import AsyncStream
    from openai._response import AsyncAPIResponse
    from openai.types.chat import ChatCompletionChunk

    Response = AsyncAPIResponse[AsyncStream[ChatCompletionChunk]]

_MOST_MODEL_ID_CHARS = 256
# OpenRouter and Together; vLLM; Groq; llama.cpp, inside `meta`.
_WINDOW_NAMES = ("context_length", "max_model_len", "context_window", "n_ctx")
_MOST_CORRECTIONS = 6
_REFUSALS_OF_FIELDS = (400, 422)
# llama.cpp goes on by itself; vLLM, SGLang and llama.cpp told otherwise are asked to. Either of the
# two alone is refused, and Ollama heeds neither.
_GO_ON = {"add_generation_prompt": False, "continue_final_message": True}


class OpenAIProvider(Forgetful):
    """A Provider over the openai client's connection handling, without its per-chunk objects:
    those cost ten times as much as reading the one field that matters.

    `name` is what the operator calls it in the settings and is used in error texts; `models`, when
    given, are offered without asking the server for its list; `prefills` says that the server goes
    on with an assistant's last message; `thinking_switch` is the field that asks it not to think.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        api_key: str | None,
        headers: Mapping[str, str],
        models: Sequence[str] = (),
        prefills: bool = False,
        thinking_switch: ThinkingSwitch = "none",
    ) -> None:
        self.prefills = prefills
        self._quirks = Quirks(thinking_switch)
        self._name = name
        self._models = models
        self._client = OpenAIClient(name, base_url=base_url, api_key=api_key, headers=headers)

    def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        reader = ChunkReader(
            hide_reasoning=bool(prompt.params.skip_thinking), with_logprobs=wants_logprobs(prompt)
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
        async with AsyncExitStack() as opened:
            yield (await self._open(prompt, opened)).http_response

    async def _open(self, prompt: Prompt, opened: AsyncExitStack) -> "Response":
        """The beginning of an answer. What the server does not know in the request, and nobody
        asked for, is left out, and it is asked again at once."""
        limit = "max_completion_tokens" if self._client.is_openai else "max_tokens"
        goes_on = self.prefills and bool(prefilled(prompt))
        body = _body(prompt, limit, goes_on=goes_on)
        request = self._quirks.request(body, prompt.params, goes_on=goes_on)
        for _ in range(_MOST_CORRECTIONS):
            try:
                return await opened.enter_async_context(self._ask(request.body))
            except Refused as refused:
                of_request = refused.http_status in _REFUSALS_OF_FIELDS
                corrected = self._quirks.corrected(request, refused.said) if of_request else None
                if corrected is None:
                    raise self._explained(request, refused) from None
                request = corrected
        return await opened.enter_async_context(self._ask(request.body))

    def _explained(self, request: Request, refused: Refused) -> UpstreamRejected:
        told = advice(request.body, refused.said)
        if told is None:
            return refused
        return UpstreamRejected(f"{told} {self._client.where} said: {refused.said}")

    def _ask(self, body: Mapping[str, Any]) -> "AbstractAsyncContextManager[Response]":
        return self._client.open().chat.completions.with_streaming_response.create(
            model=body["model"],
            messages=[],
            stream=True,
            extra_headers=UNCOMPRESSED,
            extra_body=body,
        )

    async def _list_models(self) -> Mapping[str, int | None]:
        try:
            listed = await self._listed()
        except Refused as refused:
            if refused.http_status != HTTPStatus.NOT_FOUND:
                raise
            raise UpstreamRejected(
                f"{self._client.where} has no list of models at this address (404): the base "
                "URL of an OpenAI-compatible server usually ends in /v1."
            ) from None
        try:
            # Ollama says null when it has none.
            return dict(_models_in(orjson.loads(listed)["data"] or []))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise UpstreamMalformed(
                f"{self._client.where} answered its list of models with something else. The base "
                "URL of an OpenAI-compatible server usually ends in /v1."
            ) from None

    async def _listed(self) -> bytes:
        async with self._client.open().models.with_streaming_response.list() as response:
            return await listed_body(response.http_response)


def _body(prompt: Prompt, limit: str, *, goes_on: bool) -> dict[str, Any]:
    params = prompt.params.as_json()
    params.pop("skip_thinking", None)
    extra = params.pop("extra", {})
    if "max_tokens" in params:
        params[limit] = params.pop("max_tokens")
    body = {
        **(_GO_ON if goes_on else {}),
        **extra,
        **params,
        "model": prompt.model,
        "messages": [message_json(message) for message in prompt.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    json_bytes(body)
    return body


def _models_in(listed: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int | None]]:
    for found in listed:
        id = found["id"]
        if isinstance(id, str) and 0 < len(id) <= _MOST_MODEL_ID_CHARS:
            yield clean(id), _context_window(found)


def _context_window(found: Mapping[str, Any]) -> int | None:
    places = (found, found.get("meta") or {})
    sizes = (place.get(name) for place in places for name in _WINDOW_NAMES)
    return next((size for size in sizes if isinstance(size, int) and 0 < size < 2**53), None)
