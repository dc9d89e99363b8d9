"""A service over HTTP: asked once by each call, however often that takes."""

import json
import os
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2

from llmchat.errors import Invalid, LlmchatError, NotFound, RateLimited, ShuttingDown, Unavailable
from llmchat.remote.patience import Patience
from llmchat.remote.refusals import refusal

DEFAULT_URL = "http://127.0.0.1:8000"
URL_NAME = "LLMCHAT_URL"
KEY_NAME = "LLMCHAT_API_KEY"
_CONNECT_SECONDS = 10.0
_ASK_SECONDS = 30.0
# Less than a server waits: it could close a connection in the moment in which it is used again.
_IDLE_SECONDS = 3.0
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
# They change nothing a second time; POST does, unless it has an Idempotency-Key.
_REPEATABLE = frozenset({"GET", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Habits:
    """`patience_seconds`: how long a service that was there may be away before a call fails.
    `silence_seconds`: how long a stream may be silent, heartbeats included, before it is taken for
    dead. `first_retry_seconds`: the longest first wait; later ones are longer."""

    patience_seconds: float = 60.0
    silence_seconds: float = 45.0
    first_retry_seconds: float = 0.5

    def __post_init__(self) -> None:
        for name in ("patience_seconds", "silence_seconds", "first_retry_seconds"):
            seconds = getattr(self, name)
            if not 0 <= seconds <= 86_400:
                raise Invalid(f"{name} is {seconds}, and must be from 0 to 86400.")


class Connection:
    """Knows one address and one key. `async with` opens and closes its sockets."""

    def __init__(self, url: str | None, key: str | None, habits: Habits) -> None:
        self.url = _checked_url(url or os.environ.get(URL_NAME) or DEFAULT_URL)
        self.habits = habits
        self._key = _checked_key(key or _key_of_the_environment())
        self._met = False
        self._http: httpx2.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        # A plain connection needs none of the machine's certificates, which take a while to read.
        plain = self.url.startswith("http:")
        self._http = httpx2.AsyncClient(
            base_url=self.url,
            headers={} if self._key is None else {"Authorization": f"Bearer {self._key}"},
            timeout=httpx2.Timeout(_ASK_SECONDS, connect=_CONNECT_SECONDS, pool=None),
            limits=httpx2.Limits(
                max_connections=None,
                max_keepalive_connections=20,
                keepalive_expiry=_IDLE_SECONDS,
            ),
            # A proxy for the world knows nothing of this machine.
            trust_env=urlsplit(self.url).hostname not in _LOCAL,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True,
            # The key goes to this address, and nowhere else.
            follow_redirects=False,
        )
        return self

    async def __aexit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()

    def patience(self) -> Patience:
        return Patience(self.habits.patience_seconds, first_seconds=self.habits.first_retry_seconds)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        fields: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int | bool | None] | None = None,
        key: str | None = None,
        repeatable: bool = False,
    ) -> Any:
        """The JSON of the answer, None of one without a body. Attempted again, for as long as the
        patience lasts, after a lost connection when that does no harm, and after 429 and 503 as
        long as the service says. Raises LlmchatError."""
        content = None if fields is None else json_bytes(fields)
        headers = {} if content is None else {"Content-Type": "application/json"}
        headers |= {} if key is None else {"Idempotency-Key": key}
        params = {name: value for name, value in (query or {}).items() if value is not None}
        again = repeatable or method in _REPEATABLE or key is not None
        patience = self.patience()
        lost = False
        while True:
            try:
                response = await self._opened.request(
                    method, path, content=content, headers=headers, params=params
                )
            except httpx2.RequestError as error:
                problem = self.away(error)
                if not again and not isinstance(error, httpx2.ConnectError):
                    raise problem from None
                lost = True
                await self._outlast(patience, problem)
                continue
            self._met = True
            if response.is_success:
                return self._json(response)
            refused = refusal(response, self.url)
            if lost and method == "DELETE" and isinstance(refused, NotFound):
                return None  # The attempt whose answer was lost has done it.
            # Behind a proxy's own 502 it may have been done all the same.
            taken = not isinstance(refused, RateLimited | ShuttingDown)
            if not isinstance(refused, RateLimited | Unavailable) or (taken and not again):
                raise refused
            await patience.outlast(refused, retry_after=refused.retry_after_seconds)

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Mapping[str, str]
    ) -> AsyncGenerator[httpx2.Response, None]:
        """An answer whose body is yet to come. Raises httpx2.RequestError, and LlmchatError for
        what is refused."""
        # The silence of a stream is measured by whoever reads it.
        timeout = httpx2.Timeout(None, connect=_CONNECT_SECONDS)
        # What is compressed on the way would come late.
        accept = {"Accept": "text/event-stream", "Accept-Encoding": "identity", **headers}
        async with self._opened.stream("GET", path, headers=accept, timeout=timeout) as response:
            self._met = True
            if not response.is_success:
                await response.aread()
                raise refusal(response, self.url)
            yield response

    def away(self, error: httpx2.RequestError | TimeoutError) -> Unavailable:
        """What to say of a service that cannot be reached."""
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return Unavailable(
                f"Nothing answers at {self.url}. Start the service there (`llmchat serve`), or "
                f"give another address ({URL_NAME})."
            )
        said = str(error) or type(error).__name__
        return Unavailable(f"The connection to {self.url} was lost, and does not come back: {said}")

    async def outlast(self, patience: Patience, error: httpx2.RequestError | TimeoutError) -> None:
        """Wait for a service that was there; raises Unavailable for one that never was."""
        await self._outlast(patience, self.away(error))

    async def _outlast(self, patience: Patience, problem: LlmchatError) -> None:
        if not self._met:
            # Most probably the address is wrong, and nobody wants to wait for that.
            raise problem
        await patience.outlast(problem)

    @property
    def _opened(self) -> httpx2.AsyncClient:
        if self._http is None or self._http.is_closed:
            raise Invalid("The client is not open: use it inside `async with`.")
        return self._http

    def _json(self, response: httpx2.Response) -> Any:
        if response.status_code == 204:
            return None
        try:
            return response.json()
        except (ValueError, RecursionError):
            raise Unavailable(
                f"{self.url} answers, but not as llmchat does. Check the address."
            ) from None


def json_bytes(fields: Mapping[str, Any]) -> bytes:
    """Raises Invalid for what no JSON can carry."""
    try:
        return json.dumps(fields, allow_nan=False).encode()
    except (RecursionError, TypeError, ValueError) as error:
        raise Invalid(f"This cannot be written as JSON: {error}.") from None


def _checked_url(url: str) -> str:
    try:
        parsed = urlsplit(url)
        whole = parsed.scheme in ("http", "https") and parsed.hostname and parsed.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise Invalid(f"{url!r} is no address of a service; one looks like {DEFAULT_URL}.")
    return url.rstrip("/")


def _key_of_the_environment() -> str | None:
    file = os.environ.get(f"{KEY_NAME}_FILE")
    if not file:
        return os.environ.get(KEY_NAME) or None
    try:
        return Path(file).read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise Invalid(f"{KEY_NAME}_FILE: {file} cannot be read: {error}.") from None


def _checked_key(key: str | None) -> str | None:
    if key is not None and not _is_token(key):
        raise Invalid("The key has characters that no key has; one looks like sk-llmchat-….")
    return key


def _is_token(text: str) -> bool:
    return bool(text) and all("!" <= char <= "~" for char in text)
