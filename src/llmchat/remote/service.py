"""A service at the end of a wire: its HTTP API as a Service."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from llmchat.conversing.base import Catalogue, Fields, Said, Standing
from llmchat.conversing.details import Details
from llmchat.conversing.happenings import Happening
from llmchat.conversing.names import checked_id
from llmchat.domain import Message, MessageOrder, Page, Wanted
from llmchat.events import Entry
from llmchat.ids import ConversationId, GenerationId, MessageId
from llmchat.remote import shapes
from llmchat.remote.connection import Connection
from llmchat.remote.following import follow
from llmchat.remote.watching import watch

_CONVERSATIONS = "/api/conversations"
_LISTED = 100
_MARKS = {True: "true", False: "false", None: "all"}


class RemoteService:
    """A Service. What a lost connection may have done already is only done again where that changes
    nothing: a conversation with neither a name nor an answer may be there, and is said to be
    unknown."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(self, fields: Fields) -> Details:
        named = "session_id" in fields
        found = await self._connection.ask("POST", _CONVERSATIONS, fields=fields, repeatable=named)
        return shapes.shaped(shapes.details_of, found)

    async def get(self, id: ConversationId) -> Details:
        return shapes.shaped(shapes.details_of, await self._show(id))

    async def list(self, wanted: Wanted, *, cursor: str | None) -> Page[Details]:
        pinned = None if wanted.pinned is None else _MARKS[wanted.pinned]
        query = {
            "limit": _LISTED,
            "cursor": cursor,
            "q": wanted.query,
            "archived": _MARKS[wanted.archived],
            "pinned": pinned,
        }
        found = await self._connection.ask("GET", _CONVERSATIONS, query=query)
        return shapes.shaped(shapes.page_of(shapes.details_of), found)

    async def change(self, id: ConversationId, fields: Fields) -> Details:
        found = await self._connection.ask("PATCH", _path(_CONVERSATIONS, id), fields=fields)
        return shapes.shaped(shapes.details_of, found)

    async def delete(self, id: ConversationId) -> None:
        await self._connection.ask("DELETE", _path(_CONVERSATIONS, id))

    async def clear(self, id: ConversationId) -> None:
        await self._connection.ask("DELETE", _path(_CONVERSATIONS, id, "messages"))

    async def messages(
        self,
        id: ConversationId,
        *,
        leaf: MessageId | None,
        order: MessageOrder,
        limit: int,
        cursor: str | None,
    ) -> Page[Message]:
        query = {"limit": limit, "cursor": cursor, "leaf": leaf, "order": order}
        path = _path(_CONVERSATIONS, id, "messages")
        found = await self._connection.ask("GET", path, query=query)
        return shapes.shaped(shapes.page_of(shapes.message_of), found)

    async def live(self, id: ConversationId) -> Sequence[GenerationId]:
        return shapes.shaped(shapes.live_of, await self._show(id))

    async def say(self, id: ConversationId, fields: Fields, *, key: str) -> Said:
        return await self._said(_path(_CONVERSATIONS, id, "messages"), fields, key)

    async def regenerate(self, id: MessageId, fields: Fields, *, key: str) -> Said:
        return await self._said(_path("/api/messages", id, "regenerate"), fields, key)

    async def go_on(self, id: MessageId, fields: Fields, *, key: str) -> Said:
        return await self._said(_path("/api/messages", id, "continue"), fields, key)

    async def standing(self, id: GenerationId) -> Standing:
        found = await self._connection.ask("GET", _path("/api/generations", id))
        return shapes.shaped(shapes.standing_of, found)

    async def stop(self, id: GenerationId) -> None:
        path = _path("/api/generations", id, "stop")
        await self._connection.ask("POST", path, repeatable=True)

    def events(self, id: GenerationId, *, after: int) -> AsyncGenerator[Sequence[Entry], None]:
        _path("/api/generations", id)
        return follow(self._connection, id, after)

    def watch(self, id: ConversationId) -> AsyncGenerator[Happening, None]:
        _path(_CONVERSATIONS, id)
        return watch(self._connection, id)

    async def models(self) -> Catalogue:
        found = await self._connection.ask("GET", "/api/llm/models")
        return shapes.shaped(shapes.catalogue_of, found)

    async def _show(self, id: ConversationId) -> Any:
        return await self._connection.ask("GET", _path(_CONVERSATIONS, id))

    async def _said(self, path: str, fields: Fields, key: str) -> Said:
        found = await self._connection.ask("POST", path, fields=fields, key=key)
        return shapes.shaped(shapes.said_of, found)


def _path(collection: str, id: str, *rest: str) -> str:
    """Raises Invalid for an id that would lead to another path."""
    return "/".join([collection, checked_id(id), *rest])
