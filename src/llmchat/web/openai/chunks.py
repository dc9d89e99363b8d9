"""From events to the chunks of a streamed chat completion: no I/O, and no model per token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmchat.errors import LlmchatError, Problem, Unavailable
from llmchat.events import (
    Delta,
    Entry,
    Event,
    Failed,
    Finished,
    Reset,
    Started,
    ToolCall,
    Usage,
)
from llmchat.web.lines import line_json
from llmchat.web.openai.completion import finish_reason_of, logprobs_json, usage_json
from llmchat.web.openai.errors import error_of

HEARTBEAT = b": heartbeat\n\n"
_DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Head:
    """What every chunk repeats. `created` is in seconds since the epoch."""

    id: str
    model: str
    created: int


class AnswerReplaced(LlmchatError):
    """This dialect cannot take back what a client has seen: it hears that, and may ask again."""

    type = "answer_replaced"
    title = "Another attempt replaced the answer"
    status = 503


class BrokenOff(Unavailable):
    type = "broken_off"
    title = "The stream ends before the answer does"


class Chunks:
    """The encoder of one stream, fed with its log in order. After `ended` nothing is to be sent."""

    def __init__(self, head: Head, *, with_usage: bool) -> None:
        self.ended = False
        self._with_usage = with_usage
        self._said: list[str] = []
        self._calls: dict[int, str] = {}
        self._call_prefix = head.id.rpartition("-")[2]
        members = {"id": head.id, "object": "chat.completion.chunk", "created": head.created}
        self._open = b"data: " + line_json({**members, "model": head.model})[:-1]
        self._delta = self._open + b',"choices":[{"index":0,"delta":'
        null = b',"usage":null' if with_usage else b""
        self._behind = b"}]" + null + b"}\n\n"
        self._going_on = b',"finish_reason":null,"logprobs":null' + self._behind
        # Nearly all chunks are this one with another text.
        self._before_text = self._delta + b'{"content":'
        self._after_text = b"}" + self._going_on

    def frames(self, entries: Sequence[Entry]) -> bytes:
        """The frames of these entries, to be written at once."""
        return b"".join([self._frame(entry.event) for entry in entries])

    def broken_off(self) -> bytes:
        """The frame for a stream that ends before its log: the process stops, or the key that it
        was asked for with is revoked."""
        detail = "This server ends the stream before the answer has ended. Ask again."
        return self._error(BrokenOff(detail).problem())

    def _frame(self, event: Event) -> bytes:
        if self.ended:
            return b""
        if isinstance(event, Delta):
            if event.logprobs is not None:
                return self._with_logprobs(event, event.logprobs)
            if event.channel == "answer":
                return self._text(event.text)
            return self._chunk({"reasoning_content": event.text}) if event.text else b""
        return self._other(event)

    def _other(self, event: Started | ToolCall | Reset | Finished | Failed) -> bytes:
        match event:
            case Started():
                return self._chunk({"role": "assistant", "content": ""})
            case ToolCall():
                return self._chunk({"tool_calls": [self._call(event)]})
            case Reset(text=text):
                return self._go_on_from(text)
            case Finished():
                return self._finish(event)
            case Failed(problem=problem):
                return self._error(problem)

    def _text(self, text: str) -> bytes:
        if not text:
            return b""
        self._said.append(text)
        return self._before_text + line_json(text) + self._after_text

    def _with_logprobs(self, delta: Delta, logprobs: str) -> bytes:
        if delta.channel == "answer":
            self._said.append(delta.text)
        name = "content" if delta.channel == "answer" else "reasoning_content"
        likely = b',"finish_reason":null,"logprobs":' + logprobs_json(logprobs)
        return self._delta + line_json({name: delta.text}) + likely + self._behind

    def _chunk(self, delta: dict[str, Any]) -> bytes:
        return self._delta + line_json(delta) + self._going_on

    def _call(self, call: ToolCall) -> dict[str, Any]:
        function = {"arguments": call.arguments}
        if call.index in self._calls:
            return {"index": call.index, "function": function}
        id = call.id
        if not id or id in self._calls.values():
            id = f"call_{self._call_prefix}_{call.index}"
        self._calls[call.index] = id
        function = {"name": call.name or "", **function}
        return {"index": call.index, "id": id, "type": "function", "function": function}

    def _go_on_from(self, text: str) -> bytes:
        said = "".join(self._said)
        if self._calls or not text.startswith(said):
            detail = "Another attempt replaced the answer that you have seen. Ask again for it."
            return self._error(AnswerReplaced(detail).problem())
        return self._text(text[len(said) :])

    def _finish(self, end: Finished) -> bytes:
        self.ended = True
        reason = finish_reason_of(end.finish_reason, calls=bool(self._calls))
        last = b'{},"finish_reason":' + line_json(reason) + b',"logprobs":null' + self._behind
        return self._delta + last + self._usage(end.usage) + _DONE

    def _usage(self, usage: Usage | None) -> bytes:
        if not self._with_usage or usage is None:
            return b""
        return self._open + b',"choices":[],"usage":' + line_json(usage_json(usage)) + b"}\n\n"

    def _error(self, problem: Problem) -> bytes:
        # Without [DONE]: a client that does not know errors must not take it for a whole answer.
        self.ended = True
        return b"data: " + line_json(error_of(problem)) + b"\n\n"
