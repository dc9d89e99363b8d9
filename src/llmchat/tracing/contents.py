"""What was asked and said, as the conventions write it; only where it is wanted in traces."""

from collections.abc import Sequence
from typing import Any

import orjson

from llmchat.domain import Image
from llmchat.events import Delta, ToolCall
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.base import ProviderEvent, Restarted

# Of a text, and of all that was said: a collector refuses what is too large as a whole.
_MOST_CHARS = 32_000
_MOST_MESSAGES = 100


def asked_json(prompt: Prompt) -> str:
    """The newest messages; of an image only that there was one."""
    return orjson.dumps([_message(each) for each in prompt.messages[-_MOST_MESSAGES:]]).decode()


class Said:
    """What came of a request, as far as it is kept."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {"reasoning": [], "answer": []}
        self._calls: dict[int, dict[str, str]] = {}
        self._chars = 0

    def add(self, batch: Sequence[ProviderEvent]) -> None:
        for event in batch:
            match event:
                case Restarted():
                    self.__init__()  # type: ignore[misc]
                case Delta(text, channel) if self._chars < _MOST_CHARS:
                    self._texts[channel].append(text)
                    self._chars += len(text)
                case ToolCall() if self._chars < _MOST_CHARS:
                    self._call(event)

    def as_json(self, finish_reason: str | None) -> str:
        said = {channel: "".join(texts) for channel, texts in self._texts.items()}
        parts = [_reasoning(said["reasoning"])] if said["reasoning"] else []
        parts += [_text(said["answer"])] if said["answer"] else []
        parts += [_call(**call) for call in self._calls.values()]
        message = {"role": "assistant", "parts": parts, "finish_reason": finish_reason or ""}
        return orjson.dumps([message]).decode()

    def _call(self, event: ToolCall) -> None:
        call = self._calls.setdefault(event.index, {"id": "", "name": "", "arguments": ""})
        call["id"] = event.id or call["id"]
        call["name"] = event.name or call["name"]
        call["arguments"] += event.arguments
        self._chars += len(event.arguments)


def _message(message: PromptMessage) -> dict[str, Any]:
    if message.tool_call_id is not None:
        response = {"type": "tool_call_response", "id": message.tool_call_id}
        parts: list[dict[str, Any]] = [{**response, "response": message.content[:_MOST_CHARS]}]
    else:
        given = message.parts or ([message.content] if message.content else [])
        parts = [{"type": "image"} if isinstance(it, Image) else _text(it) for it in given]
    parts += [_call(it.id or "", it.name or "", it.arguments) for it in message.tool_calls]
    return {"role": message.role.value, "parts": parts}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "content": text[:_MOST_CHARS]}


def _reasoning(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "content": text[:_MOST_CHARS]}


def _call(id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"type": "tool_call", "id": id, "name": name, "arguments": arguments[:_MOST_CHARS]}
