"""What devices are told, as JSON: pure functions."""

from typing import Any

import orjson

from llmchat.chat.service import Progress
from llmchat.domain import Message
from llmchat.events import Delta, Entry, Reset, Started, ToolCall, Usage
from llmchat.problem import Problem

FAILED = ("failed", "interrupted")


def event(generation_id: str, entry: Entry, id: str | None) -> bytes | None:
    """For the topic of deltas. None for the end, which has topics of its own."""
    match entry.event:
        case Started(message_id=message, model=model, attempt=attempt):
            told: dict[str, Any] = {"message_id": message, "model": model, "attempt": attempt}
        case Delta(text=text, channel=channel):
            told = {"channel": channel, "text": text}
        case ToolCall(index=index, id=call, name=name, arguments=arguments):
            told = {"index": index, "call_id": call, "name": name, "arguments": arguments}
        case Reset(attempt=attempt, reason=reason, text=text):
            told = {"attempt": attempt, "reason": reason, "text": text}
        case _:
            return None
    of = {"type": _NAMES[type(entry.event)], "generation_id": generation_id}
    return _json({**of, "offset": [entry.first, entry.last], **told, **_id(id)})


_NAMES: dict[type, str] = {
    Started: "started",
    Delta: "delta",
    ToolCall: "tool_call",
    Reset: "reset",
}


def response(progress: Progress, id: str | None) -> bytes:
    """The whole of an answer that ended well, or was stopped."""
    of = progress.generation
    told: dict[str, Any] = {
        "generation_id": of.id,
        "message_id": of.message_id,
        "conversation_id": of.conversation_id,
        "status": of.status,
        "text": progress.answer,
        "reasoning": progress.reasoning,
        "model": of.model,
        "finish_reason": of.finish_reason,
        "usage": _usage(of.usage),
        "last_offset": progress.last_event_id,
    }
    if progress.tool_calls:
        told["tool_calls"] = [
            {"id": call.id, "name": call.name, "arguments": call.arguments}
            for call in progress.tool_calls
        ]
    return _json({**told, **_id(id)})


def failure(progress: Progress, id: str | None) -> bytes:
    """The end of an answer that did not end well, with what it had said."""
    of = progress.generation
    problem = {} if of.error is None else of.error.as_json()
    told = {
        "generation_id": of.id,
        "message_id": of.message_id,
        "conversation_id": of.conversation_id,
        "generation_status": of.status,
        "text": progress.answer,
        "last_offset": progress.last_event_id,
    }
    return _json({**problem, **told, **_id(id)})


def stored(message: Message, id: str | None) -> bytes:
    """For a message to people, which no model answers."""
    told = {"message_id": message.id, "conversation_id": message.conversation_id}
    return _json({"generation_id": None, "status": "stored", **told, **_id(id)})


def error(problem: Problem, id: str | None, topic: str | None = None) -> bytes:
    where = {} if topic is None else {"topic": topic}
    return _json({**problem.as_json(), **where, **_id(id)})


def status(*, online: bool, process: str) -> bytes:
    return _json({"status": "online" if online else "offline", "process": process})


def read_status(payload: bytes) -> tuple[bool, str]:
    """Whether it says online, and of which process. Anybody may have written it."""
    try:
        said = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return False, ""
    if not isinstance(said, dict):
        return False, ""
    return said.get("status") == "online", str(said.get("process", ""))


def _usage(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {name: getattr(usage, name) for name in usage.__dataclass_fields__}


def _id(id: str | None) -> dict[str, str]:
    return {} if id is None else {"id": id}


def _json(members: dict[str, Any]) -> bytes:
    return orjson.dumps(members)
