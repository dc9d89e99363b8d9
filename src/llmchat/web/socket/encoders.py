"""From what happens to the frames of a server: pure functions."""

from datetime import datetime
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
from llmchat.errors import Problem
from llmchat.events import Entry, name_of
from llmchat.ids import ConversationId, GenerationId
from llmchat.web.schemas import conversation_of, message_of
from llmchat.web.sse import event_members


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


def _encode_event(conversation: ConversationId, id: GenerationId, entry: Entry) -> bytes:
    of = {"conversation_id": conversation, "generation_id": id}
    return frame(name_of(entry.event), **{**event_members(entry), **of})


# All in a room share their entries, so each frame is made once for all of them.
event = lru_cache(maxsize=256)(_encode_event)


def error(problem: Problem, ref: str | None) -> bytes:
    return frame("error", ref, error=problem.detail, problem=problem.as_json())


def message_error(conversation: str, problem: Problem, ref: str | None) -> bytes:
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
