"""The JSON of the custom WebSocket model: pieces of an answer, a whole one, and errors."""

from collections.abc import Iterable
from typing import Any

from llmchat.mock.answer import Piece, Token, Usage
from llmchat.mock.openai_wire import ERRORS, to_json, tool_call_delta
from llmchat.mock.options import Options
from llmchat.mock.quirks import quirk_of

NOT_DONE: dict[str, Any] = {"done": False}


class SocketFrames:
    """The messages of one answer."""

    content_type = ""

    def __init__(self, model: str, options: Options) -> None:
        self._model = model
        self._style = options.style
        self._quirk = quirk_of(options.fail)
        self._sums_up = options.fail == "summary"
        self._with_usage = options.usage != "off"
        self._texts: list[str] = []

    def opening(self) -> bytes:
        return b""

    def piece(self, piece: Piece) -> bytes:
        match piece:
            case Token(channel="reasoning", text=text):
                return to_json({"reasoning": text} | NOT_DONE)
            case Token(text=text):
                self._texts.append(text)
                return to_json({self._style: text} | NOT_DONE)
        return to_json({"tool_calls": [tool_call_delta(piece)]} | NOT_DONE)

    def empty(self) -> bytes:
        return to_json(NOT_DONE)

    def closing(self, finish_reason: str, usage: Usage) -> list[bytes]:
        last = self._last(finish_reason, usage)
        if self._quirk.done:
            last["done"] = True
        if not self._quirk.finish:
            del last["finish_reason"]
        if self._sums_up:
            last["response"] = "".join(self._texts)
        return [to_json(last)]

    def whole(self, pieces: Iterable[Piece], finish_reason: str, usage: Usage) -> bytes:
        """An answer that is not streamed: one message."""
        texts = {"answer": "", "reasoning": ""}
        calls = []
        for piece in pieces:
            if isinstance(piece, Token):
                texts[piece.channel] += piece.text
            else:
                calls.append(tool_call_delta(piece))
        message: dict[str, Any] = {"response": texts["answer"]}
        message |= {"reasoning": texts["reasoning"]} if texts["reasoning"] else {}
        message |= {"tool_calls": calls} if calls else {}
        return to_json(message | self._last(finish_reason, usage) | {"metadata": {}})

    def done(self) -> bytes:
        return to_json({"done": True})

    def comment(self) -> bytes:
        return b""

    def error(self) -> bytes:
        return self.error_body(500)

    def error_event(self) -> bytes:
        return self.error()

    def error_body(self, status: int) -> bytes:
        return to_json(error_json(status))

    def _last(self, finish_reason: str, usage: Usage) -> dict[str, Any]:
        tokens = usage.prompt_tokens + usage.completion_tokens
        used = {"tokens_used": tokens} if self._with_usage else {}
        return {"model": self._model, "finish_reason": finish_reason} | used


def error_json(status: int, message: str | None = None) -> dict[str, Any]:
    kind = ERRORS.get(status, ERRORS[400])
    return {
        "error": kind.code or kind.type,
        "error_code": status,
        "error_message": message or kind.message,
    }
