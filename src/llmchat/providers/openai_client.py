"""The openai client for one server: how it is opened, and its failures as ours."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llmchat.errors import UpstreamMalformed
from llmchat.providers.http_client import HttpClient

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_NO_KEY = "none"
_OPENAI = "api.openai.com"


class OpenAIClient(HttpClient):
    """Over the same connections, what the openai client knows: its headers and its paths."""

    def __init__(
        self, name: str, *, base_url: str, api_key: str | None, headers: Mapping[str, str]
    ) -> None:
        super().__init__(name, base_url=base_url, api_key=api_key, headers=headers)
        self._api_key = api_key
        self._client: AsyncOpenAI | None = None

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI itself, and not one of all those who speak like it."""
        return urlsplit(self.base_url).hostname == _OPENAI

    def open(self) -> "AsyncOpenAI":
        if self._client is None:
            self._client = self._open()
        return self._client

    @contextmanager
    def translated(self) -> Generator[None, None, None]:
        import openai

        with super().translated():
            try:
                yield
            except openai.APIConnectionError as error:
                raise self.broken(error.__cause__ or error) from None
            except openai.APIError as error:
                raise UpstreamMalformed(f"{self.where} answered nonsense: {error}") from None

    def _open(self) -> "AsyncOpenAI":
        # Half a second that `llmchat --help` need not pay.
        from openai import AsyncOpenAI

        client = AsyncOpenAI(
            base_url=self.base_url,
            api_key=self._api_key or _NO_KEY,
            default_headers=dict(self._headers),
            max_retries=0,
            timeout=None,
            http_client=self.http,
        )
        if not self.is_openai:
            # The client takes these from OPENAI_ORG_ID and OPENAI_PROJECT_ID, whatever the server.
            client.organization = client.project = None
        return client
