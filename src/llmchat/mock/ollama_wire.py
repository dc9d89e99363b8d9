"""Ollama's JSON: the lines of a streamed chat, a whole one, and errors."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from llmchat.mock.answer import Piece, Token, ToolCallPiece, Usage
from llmchat.mock.openai_wire import to_json
from llmchat.mock.options import Options

LACKS = frozenset(
    {
        *("error-frame", "pings", "no-done", "cr-only", "no-space", "multi-data"),
        *("reasoning-field", "usage-null-choices", "usage-in-finish"),
    }
)
"""Kinds of failure that have no meaning here: lines of JSON have no comments, fields or names, and
one line says all that there is to say of the end."""
ERRORS = {
    400: "The mock was told to refuse this request.",
    401: "unauthorized",
    404: "model 'story' not found",
    429: "too many requests",
    500: "an error was encountered while running the model",
    503: "server busy, please try again. maximum pending requests exceeded",
}


class ChatLines:
    """The lines of one stream."""

    content_type = "application/x-ndjson"

    def __init__(self, model: str, options: Options) -> None:
        self._model = model
        self._options = options
        self._call: dict[str, Any] = {}

    def opening(self) -> bytes:
        return b""

    def piece(self, piece: Piece) -> bytes:
        match piece:
            case Token(channel="reasoning", text=text):
                return self._line({"content": "", "thinking": text})
            case Token(text=text):
                return self._line({"content": text})
            case ToolCallPiece():
                return self._part_of_call(piece)

    def empty(self) -> bytes:
        return self._line({"content": ""})

    def closing(self, finish_reason: str, usage: Usage) -> list[bytes]:
        # Its word for it is the same whether or not tools are called.
        reason = "stop" if finish_reason == "tool_calls" else finish_reason
        said = {} if self._options.fail == "done-only" else {"done_reason": reason}
        counts = {} if self._options.usage == "off" else usage_json(usage)
        return [self._line({"content": ""}, done=True, **said, **counts)]

    def done(self) -> bytes:
        return self._line({"content": ""}, done=True, done_reason="stop")

    def comment(self) -> bytes:
        raise NotImplementedError("pings")

    def error(self) -> bytes:
        return self.error_body(500) + b"\n"

    def error_event(self) -> bytes:
        raise NotImplementedError("error-frame")

    def error_body(self, status: int) -> bytes:
        return error_json(status)

    def _part_of_call(self, piece: ToolCallPiece) -> bytes:
        """Nothing until the arguments are whole: it tells of a call at once."""
        if piece.name is not None:
            self._call = {"name": piece.name, "index": piece.index, "arguments": ""}
        self._call["arguments"] += piece.arguments
        try:
            whole = self._call | {"arguments": json.loads(self._call["arguments"])}
        except ValueError:
            return b""
        return self._line({"content": "", "tool_calls": [{"function": whole}]})

    def _line(self, message: dict[str, Any], *, done: bool = False, **more: Any) -> bytes:
        envelope = {"model": self._model, "created_at": datetime.now(UTC).isoformat()}
        message = {"role": "assistant", **message}
        return to_json(envelope | {"message": message, "done": done} | more) + b"\n"


def chat_json(
    model: str, pieces: Iterable[Piece], finish_reason: str, usage: Usage, options: Options
) -> bytes:
    """A chat that was not streamed: all lines as one."""
    wire = ChatLines(model, options)
    whole: dict[str, Any] = {"role": "assistant", "content": ""}
    for line in filter(None, map(wire.piece, pieces)):
        for name, value in json.loads(line)["message"].items():
            if name != "role":
                whole[name] = whole[name] + value if name in whole else value
    last = json.loads(wire.closing(finish_reason, usage)[0])
    return to_json(last | {"message": whole})


def usage_json(usage: Usage) -> dict[str, Any]:
    return {
        "total_duration": 1_000_000,
        "load_duration": 1_000,
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": 1_000,
        "eval_count": usage.completion_tokens,
        "eval_duration": 1_000,
    }


def error_json(status: int, message: str | None = None) -> bytes:
    return to_json({"error": message or ERRORS.get(status, ERRORS[400])})
