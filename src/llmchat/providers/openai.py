"""Any server that speaks OpenAI's chat completions: OpenAI, Groq, vLLM, llama.cpp, LocalAI, …"""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import orjson

from llmchat.domain import Model, Prompt
from llmchat.errors import (
    ProviderError,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTooLarge,
    UpstreamTruncated,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from llmchat.providers.base import ProviderEvent
from llmchat.providers.openai_chunks import ChunkReader, error_in, shown
from llmchat.providers.sse import MOST_EVENT_BYTES

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI, AsyncStream
    from openai._response import AsyncAPIResponse, AsyncResponseContextManager
    from openai.types.chat import ChatCompletionChunk

_CONNECT_SECONDS = 10.0
_MODELS_SECONDS = 5.0
# Some servers name a finish reason and then keep the connection open: usage may follow, and that is
# worth a moment, not a minute.
_AFTER_FINISH_SECONDS = 2.0
_NO_KEY = "none"


class OpenAIProvider:
    """A Provider over the openai client's connection handling, without its per-chunk objects:
    those cost ten times as much as reading the one field that matters.

    `name` is what the operator calls it in the settings and is used in error texts; `models`, when
    given, are offered without asking the server for its list.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        api_key: str | None,
        headers: Mapping[str, str],
        models: Sequence[str] = (),
    ) -> None:
        self._name = name
        self._base_url = base_url
        self._api_key = api_key
        self._headers = headers
        self._models = models
        self._opened: AsyncOpenAI | None = None

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        reader = ChunkReader(hide_reasoning=bool(prompt.params.skip_thinking))
        begun = False
        try:
            with self._translated():
                async with self._request(prompt) as response:
                    await self._check_type(response.http_response)
                    async for data in _bytes(response.http_response, reader):
                        if events := reader.feed(data):
                            begun = True
                            yield events
                        if reader.done or reader.error is not None:
                            break
        except UpstreamUnavailable as error:
            if begun:
                raise UpstreamTruncated(f"The connection broke in mid-answer. {error}") from error
            raise
        if reader.error is None and (events := reader.end()):
            yield events
        if reader.error is not None:
            raise reader.error

    async def models(self) -> Sequence[Model]:
        if self._models:
            return [Model(model, self._name) for model in self._models]
        with self._translated():
            response = await self._client().models.with_raw_response.list(timeout=_MODELS_SECONDS)
            body = response.http_response.json()
        try:
            return [_model(self._name, found) for found in body["data"]]
        except (KeyError, TypeError):
            raise UpstreamMalformed(
                f"{self._where} answered its list of models with something else."
            ) from None

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    def _request(
        self, prompt: Prompt
    ) -> "AsyncResponseContextManager[AsyncAPIResponse[AsyncStream[ChatCompletionChunk]]]":
        return self._client().chat.completions.with_streaming_response.create(
            model=prompt.model,
            messages=[],
            stream=True,
            # Its bytes are read as they are: a compressed stream would also come late.
            extra_headers={"Accept-Encoding": "identity"},
            extra_body=_body(prompt),
        )

    async def _check_type(self, response: "httpx2.Response") -> None:
        """A 200 is not yet a stream: some servers put an error, or a web page, into it."""
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type == "application/json":
            raise await self._error_body(response)
        if content_type == "text/html":
            raise UpstreamMalformed(
                f"{self._where} answered with a web page. The base URL of an OpenAI-compatible "
                "server usually ends in /v1."
            )

    async def _error_body(self, response: "httpx2.Response") -> ProviderError:
        body = b""
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MOST_EVENT_BYTES:
                return UpstreamTooLarge(f"{self._where} answered with more than an error.")
        try:
            return error_in(orjson.loads(body))
        except (orjson.JSONDecodeError, AttributeError):
            return UpstreamMalformed(f"{self._where} answered no stream but {shown(body[:80])}.")

    @property
    def _where(self) -> str:
        return f"{self._name} ({self._base_url})"

    def _client(self) -> "AsyncOpenAI":
        if self._opened is None:
            # Half a second that `llmchat --help` need not pay.
            import httpx2
            from openai import AsyncOpenAI, DefaultAioHttpClient

            timeout = httpx2.Timeout(None, connect=_CONNECT_SECONDS)
            # 0 is aiohttp's word for no limit; with None it would stop at 100 connections.
            limits = httpx2.Limits(max_connections=0)
            self._opened = AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._api_key or _NO_KEY,
                default_headers=dict(self._headers),
                max_retries=0,
                timeout=timeout,
                http_client=DefaultAioHttpClient(limits=limits, timeout=timeout),
            )
        return self._opened

    @contextmanager
    def _translated(self) -> Generator[None, None, None]:
        import httpx2
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            raise self._status_error(error) from error
        except (openai.APIConnectionError, httpx2.TransportError) as error:
            cause = shown(error.__cause__ or error)
            raise UpstreamUnavailable(f"{self._where} cannot be reached: {cause}.") from error
        except openai.APIError as error:
            raise UpstreamMalformed(f"{self._where} answered nonsense: {shown(error)}.") from error

    def _status_error(self, error: "Any") -> ProviderError:
        status = error.status_code
        retry_after = _retry_after_seconds(error.response.headers)
        said = self._without_key(shown(_message(error)))
        if status == 429:
            return UpstreamRateLimited(
                f"{self._where} asks to slow down: {said}", retry_after_seconds=retry_after
            )
        if status >= 500 or status in (408, 409, 425):
            return UpstreamUnavailable(
                f"{self._where} failed with {status}: {said}", retry_after_seconds=retry_after
            )
        if status in (401, 403):
            # Its text may quote the key.
            return UpstreamUnauthorized(f"{self._where} refused the API key ({status}). Check it.")
        return UpstreamRejected(f"{self._where} refused the request with {status}: {said}")

    def _without_key(self, text: str) -> str:
        return text.replace(self._api_key, "…") if self._api_key else text


async def _bytes(response: "httpx2.Response", reader: ChunkReader) -> AsyncGenerator[bytes, None]:
    chunks = response.aiter_raw()
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk
            if reader.finish_reason is not None:
                break
        with suppress(TimeoutError, StopAsyncIteration):
            while True:
                yield await asyncio.wait_for(anext(chunks), _AFTER_FINISH_SECONDS)


def _body(prompt: Prompt) -> dict[str, Any]:
    params = prompt.params.as_json()
    params.pop("skip_thinking", None)
    extra = params.pop("extra", {})
    return {
        **extra,
        **params,
        "model": prompt.model,
        "messages": [{"role": m.role.value, "content": m.content} for m in prompt.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def _model(provider: str, found: Mapping[str, Any]) -> Model:
    window = found.get("context_length") or found.get("max_model_len")
    return Model(
        str(found["id"]), provider, context_window=window if isinstance(window, int) else None
    )


def _message(error: Any) -> object:
    body = error.body
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        return inner.get("message", inner) if isinstance(inner, Mapping) else inner
    return body or error.message


def _retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    for name, seconds in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * seconds)
        except (KeyError, ValueError):
            continue
    return None
