"""The stream of a conversation over any number of connections: each begins with a snapshot."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from llmchat.conversing.happenings import (
    AnswerEvent,
    ConversationChanged,
    ConversationDeleted,
    Happening,
    LiveAnswer,
    MessageAdded,
    Snapshot,
    TypingChanged,
)
from llmchat.ids import ConversationId, GenerationId, MessageId
from llmchat.remote import shapes
from llmchat.remote.connection import Connection
from llmchat.remote.following import Cursor, said_in, tool_call_of
from llmchat.remote.reading import Broken, Line, read


def watch(connection: Connection, id: ConversationId) -> AsyncGenerator[Happening, None]:
    """All that happens, until the conversation is deleted. Raises as `read` does."""
    path = f"/api/conversations/{id}/stream"

    async def happenings(line: Line) -> AsyncGenerator[Happening, None]:
        told = _Told()
        async with aclosing(line.events(path, {})) as events:
            async for sent in events:
                happening = told.happening(sent.event, said_in(sent))
                if happening is not None:
                    line.over = isinstance(happening, ConversationDeleted)
                    yield happening

    return read(connection, happenings)


class _Told:
    """How far one connection has told of each answer."""

    def __init__(self) -> None:
        self._cursors: dict[str, Cursor] = {}

    def happening(self, name: str, said: Mapping[str, Any]) -> Happening | None:
        """None for what a newer service sends, and for what was told already. Raises Broken."""
        try:
            if "generation_id" in said and "offset" in said:
                return self._answer_event(name, said)
            return self._other(name, said)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise Broken(f"{name} cannot be read: {error!r}") from None

    def _answer_event(self, name: str, said: Mapping[str, Any]) -> AnswerEvent | None:
        id = GenerationId(said["generation_id"])
        cursor = self._cursors.setdefault(id, Cursor(0))
        if said["offset"][1] <= cursor.after:
            return None  # An answer that ended while the snapshot was made is told once more.
        entry = cursor.entry(name, said)
        return None if entry is None else AnswerEvent(id, entry)

    def _other(self, name: str, said: Mapping[str, Any]) -> Happening | None:
        match name:
            case "snapshot":
                answers = [_live_answer(each) for each in said["generations"]]
                self._cursors = {answer.id: Cursor(answer.offset) for answer in answers}
                return Snapshot(shapes.details_of(said["conversation"]), answers)
            case "message":
                return MessageAdded(shapes.message_of(said))
            case "conversation" if said.get("deleted"):
                return ConversationDeleted()
            case "conversation":
                return ConversationChanged(shapes.details_of(said))
            case "typing":
                return TypingChanged(said["user"], said["typing"])
        return None


def _live_answer(found: Mapping[str, Any]) -> LiveAnswer:
    return LiveAnswer(
        id=GenerationId(found["id"]),
        message_id=MessageId(found["message_id"]),
        model=found["model"],
        text=found["text"],
        reasoning=found["reasoning"],
        tool_calls=[tool_call_of(call) for call in found["tool_calls"]],
        offset=int(found["offset"]),
    )
