"""One model server over HTTP: how it is asked, and its failures as ours."""

import asyncio
import json
from collections.abc import Awaitable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager, suppress
from typing import Any, TypeVar

import httpx2

from llmchat.errors import (
    ProviderError,
    UpstreamMalformed,
    UpstreamRejected,
    UpstreamTooLarge,
    UpstreamUnavailable,
)
from llmchat.origin import TRACEPARENT
from llmchat.providers.refusals import refusal, said_by
from llmchat.providers.secrets import Secrets
from llmchat.providers.transport import AiohttpTransport

T = TypeVar("T")

_CONNECT_SECONDS = 10.0
_LISTING_SECONDS = 5.0
_MOST_LISTING_BYTES = 8 * 1024 * 1024
_MOST_REFUSAL_BYTES = 64 * 1024
_REFUSAL_SECONDS = 5.0
# Its bytes are read as they are: a compressed stream would also come late.
UNCOMPRESSED = {"Accept-Encoding": "identity"}


class HttpClient:
    """Knows one server, what is sent to it with every request, and what is never shown of that.

    `name` is what the operator calls it; `headers` are the operator's own, and win over `sends`,
    which a dialect adds. A kind of server that has sentences of its own for what goes wrong says
    them by `refused` and `unreachable`.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        api_key: str | None,
        headers: Mapping[str, str],
        sends: Mapping[str, str] | None = None,
    ) -> None:
        self.where = f"{name} ({base_url})"
        self.base_url = base_url
        self.has_key = api_key is not None
        self._headers = headers
        self._sends = sends or {}
        self._secrets = Secrets([*headers.values(), api_key or ""])
        self._opened: httpx2.AsyncClient | None = None

    @property
    def http(self) -> httpx2.AsyncClient:
        """The connections themselves: every answer that is no success is raised as a refusal."""
        if self._opened is None:
            every = httpx2.Headers(self._sends)
            every.update(self._headers)
            self._opened = httpx2.AsyncClient(
                transport=AiohttpTransport(self.base_url, connect_seconds=_CONNECT_SECONDS),
                headers=every,
                timeout=None,
                # The key and the conversation go where the operator said, and nowhere else.
                follow_redirects=False,
                event_hooks={"request": [_name_trace], "response": [self._check_status]},
            )
        return self._opened

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.aclose()

    def post(
        self, path: str, body: Mapping[str, Any]
    ) -> AbstractAsyncContextManager[httpx2.Response]:
        """The answer to this JSON, its body unread. Raises UpstreamRejected for what is no JSON."""
        return self.http.stream(
            "POST",
            f"{self.base_url}/{path}",
            content=json_bytes(body),
            headers={"Content-Type": "application/json", **UNCOMPRESSED},
        )

    async def get(self, path: str) -> bytes:
        """The whole body that is found there."""
        url = f"{self.base_url}/{path}"
        async with self.http.stream("GET", url, headers=UNCOMPRESSED) as response:
            return await listed_body(response)

    async def in_time(self, listing: Awaitable[T]) -> T:
        """What the server lists, which must not be long in coming. Raises ProviderError."""
        with self.translated():
            try:
                async with asyncio.timeout(_LISTING_SECONDS):
                    return await listing
            except TimeoutError:
                raise UpstreamUnavailable(
                    f"{self.where} did not list its models in {_LISTING_SECONDS:g} seconds."
                ) from None

    @contextmanager
    def translated(self) -> Generator[None, None, None]:
        """What the libraries raise inside comes out as a ProviderError, and none has the key."""
        try:
            yield
        except ProviderError as error:
            raise self.quiet(error) from None
        except httpx2.TransportError as error:
            raise self.quiet(self.broken(error)) from None
        except httpx2.HTTPError as error:
            raise self.quiet(
                UpstreamMalformed(f"{self.where} answered nonsense: {error}")
            ) from None

    def quiet(self, error: ProviderError) -> ProviderError:
        """The same error fit to be shown."""
        return self._secrets.quiet(error)

    def broken(self, error: BaseException) -> ProviderError:
        """A connection that could not be made, or was lost."""
        if isinstance(error, httpx2.RemoteProtocolError):
            return UpstreamMalformed(
                f"{self.where} does not speak HTTP as it should; check the base URL. {error}"
            )
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return UpstreamUnavailable(f"{self.unreachable()} {error}")
        return UpstreamUnavailable(f"{self.where} broke the connection; try again. {error}")

    def unreachable(self) -> str:
        """The sentence for a server that is not there."""
        return f"{self.where} cannot be reached; check that it runs, and the base URL."

    def refused(self, status: int, said: str, headers: Mapping[str, str]) -> ProviderError:
        """The error for an answer that is no success; `said` is the server's own sentence."""
        return refusal(self.where, status, said, headers=headers, has_key=self.has_key)

    async def _check_status(self, response: httpx2.Response) -> None:
        """Before anybody reads on: an error's body may be endless."""
        if not response.is_success:
            body = await _beginning(response)
            raise self.refused(response.status_code, said_by(body), response.headers)


async def _name_trace(request: httpx2.Request) -> None:
    traceparent = TRACEPARENT.get()
    if traceparent is not None:
        request.headers.setdefault("traceparent", traceparent)


async def listed_body(response: httpx2.Response) -> bytes:
    """A whole body, of a list or the like. Raises UpstreamTooLarge for one that is too long."""
    body = bytearray()
    async with aclosing(response.aiter_bytes()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > _MOST_LISTING_BYTES:
                raise UpstreamTooLarge(
                    f"The model's server sent more than {_MOST_LISTING_BYTES} bytes in one piece. "
                    "Check what the provider's base URL points to."
                )
    return bytes(body)


def json_bytes(body: Mapping[str, Any]) -> bytes:
    """Raises UpstreamRejected for what no JSON can carry: an endless number, half a surrogate."""
    try:
        return json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except (RecursionError, TypeError, ValueError) as error:
        raise UpstreamRejected(f"The request cannot be written as JSON: {error}") from None


async def _beginning(response: httpx2.Response) -> bytes:
    """What comes of an error's body in a few seconds, and not much more than is needed."""
    body = bytearray()
    with suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_REFUSAL_SECONDS), aclosing(response.aiter_bytes()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) >= _MOST_REFUSAL_BYTES:
                    break
    return bytes(body)
