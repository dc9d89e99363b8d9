"""HTTP for the openai client over aiohttp, with a short way to the bytes of a long answer."""

import io
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import contextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2

_ANSWER = "aiohttp_answer"


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """httpx2's port over an aiohttp session without a limit of connections: each live generation
    holds one, and how many there may be is decided elsewhere.

    Timeouts are for connecting only; how long an answer may be silent is the generation's matter.
    """

    def __init__(self, base_url: str, *, connect_seconds: float) -> None:
        # Not aiohttp's `trust_env`: it would also take a key from ~/.netrc, and then refuse to send
        # that beside ours.
        self._proxy = proxy_for(base_url)
        # Where opening one takes a TLS handshake. Over plain HTTP it takes nothing, and llama.cpp
        # promises to keep its connections and then closes them: every other request would be
        # written into one that is gone.
        self.keeps_connections = urlsplit(base_url).scheme == "https"
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=None, sock_connect=connect_seconds, sock_read=None
        )
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=not self.keeps_connections),
                timeout=self._timeout,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        content = await request.aread()
        with _translated():
            answer = await self._session.request(
                request.method,
                str(request.url),
                headers=request.headers.multi_items(),
                # As a file it is sent in pieces; a long conversation at once would block the loop.
                data=io.BytesIO(content) if content else None,
                allow_redirects=False,
                proxy=self._proxy,
            )
        return httpx2.Response(
            answer.status,
            headers=answer.raw_headers,
            stream=_Body(answer),
            request=request,
            extensions={_ANSWER: answer},
        )

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()


async def body_of(response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    """The body as it comes, all that is there at once, undecoded.

    Straight from the socket's buffer: httpx2 would pass each piece through four generators, and a
    token's way is mostly such steps. Raises DecodingError for a body that was encoded, though
    nobody asked for that.
    """
    if encoding := response.headers.get("content-encoding", "").replace("identity", ""):
        raise httpx2.DecodingError(
            f"an answer that is compressed ({encoding}) comes late; turn that off for streams"
        )
    answer: aiohttp.ClientResponse = response.extensions[_ANSWER]
    content, connection = answer.content, answer.connection
    socket = None if connection is None else connection.transport
    with _translated():
        try:
            while data := await content.readany():
                if socket is None or content.is_eof():
                    # All has come, and its connection may already serve another request.
                    yield data
                    continue
                # While this is being stored nothing more is read: what comes meanwhile is then one
                # read and one wake-up, and not one for each token.
                socket.pause_reading()
                yield data
                socket.resume_reading()
        except aiohttp.ClientError:
            # A broken connection is told before what had come over it: that is still in there.
            if data := content._read_nowait(-1):  # noqa: SLF001 - there is no other way to it
                yield data
            raise


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this server; none for one on this machine, which a
    proxy elsewhere cannot reach."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_this_machine(host) or proxy_bypass(host):
        return None
    return getproxies().get(parts.scheme)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated():
            while data := await self._answer.content.readany():
                yield data

    async def aclose(self) -> None:
        # An answer that was read to its end has given its connection back already.
        self._answer.close()


@contextmanager
def _translated() -> Generator[None, None, None]:
    try:
        yield
    except TimeoutError as error:
        raise httpx2.ConnectTimeout("no connection in time") from error
    except aiohttp.ClientConnectorError as error:
        raise httpx2.ConnectError(str(error)) from error
    except aiohttp.ClientResponseError as error:
        raise httpx2.RemoteProtocolError(error.message) from error
    except (aiohttp.ClientError, RuntimeError) as error:
        # RuntimeError is aiohttp's word for reading on a connection that we closed ourselves.
        raise httpx2.ReadError(str(error) or type(error).__name__) from error


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
