"""What a program does with the native API: converse, send, stop, look."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.reader import Reader

Json = dict[str, Any]

_PATIENCE_SECONDS = 30.0
# Reading the machine's certificates, which nobody needs here, takes a quarter of a second.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True, slots=True)
class Sent:
    """The answer to a send: the three objects as the service gave them."""

    message: Json
    reply: Json
    generation: Json
    stream_url: str

    @property
    def generation_id(self) -> str:
        return str(self.generation["id"])

    @property
    def reply_id(self) -> str:
        return str(self.reply["id"])


class Client:
    """Every call fails the test when the service refuses it; `http` is for those that it must."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def conversation(self, **fields: Any) -> str:
        """Begin one; its id."""
        made = await self._json("POST", "/api/conversations", json=fields)
        return str(made["id"])

    async def send(
        self,
        conversation_id: str,
        content: str | list[Json] = "hello",
        *,
        key: str | None = None,
        **fields: Any,
    ) -> Sent:
        """Ask something; `fields` are model, params, on_busy, parent_id."""
        response = await self.try_send(conversation_id, content, key=key, **fields)
        assert response.status_code == 202, response.text
        return Sent(**response.json())

    async def try_send(
        self,
        conversation_id: str,
        content: str | list[Json] = "hello",
        *,
        key: str | None = None,
        **fields: Any,
    ) -> httpx2.Response:
        """The same, whatever the answer."""
        return await self.http.post(
            f"/api/conversations/{conversation_id}/messages",
            json={"content": content, **fields},
            headers={} if key is None else {"Idempotency-Key": key},
        )

    def reader(self, generation_id: str, *, after: int = 0) -> Reader:
        """Somebody who reads the generation's stream from there on."""
        return Reader(self.http, generation_id, after=after)

    async def read(self, generation_id: str) -> Reader:
        """The whole stream, to its end."""
        return await self.reader(generation_id).read_to_end()

    async def generation(self, generation_id: str) -> Json:
        return await self._json("GET", f"/api/generations/{generation_id}")

    async def stop(self, generation_id: str) -> Json:
        return await self._json("POST", f"/api/generations/{generation_id}/stop")

    async def show(self, conversation_id: str) -> Json:
        """The conversation itself, with what is active in it."""
        return await self._json("GET", f"/api/conversations/{conversation_id}")

    async def messages(self, conversation_id: str) -> list[Json]:
        """The whole active branch, the oldest first, page by page."""
        items: list[Json] = []
        cursor: dict[str, str] = {}
        while True:
            query = {"limit": "200", **cursor}
            page = await self._json(
                "GET", f"/api/conversations/{conversation_id}/messages", params=query
            )
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = {"cursor": page["next_cursor"]}

    async def message(self, conversation_id: str, message_id: str) -> Json:
        """One message, as the history shows it at the end of its branch."""
        query = {"leaf": message_id, "order": "desc", "limit": "1"}
        page = await self._json(
            "GET", f"/api/conversations/{conversation_id}/messages", params=query
        )
        [message] = page["items"]
        return dict(message)

    async def _json(self, method: str, path: str, **request: Any) -> Json:
        response = await self.http.request(method, path, **request)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        body: Json = response.json()
        return body


@asynccontextmanager
async def connect(base_url: str) -> AsyncIterator[Client]:
    """A client of the service at this address, with as many connections as it needs."""
    async with httpx2.AsyncClient(
        base_url=base_url,
        timeout=_PATIENCE_SECONDS,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
        trust_env=False,
        verify=_NO_CERTIFICATES,
    ) as http:
        yield Client(http)
