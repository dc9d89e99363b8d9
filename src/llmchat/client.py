"""The HTTP client: `from llmchat.client import Client`. It loads nothing of the service."""

from types import TracebackType
from typing import Self

from llmchat.conversing.chats import Chats
from llmchat.remote.connection import Connection, Habits
from llmchat.remote.service import RemoteService


class Client(Chats):
    """A service over HTTP, with the same methods as one in this process.

        async with Client("https://chat.example.com", key="sk-llmchat-…") as client:
            conversation = await client.create()
            async for piece in await conversation.send("Hello"):
                print(piece, end="")

    Lost connections, restarts, 429 and 503 are its business: a message is sent once, and of an
    answer each piece comes once, in order. It raises Unavailable when a service that was there is
    away for longer than `patience_seconds`, and at once when there never was one.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        patience_seconds: float = 60.0,
        silence_seconds: float = 45.0,
        first_retry_seconds: float = 0.5,
    ) -> None:
        """`url` is LLMCHAT_URL unless given, or http://127.0.0.1:8000; `key` is LLMCHAT_API_KEY. A
        stream that says nothing for `silence_seconds` is opened anew: more than the service's
        LLMCHAT_HEARTBEAT_SECONDS. Raises Invalid for what is no address or no key."""
        habits = Habits(patience_seconds, silence_seconds, first_retry_seconds)
        self._connection = Connection(url, key, habits)
        super().__init__(RemoteService(self._connection))

    @property
    def url(self) -> str:
        return self._connection.url

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._connection.__aexit__(kind, error, at)
