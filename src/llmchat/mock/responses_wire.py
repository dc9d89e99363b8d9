"""OpenAI's JSON of a Response: the object, the events of its stream, and an output that grows."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmchat.mock.answer import Piece, Token, ToolCallPiece, Usage
from llmchat.mock.openai_wire import ERRORS, to_json

Event = dict[str, Any]

_SETTINGS: dict[str, Any] = {
    "instructions": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "top_p": 1.0,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "top_logprobs": 0,
    "tool_choice": "auto",
    "tools": [],
    "store": True,
    "previous_response_id": None,
    "truncation": "disabled",
    "text": {"format": {"type": "text"}},
    "reasoning": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "service_tier": "default",
    "safety_identifier": None,
    "prompt_cache_key": None,
    "user": None,
}


def frame(event: Event) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), to_json(event))


def is_token(event: Event) -> bool:
    """Whether it carries a piece of the answer."""
    return str(event["type"]).endswith(".delta")


@dataclass(slots=True)
class Item:
    """One part of the output, open as long as pieces of it come."""

    fields: dict[str, Any]
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def as_json(self) -> dict[str, Any]:
        match self.fields["type"]:
            case "message":
                part = {"type": "output_text", "text": self.text, "annotations": [], "logprobs": []}
                return self.fields | {"content": [part]}
            case "reasoning":
                part = {"type": "reasoning_text", "text": self.text}
                return self.fields | {"summary": [], "content": [part]}
        return self.fields | {"arguments": self.text}


class Output:
    """Each method gives the events that say what has become different."""

    def __init__(self, id: str) -> None:
        self.items: list[Item] = []
        self._id = id.removeprefix("resp_")
        self._open = False

    def piece(self, piece: Piece) -> list[Event]:
        match piece:
            case ToolCallPiece(name=None, arguments=arguments):
                return [self._delta("function_call_arguments", arguments)]
            case ToolCallPiece(call_id=call_id, name=name):
                begun = {"type": "function_call", "call_id": call_id, "name": name}
                return self.close() + self._begin("fc", begun)
            case Token(channel="reasoning", text=text):
                opening = self._open_text("rs", {"type": "reasoning"})
                return [*opening, self._delta("reasoning_text", text)]
            case Token(text=text):
                opening = self._open_text("msg", {"type": "message", "role": "assistant"})
                return [*opening, self._delta("output_text", text)]

    def close(self, status: str = "completed") -> list[Event]:
        if not self._open:
            return []
        self._open = False
        item = self.items[-1]
        item.fields["status"] = status
        done = {"type": "response.output_item.done", "output_index": len(self.items) - 1}
        return [*self._dones(item), done | {"item": item.as_json()}]

    def _open_text(self, prefix: str, fields: Mapping[str, Any]) -> list[Event]:
        if self._open and self.items[-1].fields["type"] == fields["type"]:
            return []
        events = self.close() + self._begin(prefix, fields)
        part = self.items[-1].as_json()["content"][0]
        return [*events, {"type": "response.content_part.added", **self._place(), "part": part}]

    def _begin(self, prefix: str, fields: Mapping[str, Any]) -> list[Event]:
        number = len(self.items)
        item = Item({"id": f"{prefix}_{self._id}_{number}", **fields, "status": "in_progress"})
        self.items.append(item)
        self._open = True
        shown = item.as_json() | ({} if prefix == "fc" else {"content": []})
        return [{"type": "response.output_item.added", "output_index": number, "item": shown}]

    def _place(self) -> Event:
        id, number = self.items[-1].fields["id"], len(self.items) - 1
        return {"item_id": id, "output_index": number, "content_index": 0}

    def _delta(self, kind: str, text: str) -> Event:
        self.items[-1].pieces.append(text)
        more: Event = {"logprobs": []} if kind == "output_text" else {}
        return {"type": f"response.{kind}.delta", **self._place(), "delta": text, **more}

    def _dones(self, item: Item) -> Iterable[Event]:
        place = self._place()
        if item.fields["type"] == "function_call":
            kind = "response.function_call_arguments.done"
            more = {"name": item.fields["name"], "arguments": item.text}
            return [{"type": kind, **place, **more}]
        part = item.as_json()["content"][0]
        rest: Event = {"logprobs": []} if part["type"] == "output_text" else {}
        return [
            {"type": f"response.{part['type']}.done", **place, "text": item.text, **rest},
            {"type": "response.content_part.done", **place, "part": part},
        ]


def response_json(
    id: str,
    model: str,
    status: str,
    output: Sequence[Item] = (),
    *,
    background: bool,
    usage: Usage | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """`reason` is why it is incomplete."""
    failed = {"code": "server_error", "message": ERRORS[500].message}
    return {
        "id": id,
        "object": "response",
        "created_at": int(time.time()),
        "completed_at": int(time.time()) if status == "completed" else None,
        "status": status,
        "background": background,
        "error": failed if status == "failed" else None,
        "incomplete_details": {"reason": reason} if status == "incomplete" else None,
        "model": model,
        "output": [item.as_json() for item in output],
        "usage": None if usage is None else usage_json(usage),
        **_SETTINGS,
    }


def usage_json(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
