"""OpenAI's JSON: the chunks of a streamed chat completion, a whole one, and errors."""

import json
import time
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from llmchat.mock.answer import Piece, Token, ToolCallPiece, Usage
from llmchat.mock.quirks import Quirk

DONE = b"data: [DONE]\n\n"


class ErrorKind(NamedTuple):
    type: str
    code: str | None
    message: str


ERRORS = {
    400: ErrorKind("invalid_request_error", None, "The mock was told to refuse this request."),
    401: ErrorKind("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ErrorKind("request_forbidden", "forbidden", "This is not allowed."),
    404: ErrorKind("invalid_request_error", "model_not_found", "The model does not exist."),
    405: ErrorKind("invalid_request_error", None, "The method is not allowed here."),
    429: ErrorKind("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    500: ErrorKind("server_error", None, "The server had an error while answering."),
    503: ErrorKind("server_error", None, "The engine is overloaded."),
}


class ChatChunks:
    """The frames of one stream."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(
        self, model: str, quirk: Quirk, *, with_usage: bool, with_logprobs: bool = False
    ) -> None:
        self._quirk = quirk
        self._with_logprobs = with_logprobs
        self._with_usage = with_usage
        self._chunk = envelope("chat.completion.chunk", model)

    def opening(self) -> bytes:
        return self._delta({"role": "assistant", "content": ""})

    def piece(self, piece: Piece) -> bytes:
        match piece:
            case Token(channel="reasoning", text=text):
                return self._delta({self._quirk.reasoning_field: text})
            case Token(text=text):
                likely = logprobs_json([text]) if self._with_logprobs else None
                return self._delta({"content": text}, logprobs=likely)
            case ToolCallPiece():
                return self._delta({"tool_calls": [tool_call_delta(piece)]})

    def empty(self) -> bytes:
        return self._delta({})

    def closing(self, finish_reason: str, usage: Usage) -> list[bytes]:
        frames = []
        if self._quirk.finish:
            in_finish = usage_json(usage) if self._quirk.usage == "finish-chunk" else None
            frames.append(self._delta({}, finish_reason, in_finish))
        if self._quirk.usage == "null-choices":
            frames.append(self._usage(None, usage))
        elif self._quirk.usage == "own-chunk" and self._with_usage:
            frames.append(self._usage([], usage))
        if self._quirk.done:
            frames.append(DONE)
        return frames

    def done(self) -> bytes:
        return DONE

    def comment(self) -> bytes:
        return b": ping\n\n"

    def error(self) -> bytes:
        return data_line(error_json(500))

    def error_event(self) -> bytes:
        return b"event: error\n" + self.error()

    def error_body(self, status: int) -> bytes:
        return to_json(error_json(status))

    def _usage(self, choices: list[None] | None, usage: Usage) -> bytes:
        return data_line(self._chunk | {"choices": choices, "usage": usage_json(usage)})

    def _delta(
        self,
        delta: dict[str, Any],
        finish_reason: str | None = None,
        usage: dict[str, Any] | None = None,
        logprobs: dict[str, Any] | None = None,
    ) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}
        return data_line(self._chunk | {"choices": [choice], "usage": usage})


def completion_json(
    model: str,
    pieces: Iterable[Piece],
    finish_reason: str,
    usage: Usage | None,
    *,
    with_logprobs: bool = False,
) -> dict[str, Any]:
    """A chat completion that was not streamed."""
    answer, reasoning = "", ""
    tokens: list[str] = []
    tool_calls: list[dict[str, Any]] = []
    for piece in pieces:
        match piece:
            case Token(channel="reasoning", text=text):
                reasoning += text
            case Token(text=text):
                answer += text
                tokens.append(text)
            case ToolCallPiece(name=None, arguments=arguments):
                tool_calls[-1]["function"]["arguments"] += arguments
            case ToolCallPiece():
                tool_calls.append(tool_call_delta(piece))
    message: dict[str, Any] = {"role": "assistant", "content": answer, "refusal": None}
    message |= {"reasoning_content": reasoning} if reasoning else {}
    message |= {"content": None, "tool_calls": tool_calls} if tool_calls else {}
    likely = logprobs_json(tokens) if with_logprobs else None
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": likely}
    completion = envelope("chat.completion", model) | {"choices": [choice]}
    return completion | ({"usage": usage_json(usage)} if usage else {})


def logprobs_json(tokens: Iterable[str]) -> dict[str, Any]:
    """The mock is as sure of a token as it is long."""
    content = [
        {
            "token": token,
            "logprob": -len(token) / 8,
            "bytes": list(token.encode()),
            "top_logprobs": [],
        }
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def envelope(kind: str, model: str) -> dict[str, Any]:
    created = int(time.time())
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": created, "model": model}


def tool_call_delta(piece: ToolCallPiece) -> dict[str, Any]:
    function = {"arguments": piece.arguments}
    if piece.name is None:
        return {"index": piece.index, "function": function}
    function = {"name": piece.name} | function
    return {"index": piece.index, "id": piece.call_id, "type": "function", "function": function}


def usage_json(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def error_json(status: int, message: str | None = None) -> dict[str, Any]:
    kind = ERRORS.get(status, ERRORS[400])
    error = {"message": message or kind.message, "type": kind.type, "param": None}
    return {"error": error | {"code": kind.code}}


def data_line(value: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % to_json(value)


def to_json(value: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # A lone surrogate has no UTF-8: only escaped can it be sent at all.
        return json.dumps(value, separators=(",", ":")).encode()
