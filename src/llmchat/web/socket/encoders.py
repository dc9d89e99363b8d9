"""From what happens to the frames of a server: pure functions."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from llmchat.chat.feed import (
    ConversationChanged,
    MessageAdded,
    Passing,
    PresenceChanged,
)
from llmchat.chat.rooms import Company
from llmchat.chat.watching import Snapshot
from llmchat.events import Delta, Entry, name_of
from llmchat.ids import ConversationId, GenerationId
from llmchat.problem import Problem
from llmchat.web.once import Once
from llmchat.web.schemas import conversation_of, message_of
from llmchat.web.socket.frames import subject_of
from llmchat.web.sse import event_members

_LARGE_CHARS = 2048
_announced: Once[bytes] = Once(64)


def frame(type: str, ref: str | None = None, /, **members: Any) -> bytes:
    """Any frame: `ref` is that of the frame which it answers."""
    answering = {} if ref is None else {"ref": ref}
    return orjson.dumps({"type": type, **answering, **members})


def joined(snapshot: Snapshot, company: Company, ref: str | None) -> bytes:
    conversation = snapshot.conversation
    return frame(
        "joined",
        ref,
        conversation_id=conversation.id,
        conversation=conversation_of(conversation).model_dump(mode="json"),
        members=company.present,
        typing=company.typing,
        generations=snapshot.generations,
    )


def announcement(id: ConversationId, news: MessageAdded | ConversationChanged | Passing) -> bytes:
    return _announced(news, lambda: _encode_announcement(id, news))


def _encode_announcement(
    id: ConversationId, news: MessageAdded | ConversationChanged | Passing
) -> bytes:
    match news:
        case MessageAdded(message):
            shown = message_of(message).model_dump(mode="json")
            return frame("message", conversation_id=id, message=shown)
        case ConversationChanged(conversation):
            shown = conversation_of(conversation).model_dump(mode="json")
            return frame("conversation", conversation_id=id, conversation=shown)
        case PresenceChanged(user, came, present):
            return frame("presence", conversation_id=id, user=user, present=came, members=present)
        case _:
            return frame("typing", conversation_id=id, user=news.user, typing=news.typing)


def event(conversation: ConversationId, id: GenerationId, entry: Entry) -> bytes:
    if isinstance(entry.event, Delta) and len(entry.event.text) > _LARGE_CHARS:
        return _remembered_large(conversation, id, entry)
    return _remembered(conversation, id, entry)


def _encode_event(conversation: ConversationId, id: GenerationId, entry: Entry) -> bytes:
    of = {"conversation_id": conversation, "generation_id": id}
    return frame(name_of(entry.event), **{**event_members(entry), **of})


# All in a room share their entries, so each frame is made once for all of them.
_remembered = lru_cache(maxsize=512)(_encode_event)
_remembered_large = lru_cache(maxsize=16)(_encode_event)


def error(problem: Problem, ref: str | None) -> bytes:
    return frame("error", ref, error=problem.detail, problem=problem.as_json())


def refusal(asked: dict[str, Any], problem: Problem, ref: str | None) -> bytes:
    """The answer to a frame that was refused: of the kind that its sender waits for."""
    match asked.get("type"):
        case "llm_request":
            return llm_error(subject_of(asked), problem, datetime.now(UTC), ref)
        case "send_message":
            return message_error(subject_of(asked), problem, ref)
        case _:
            return error(problem, ref)


def message_error(conversation: str | None, problem: Problem, ref: str | None) -> bytes:
    return frame(
        "message_status",
        ref,
        conversation_id=conversation,
        status="error",
        error=problem.detail,
        problem=problem.as_json(),
    )


def llm_error(conversation: str | None, problem: Problem, at: datetime, ref: str | None) -> bytes:
    return frame(
        "llm_error",
        ref,
        error=problem.detail,
        conversation_id=conversation,
        timestamp=at,
        problem=problem.as_json(),
    )
