"""One connection to a WebSocket for each answer: how it is opened, read and left."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from urllib.parse import parse_qsl

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from llmchat.errors import ProviderError, UpstreamUnavailable
from llmchat.origin import TRACEPARENT
from llmchat.providers.secrets import Secrets
from llmchat.providers.sse import MOST_EVENT_BYTES
from llmchat.providers.transport import proxy_for
from llmchat.providers.websocket_errors import closed, unopened

_OPEN_SECONDS = 10.0
_OURS = {"X-API-Version": "v1", "X-Client-ID": "llmchat"}
# An answer is whole by then: how its connection ends is a courtesy.
_CLOSE_SECONDS = 0.2
# Each may have as many bytes as one message: what comes beyond them waits at the server.
_MOST_WAITING_MESSAGES = 4
# The library would tell of every header and every word at DEBUG.
_LOGGER = logging.getLogger(f"{__name__}.library")
_LOGGER.setLevel(logging.ERROR)


class WebSocketClient:
    """Knows one server and the key to it.

    `ping_seconds` is how long it may be silent before it is asked for a sign of life, and how long
    that may take. The operator's `headers` win over ours.
    """

    def __init__(
        self,
        name: str,
        *,
        url: str,
        api_key: str | None,
        headers: Mapping[str, str],
        ping_seconds: float,
    ) -> None:
        place, _, query = url.partition("?")
        # What follows may be a key.
        self.where = f"{name} ({place})"
        self._url = url
        self._has_key = api_key is not None
        key = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        given = {name.lower() for name in headers}
        ours = {name: value for name, value in (_OURS | key).items() if name.lower() not in given}
        self._headers = {**ours, **headers}
        asked = [query, *(value for _, value in parse_qsl(query))]
        self._secrets = Secrets([*headers.values(), api_key or "", *asked])
        self._ping_seconds = ping_seconds

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["Conversation", None]:
        """Open for as long as it is used: left in any way but at its end, it is cut off."""
        with self.translated():
            connection = await self._connect()
        try:
            yield Conversation(self, connection, self._ping_seconds)
            await connection.close()
        finally:
            # Does nothing when it is closed. Nobody waits for the other side's farewell.
            connection.transport.abort()
            await connection.wait_closed()

    @contextmanager
    def translated(self) -> Generator[None, None, None]:
        """What the library raises inside comes out as a ProviderError, and none has the key."""
        try:
            yield
        except ProviderError as error:
            raise self.quiet(error) from None
        except ConnectionClosed as error:
            broken = closed(self.where, error, has_key=self._has_key)
            raise self.quiet(
                broken or UpstreamUnavailable(f"{self.where} closed the connection.")
            ) from None
        except (WebSocketException, OSError, ImportError, UnicodeError) as error:
            raise self.quiet(unopened(self.where, error, has_key=self._has_key)) from None

    def ended(self, error: ConnectionClosed) -> None:
        """Raises ProviderError unless the server ended the connection as it should."""
        if (broken := closed(self.where, error, has_key=self._has_key)) is not None:
            raise broken

    def quiet(self, error: ProviderError) -> ProviderError:
        """The same error fit to be shown."""
        return self._secrets.quiet(error)

    def _sent(self) -> Mapping[str, str]:
        traceparent = TRACEPARENT.get()
        trace = {} if traceparent is None else {"traceparent": traceparent}
        return {**trace, **self._headers}

    async def _connect(self) -> ClientConnection:
        return await _Connect(
            self._url,
            additional_headers=self._sent(),
            user_agent_header="llmchat",
            compression=None,
            proxy=proxy_for("http" + self._url.removeprefix("ws")),
            open_timeout=_OPEN_SECONDS,
            # Ours are sent in silence only: a taker that is slow for a while reads no answers.
            ping_interval=None,
            close_timeout=_CLOSE_SECONDS,
            max_size=MOST_EVENT_BYTES,
            max_queue=_MOST_WAITING_MESSAGES,
            logger=_LOGGER,
            create_connection=_Connection,
        )


class Conversation:
    """What is said over one connection."""

    def __init__(
        self, client: WebSocketClient, connection: ClientConnection, ping_seconds: float
    ) -> None:
        assert isinstance(connection, _Connection)
        self._client = client
        self._connection = connection
        self._ping_seconds = ping_seconds

    async def say(self, message: bytes) -> None:
        """Whether it was heard is known from what comes back: a server that refuses us says so and
        closes, perhaps before it has read anything."""
        with suppress(ConnectionClosed):
            await self._connection.send(message, text=True)

    async def hear(self) -> list[bytes]:
        """Every message that has come, and at least one; none when the server has ended the
        connection as it should. Raises ProviderError."""
        messages: list[bytes] = []
        with self._client.translated():
            try:
                messages.append(await self._next())
                arrived = self._connection.arrived
                while len(messages) <= arrived:
                    messages.append(await self._connection.recv(decode=False))
            except ConnectionClosed as error:
                # With messages before it, it is met again when those are taken.
                if not messages:
                    self._client.ended(error)
        return messages

    async def _next(self) -> bytes:
        pong: asyncio.Future[float] | None = None
        while True:
            try:
                async with asyncio.timeout(self._ping_seconds):
                    return await self._connection.recv(decode=False)
            except TimeoutError:
                if pong is not None and not pong.done():
                    raise UpstreamUnavailable(
                        f"{self._client.where} does not answer pings: it hangs, or the connection "
                        "to it is lost."
                    ) from None
            pong = asyncio.ensure_future(await self._connection.ping())


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception:
        """The key and the conversation go where the operator said, and nowhere else."""
        return exc


class _Connection(ClientConnection):
    @property
    def arrived(self) -> int:
        """How many whole messages wait to be received: that many will not keep anybody waiting."""
        return sum(frame.fin for frame in self.recv_messages.frames.queue)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.protocol.close_expected():
            return
        # Both sides have said that this is the end, or there is no going on with what came. The
        # library waits for the server to cut the connection, and would wait for ever.
        if self.protocol.close_rcvd is None or self.paused:
            self.transport.abort()
        else:
            self.transport.close()
