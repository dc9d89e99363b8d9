"""The messages of a chat completion as clients send them, held to the same bounds as our own."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from llmchat.domain import Role
from llmchat.web.chatting import ChatMessage

_ROLES = {"developer": "system", "function": "tool"}
_ROLE_SCHEMA = {
    "type": "string",
    "enum": ["system", "developer", "user", "assistant", "tool", "function"],
}
_CONTENT_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "object", "required": ["type"]}},
        {"type": "null"},
    ]
}
_CALLS_SCHEMA = {"anyOf": [{"type": "array", "items": {"type": "object"}}, {"type": "null"}]}


class OpenAIMessage(ChatMessage):
    """A message. Of what else clients put into it, nothing reaches a model."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": True})

    role: Annotated[
        Role,
        Field(strict=False),
        BeforeValidator(lambda role: _ROLES.get(role, role) if isinstance(role, str) else role),
        WithJsonSchema(_ROLE_SCHEMA),
    ]

    @model_validator(mode="before")
    @classmethod
    def _plainly(cls, message: Any) -> Any:
        if not isinstance(message, dict):
            return message
        taken = {name: message.get(name) for name in ("role", "tool_call_id")}
        taken["content"] = _content(message.get("content"))
        taken["tool_calls"] = _calls(message.get("tool_calls"))
        return _in_the_new_form(taken, message)


def _in_the_new_form(taken: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    """What was a function, and its result named by it, before there were tools."""
    called = message.get("function_call")
    if taken["role"] == "assistant" and isinstance(called, dict) and not taken["tool_calls"]:
        taken["tool_calls"] = _calls([{"id": _id(called.get("name")), "function": called}])
    if taken["role"] == "function" and taken["tool_call_id"] is None:
        taken["tool_call_id"] = _id(message.get("name"))
    return taken


def _id(name: Any) -> str:
    return f"call_{name}"


def _content(content: Any) -> Any:
    """Texts alone as one; a part without what else clients put into it, such as marks for a
    cache."""
    if not isinstance(content, list):
        return content
    parts = [_part(part) for part in content]
    texts = [part["text"] for part in parts if _is_text(part)]
    return "".join(texts) if len(texts) == len(parts) else parts


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str)


def _part(part: Any) -> Any:
    match part:
        case {"type": "text", "text": text}:
            return {"type": "text", "text": text}
        case {"type": "refusal", "refusal": text}:
            return {"type": "text", "text": text}
        case {"type": "image_url", "image_url": {"url": url, "detail": str() as detail}}:
            return {"type": "image_url", "image_url": {"url": url, "detail": detail}}
        case {"type": "image_url", "image_url": {"url": url}}:
            return {"type": "image_url", "image_url": {"url": url}}
        case _:
            return part


def _calls(calls: Any) -> Any:
    return [_call(call) for call in calls] if isinstance(calls, list) else calls


def _call(call: Any) -> Any:
    match call:
        case {"id": id, "function": {"name": name, "arguments": arguments}}:
            function = {"name": name, "arguments": arguments}
            return {"id": id, "type": "function", "function": function}
        case _:
            return call
