"""The openai client for one server: how it is opened, and its failures as ours."""

import asyncio
from collections.abc import Generator, Mapping
from contextlib import aclosing, contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

from llmchat.errors import ProviderError, UpstreamMalformed, UpstreamTooLarge, UpstreamUnavailable
from llmchat.providers.openai_errors import refusal, said_by
from llmchat.providers.transport import AiohttpTransport
from llmchat.text import clean

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_CONNECT_SECONDS = 10.0
_MOST_REFUSAL_BYTES = 64 * 1024
_REFUSAL_SECONDS = 5.0
_MOST_DETAIL_CHARS = 700
_LEAST_SECRET_CHARS = 4
_NO_KEY = "none"
_OPENAI = "api.openai.com"


class OpenAIClient:
    """Knows one server and the key to it."""

    def __init__(
        self, name: str, *, base_url: str, api_key: str | None, headers: Mapping[str, str]
    ) -> None:
        self.where = f"{name} ({base_url})"
        self._base_url = base_url
        self._api_key = api_key
        self._headers = headers
        self._opened: AsyncOpenAI | None = None

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI itself, and not one of all those who speak like it."""
        return urlsplit(self._base_url).hostname == _OPENAI

    def open(self) -> "AsyncOpenAI":
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    @contextmanager
    def translated(self) -> Generator[None, None, None]:
        """What the libraries raise inside comes out as a ProviderError, and none has the key."""
        import openai

        try:
            yield
        except ProviderError as error:
            raise self.quiet(error) from None
        except (openai.APIConnectionError, httpx2.TransportError) as error:
            raise self.quiet(self._broken(error)) from None
        except (openai.APIError, httpx2.HTTPError) as error:
            raise self.quiet(
                UpstreamMalformed(f"{self.where} answered nonsense: {error}")
            ) from None

    def quiet(self, error: ProviderError) -> ProviderError:
        """The same error fit to be shown: without secrets, which servers like to quote, on one
        line, and not longer than a person reads."""
        detail = " ".join(clean(error.detail).split())
        for secret in self._secrets():
            detail = detail.replace(secret, "…")
        if len(detail) > _MOST_DETAIL_CHARS:
            detail = f"{detail[:_MOST_DETAIL_CHARS]}…"
        return type(error)(detail, retry_after_seconds=error.retry_after_seconds)

    def _secrets(self) -> list[str]:
        # A header may hold a key as well, perhaps behind a word such as Bearer.
        words = [word for value in self._headers.values() for word in value.split()]
        secrets = {*words, self._api_key or ""}
        return sorted((s for s in secrets if len(s) >= _LEAST_SECRET_CHARS), key=len, reverse=True)

    def _broken(self, error: Exception) -> ProviderError:
        cause = error.__cause__ or error
        if isinstance(cause, httpx2.RemoteProtocolError):
            return UpstreamMalformed(
                f"{self.where} does not speak HTTP as it should; check the base URL. {cause}"
            )
        if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
            return UpstreamUnavailable(
                f"{self.where} cannot be reached; check that it runs, and the base URL. {cause}"
            )
        return UpstreamUnavailable(f"{self.where} broke the connection. {cause}")

    def _open(self) -> "AsyncOpenAI":
        # Half a second that `llmchat --help` need not pay.
        from openai import AsyncOpenAI

        client = AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._api_key or _NO_KEY,
            default_headers=dict(self._headers),
            max_retries=0,
            timeout=None,
            http_client=httpx2.AsyncClient(
                transport=AiohttpTransport(self._base_url, connect_seconds=_CONNECT_SECONDS),
                timeout=None,
                # The key and the conversation go where the operator said, and nowhere else.
                follow_redirects=False,
                event_hooks={"response": [self._check_status]},
            ),
        )
        if not self.is_openai:
            # The client takes these from OPENAI_ORG_ID and OPENAI_PROJECT_ID, whatever the server.
            client.organization = client.project = None
        return client

    async def _check_status(self, response: httpx2.Response) -> None:
        """Before the openai client does, which would read an error's body however long it is."""
        if response.is_success:
            return
        body = await _beginning(response)
        raise refusal(
            self.where,
            response.status_code,
            said_by(body),
            headers=response.headers,
            has_key=self._api_key is not None,
        )


async def whole_body(response: httpx2.Response, *, most_bytes: int) -> bytes:
    """Raises UpstreamTooLarge for more than so many bytes."""
    body = bytearray()
    async with aclosing(response.aiter_bytes()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > most_bytes:
                raise UpstreamTooLarge(
                    f"The model's server sent more than {most_bytes} bytes in one piece. "
                    "Check what the provider's base URL points to."
                )
    return bytes(body)


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
