"""Anthropic's JSON: the events of a streamed message, a whole one, and errors."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from llmchat.mock.answer import Piece, Token, ToolCallPiece, Usage
from llmchat.mock.openai_wire import to_json
from llmchat.mock.options import Options

LACKS = frozenset({"reasoning-field", "usage-null-choices", "usage-in-finish"})
"""Kinds of failure that have no meaning here: usage is always told at the beginning and in the
event with the stop_reason, and reasoning has blocks of its own."""
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
ERRORS = {
    400: ("invalid_request_error", "The mock was told to refuse this request."),
    401: ("authentication_error", "invalid x-api-key"),
    404: ("not_found_error", "model: no-such-model"),
    429: ("rate_limit_error", "This request would exceed your rate limit."),
    500: ("api_error", "Internal server error"),
    503: ("overloaded_error", "Overloaded"),
}


class MessageEvents:
    """The events of one stream. Texts, thoughts and calls are blocks, which begin and end."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, model: str, options: Options, prompt_tokens: int) -> None:
        self._model = model
        self._options = options
        self._prompt_tokens = prompt_tokens
        self._block: tuple[str, int] | None = None
        self._blocks = 0

    def opening(self) -> bytes:
        message = envelope(self._model) | {"content": [], "stop_reason": None}
        usage = {"input_tokens": self._prompt_tokens, "output_tokens": 1}
        message |= {} if self._options.usage == "off" else {"usage": usage}
        return event("message_start", message=message) + self.comment()

    def piece(self, piece: Piece) -> bytes:
        match piece:
            case Token(channel="reasoning", text=text):
                begun = self._begin(("thinking", 0), {"thinking": "", "signature": ""})
                return begun + self._delta({"type": "thinking_delta", "thinking": text})
            case Token(text=text):
                begun = self._begin(("text", 0), {"text": ""})
                return begun + self._delta({"type": "text_delta", "text": text})
            case ToolCallPiece():
                call: dict[str, Any] = {"id": piece.call_id, "name": piece.name}
                begun = self._begin(("tool_use", piece.index), call | {"input": {}})
                return begun + self._delta(
                    {"type": "input_json_delta", "partial_json": piece.arguments}
                )

    def empty(self) -> bytes:
        return self._delta({"type": "text_delta", "text": ""})

    def closing(self, finish_reason: str, usage: Usage) -> list[bytes]:
        frames = [self._end()] if self._block is not None else []
        reason = STOP_REASONS.get(finish_reason, finish_reason)
        delta = {"stop_reason": None if self._options.fail == "done-only" else reason}
        counts = {} if self._options.usage == "off" else {"usage": usage_json(usage)}
        frames.append(event("message_delta", delta=delta | {"stop_sequence": None}, **counts))
        return [*frames, *([] if self._options.fail == "no-done" else [self.done()])]

    def done(self) -> bytes:
        return event("message_stop")

    def comment(self) -> bytes:
        return event("ping")

    def error(self) -> bytes:
        return b"data: %b\n\n" % self.error_body(500)

    def error_event(self) -> bytes:
        return b"event: error\n" + self.error()

    def error_body(self, status: int) -> bytes:
        return error_json(status)

    def _begin(self, block: tuple[str, int], content: dict[str, Any]) -> bytes:
        if block == self._block:
            return b""
        ended = self._end() if self._block is not None else b""
        self._block = block
        content = {"type": block[0]} | content
        return ended + event("content_block_start", index=self._blocks, content_block=content)

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return event("content_block_delta", index=self._blocks, delta=delta)

    def _end(self) -> bytes:
        signed = self._block is not None and self._block[0] == "thinking"
        signature = {"type": "signature_delta", "signature": "EqQBCg=="}
        last = self._delta(signature) if signed else b""
        ended = last + event("content_block_stop", index=self._blocks)
        self._block, self._blocks = None, self._blocks + 1
        return ended


def message_json(
    model: str, pieces: Iterable[Piece], finish_reason: str, usage: Usage
) -> dict[str, Any]:
    """A message that was not streamed."""
    content: list[dict[str, Any]] = []
    for piece in pieces:
        match piece:
            case Token(channel="reasoning", text=text):
                add_text(content, "thinking", text)
            case Token(text=text):
                add_text(content, "text", text)
            case ToolCallPiece(name=None, arguments=arguments):
                content[-1]["input"] += arguments
            case ToolCallPiece():
                call = {"type": "tool_use", "id": piece.call_id, "name": piece.name}
                content.append(call | {"input": piece.arguments})
    for block in content:
        if "input" in block:
            block["input"] = json.loads(block["input"])
    stop = {"stop_reason": STOP_REASONS.get(finish_reason, finish_reason), "stop_sequence": None}
    counts = {"input_tokens": usage.prompt_tokens, **usage_json(usage)}
    return envelope(model) | {"content": content, **stop, "usage": counts}


def add_text(content: list[dict[str, Any]], kind: str, text: str) -> None:
    if not content or content[-1]["type"] != kind:
        content.append({"type": kind, kind: ""})
    content[-1][kind] += text


def envelope(model: str) -> dict[str, Any]:
    return {"id": f"msg_{uuid4().hex}", "type": "message", "role": "assistant", "model": model}


def usage_json(usage: Usage) -> dict[str, Any]:
    details = {"thinking_tokens": usage.reasoning_tokens}
    return {"output_tokens": usage.completion_tokens, "output_tokens_details": details}


def error_json(status: int, message: str | None = None) -> bytes:
    kind, words = ERRORS.get(status, ERRORS[400])
    error = {"type": kind, "message": message or words}
    return to_json({"type": "error", "error": error, "request_id": f"req_{uuid4().hex}"})


def event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), to_json({"type": kind, **members}))
