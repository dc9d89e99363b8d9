"""OpenAI's Responses API in background mode: the server keeps its answer, and an answer that was
broken off is read on where it stopped."""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import orjson

from llmchat.domain import Model
from llmchat.errors import (
    ProviderError,
    UpstreamMalformed,
    UpstreamRejected,
    UpstreamTruncated,
)
from llmchat.prompts import Prompt
from llmchat.providers.base import ProviderEvent
from llmchat.providers.http_client import listed_body
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.openai_client import OpenAIClient
from llmchat.providers.refusals import NotThere
from llmchat.providers.responses_body import body_of_prompt
from llmchat.providers.responses_events import ResponseReader
from llmchat.providers.responses_mark import Mark
from llmchat.providers.responses_object import UNFINISHED
from llmchat.providers.transport import body_of

if TYPE_CHECKING:
    from openai._response import AsyncAPIResponse

# Its bytes are read as they are: a compressed stream would also come late.
_UNCOMPRESSED = {"Accept-Encoding": "identity"}
# Behind the last event comes only the end of the response. A connection that has not seen it cannot
# be used again, and the next answer would begin with another TLS handshake.
_AFTER_END_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class ReadingOn:
    """How often a broken reading is tried again in a row without getting further, and how long is
    waited before that: twice as long each time, up to the most. A server that restarts needs half
    a minute."""

    attempts: int = 8
    first_seconds: float = 0.25
    most_seconds: float = 8.0
    most_seconds_asked_for: float = 20.0


class _Tries:
    """Those of one answer."""

    def __init__(self, bounds: ReadingOn) -> None:
        self._bounds = bounds
        self._fruitless = 0
        self._failed = 0

    async def wait(self, broken: ProviderError | None, *, got_further: bool) -> None:
        """Before the next one. Raises UpstreamTruncated when it has failed too often in a row. A
        server that says that it still writes, and streams nothing, is asked on: how long that may
        take is decided elsewhere."""
        self._fruitless = 1 if got_further else self._fruitless + 1
        self._failed = 0 if broken is None or got_further else self._failed + 1
        if broken is not None and self._failed >= self._bounds.attempts:
            raise UpstreamTruncated(
                "The answer broke off, and could not be read on. What came is kept; ask again for "
                f"a whole one. {broken.detail}"
            )
        asked_seconds = (broken and broken.retry_after_seconds) or 0.0
        await asyncio.sleep(
            min(asked_seconds, self._bounds.most_seconds_asked_for) + self._pause_seconds()
        )

    def _pause_seconds(self) -> float:
        # Not an endless power of two; and spread out, as others lost the same server.
        doubled = min(self._fruitless - 1, 32)
        longest = min(self._bounds.most_seconds, self._bounds.first_seconds * 2.0**doubled)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311


class ResponsesProvider:
    """A Provider that resumes. `skips_thinking_by` is the reasoning effort that is asked for when
    a caller wants no thinking; without one it is only hidden."""

    prefills = False
    resumes = True

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        api_key: str | None,
        headers: Mapping[str, str],
        models: Sequence[str] = (),
        skips_thinking_by: str | None = None,
        reading_on: ReadingOn | None = None,
    ) -> None:
        self._client = OpenAIClient(name, base_url=base_url, api_key=api_key, headers=headers)
        self._skips_thinking_by = skips_thinking_by
        self._reading_on = reading_on or ReadingOn()
        # Its models are listed as by any server of this family.
        self._lister = OpenAIProvider(
            name, base_url=base_url, api_key=api_key, headers=headers, models=models
        )

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        """With a mark the answer is read on, and never asked for again."""
        reader = ResponseReader(
            hide_reasoning=bool(prompt.params.skip_thinking),
            mark=None if prompt.mark is None else Mark.read(prompt.mark),
        )
        tries = _Tries(self._reading_on)
        while not reader.over:
            before = reader.place
            broken: ProviderError | None = None
            try:
                async with aclosing(self._once(prompt, reader)) as batches:
                    async for events in batches:
                        yield events
            except ProviderError as error:
                if reader.place is None or not error.retryable:
                    raise
                broken = error
            if reader.place is None and not reader.over:
                raise UpstreamTruncated(
                    f"{self._client.where} ended the stream before it named its answer. Try again; "
                    "if it stays so, check the base URL, which usually ends in /v1."
                )
            if not reader.over:
                await tries.wait(broken, got_further=reader.place != before)
        if reader.error is not None:
            raise self._client.quiet(reader.error)

    async def models(self) -> Sequence[Model]:
        return await self._lister.models()

    async def cancel(self, mark: str) -> None:
        id = Mark.read(mark).id
        with self._client.translated():
            try:
                async with self._client.open().responses.with_streaming_response.cancel(id):
                    return
            except NotThere:
                return
            except UpstreamRejected:
                # Some refuse it for an answer that has ended.
                if (await self._retrieve(id)).get("status") in UNFINISHED:
                    raise

    async def aclose(self) -> None:
        await self._lister.aclose()
        await self._client.aclose()

    async def _once(
        self, prompt: Prompt, reader: ResponseReader
    ) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        """One connection, and what can be had where the server streams no more."""
        with self._client.translated():
            try:
                async with aclosing(self._stream(prompt, reader)) as batches:
                    async for events in batches:
                        yield events
            except UpstreamRejected:
                if reader.place is None:
                    raise
            if reader.place is not None and not reader.over:
                rest = reader.take_whole(await self._kept(reader.place.id))
                if rest is not None:
                    yield rest

    async def _stream(
        self, prompt: Prompt, reader: ResponseReader
    ) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        request = self._post(prompt) if reader.place is None else self._get(reader.place)
        async with request as response:
            if "json" in response.headers.get("content-type", ""):
                # Some servers cannot stream.
                events = reader.take_whole(await _json_of(response))
                if events is not None:
                    yield events
                return
            reader.connect()
            async with aclosing(body_of(response.http_response)) as chunks:
                async for chunk in chunks:
                    events = reader.feed(chunk)
                    if reader.over:
                        await _epilogue(chunks)
                    if events is not None:
                        yield events
                    if reader.over:
                        return

    def _post(self, prompt: Prompt) -> "AbstractAsyncContextManager[AsyncAPIResponse[Any]]":
        body = body_of_prompt(prompt, skips_thinking_by=self._skips_thinking_by)
        # A server that heeds it gives the same answer to whoever asks again, and writes no other.
        key = {} if prompt.key is None else {"Idempotency-Key": prompt.key}
        return self._client.open().responses.with_streaming_response.create(
            model=prompt.model,
            input=[],
            stream=True,
            extra_headers={**_UNCOMPRESSED, **key},
            extra_body=body,
        )

    def _get(self, place: Mark) -> "AbstractAsyncContextManager[AsyncAPIResponse[Any]]":
        after = {} if place.sequence < 0 else {"starting_after": place.sequence}
        return self._client.open().responses.with_streaming_response.retrieve(
            place.id,
            stream=True,
            extra_headers=_UNCOMPRESSED,
            extra_query=after,
        )

    async def _kept(self, id: str) -> Mapping[str, Any]:
        """Raises UpstreamTruncated when the server has forgotten it."""
        try:
            return await self._retrieve(id)
        except NotThere:
            raise UpstreamTruncated(
                f"{self._client.where} no longer has this answer (404): it was deleted there, or "
                "lost. What came is kept; ask again for a whole one."
            ) from None

    async def _retrieve(self, id: str) -> Mapping[str, Any]:
        async with self._client.open().responses.with_streaming_response.retrieve(
            id, extra_headers=_UNCOMPRESSED
        ) as response:
            return await _json_of(response)


async def _json_of(response: "AsyncAPIResponse[Any]") -> Mapping[str, Any]:
    body = await listed_body(response.http_response)
    with suppress(orjson.JSONDecodeError):
        if isinstance(found := orjson.loads(body), dict):
            return found
    raise UpstreamMalformed(
        "The model's server sent no JSON object where a response belongs. The base URL of an "
        "OpenAI-compatible server usually ends in /v1."
    )


async def _epilogue(chunks: AsyncGenerator[bytes, None]) -> None:
    """Not a part of the generator above: a timeout that is open over a `yield` strikes whoever runs
    when it expires."""
    with suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_AFTER_END_SECONDS):
            async for _ in chunks:
                pass
