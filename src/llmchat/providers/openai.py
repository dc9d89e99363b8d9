"""Any server that speaks OpenAI's chat completions: OpenAI, Groq, vLLM, llama.cpp, LocalAI, …"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import TYPE_CHECKING, Any

import orjson

from llmchat.domain import Model, Prompt
from llmchat.errors import (
    UpstreamMalformed,
    UpstreamRejected,
    UpstreamTruncated,
    UpstreamUnavailable,
)
from llmchat.providers.base import ProviderEvent, prefilled
from llmchat.providers.openai_chunks import ChunkReader
from llmchat.providers.openai_client import OpenAIClient, whole_body
from llmchat.providers.transport import body_of
from llmchat.text import clean

if TYPE_CHECKING:
    from openai import AsyncStream
    from openai._response import AsyncAPIResponse
    from openai.types.chat import ChatCompletionChunk

_MODELS_SECONDS = 5.0
_MOST_MODELS_BYTES = 8 * 1024 * 1024
_MOST_MODEL_ID_CHARS = 256
# OpenRouter and Together; vLLM; Groq; llama.cpp, inside `meta`.
_WINDOW_NAMES = ("context_length", "max_model_len", "context_window", "n_ctx")
# Some servers name a finish reason and then keep the connection open: usage may follow, and that is
# worth a moment, not a minute.
_AFTER_FINISH_SECONDS = 2.0
# Behind [DONE] comes only the end of the response. A connection that has not seen it cannot be used
# again, and the next answer would begin with another TLS handshake.
_AFTER_DONE_SECONDS = 0.1
# llama.cpp goes on by itself; vLLM, SGLang and llama.cpp told otherwise are asked to. Either of the
# two alone is refused, and Ollama heeds neither.
_GO_ON = {"add_generation_prompt": False, "continue_final_message": True}


class OpenAIProvider:
    """A Provider over the openai client's connection handling, without its per-chunk objects:
    those cost ten times as much as reading the one field that matters.

    `name` is what the operator calls it in the settings and is used in error texts; `models`, when
    given, are offered without asking the server for its list; `prefills` says that the server goes
    on with an assistant's last message.
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
    ) -> None:
        self.prefills = prefills
        self._name = name
        self._models = models
        self._client = OpenAIClient(name, base_url=base_url, api_key=api_key, headers=headers)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        reader = ChunkReader(hide_reasoning=bool(prompt.params.skip_thinking))
        try:
            with self._client.translated():
                async with (
                    self._request(prompt) as response,
                    aclosing(body_of(response.http_response)) as chunks,
                ):
                    async for chunk in chunks:
                        if events := reader.feed(chunk):
                            yield events
                        if reader.over:
                            break
                    if events := await _epilogue(chunks, reader):
                        yield events
        except UpstreamUnavailable as error:
            if reader.begun and not reader.complete:
                raise _in_mid_answer(error) from None
            if not reader.complete:
                raise
        if events := reader.end():
            yield events
        if reader.error is not None:
            raise self._client.quiet(reader.error)

    async def models(self) -> Sequence[Model]:
        if self._models:
            return [Model(model, self._name) for model in self._models]
        with self._client.translated():
            try:
                async with asyncio.timeout(_MODELS_SECONDS):
                    listed = await self._list_models()
            except TimeoutError:
                raise UpstreamUnavailable(
                    f"{self._client.where} did not list its models in {_MODELS_SECONDS:g} seconds."
                ) from None
        return [Model(id, self._name, context_window=window) for id, window in listed.items()]

    async def aclose(self) -> None:
        await self._client.aclose()

    def _request(
        self, prompt: Prompt
    ) -> "AbstractAsyncContextManager[AsyncAPIResponse[AsyncStream[ChatCompletionChunk]]]":
        limit = "max_completion_tokens" if self._client.is_openai else "max_tokens"
        return self._client.open().chat.completions.with_streaming_response.create(
            model=prompt.model,
            messages=[],
            stream=True,
            # Its bytes are read as they are: a compressed stream would also come late.
            extra_headers={"Accept-Encoding": "identity"},
            extra_body=_body(prompt, limit, prefills=self.prefills),
        )

    async def _list_models(self) -> Mapping[str, int | None]:
        async with self._client.open().models.with_streaming_response.list() as response:
            body = await whole_body(response.http_response, most_bytes=_MOST_MODELS_BYTES)
        try:
            # Ollama says null when it has none.
            return dict(_models_in(orjson.loads(body)["data"] or []))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise UpstreamMalformed(
                f"{self._client.where} answered its list of models with something else. The base "
                "URL of an OpenAI-compatible server usually ends in /v1."
            ) from None


async def _epilogue(
    chunks: AsyncGenerator[bytes, None], reader: ChunkReader
) -> list[ProviderEvent]:
    """What comes for a moment behind the evidence that the answer is whole.

    Not a part of the generator above: a timeout that is open over a `yield` strikes whoever runs
    when it expires.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _AFTER_FINISH_SECONDS
    events: list[ProviderEvent] = []
    with suppress(TimeoutError):
        async with asyncio.timeout_at(deadline) as patience:
            while reader.error is None:
                if reader.done:
                    patience.reschedule(min(deadline, loop.time() + _AFTER_DONE_SECONDS))
                if not (chunk := await anext(chunks, b"")):
                    break
                events += reader.feed(chunk)
    return events


def _in_mid_answer(error: UpstreamUnavailable) -> UpstreamTruncated:
    return UpstreamTruncated(
        f"The answer broke off; what came is kept, ask again for a whole one. {error.detail}"
    )


def _body(prompt: Prompt, limit: str, *, prefills: bool) -> dict[str, Any]:
    params = prompt.params.as_json()
    params.pop("skip_thinking", None)
    extra = params.pop("extra", {})
    if "max_tokens" in params:
        params[limit] = params.pop("max_tokens")
    body = {
        **(_GO_ON if prefills and prefilled(prompt) else {}),
        **extra,
        **params,
        "model": prompt.model,
        "messages": [{"role": m.role.value, "content": m.content} for m in prompt.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    try:
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except (RecursionError, TypeError, ValueError) as error:
        raise UpstreamRejected(f"The request cannot be written as JSON: {error}") from None
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
