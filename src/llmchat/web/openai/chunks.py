"""From events to the chunks of a streamed chat completion: no I/O, and no model per token."""

from typing import Any

from llmchat.events import Delta, Event, Failed, Finished, Reset, Started, ToolCall
from llmchat.web.lines import line_json
from llmchat.web.openai.completion import finish_reason_of, logprobs_json
from llmchat.web.openai.frames import DONE, Frames, Head


class Chunks(Frames):
    """The encoder of one stream, fed with its log in order. After `ended` nothing is to be sent."""

    def __init__(self, head: Head, *, with_usage: bool) -> None:
        super().__init__(head, "chat.completion.chunk", with_usage=with_usage)
        self._calls: dict[int, str] = {}
        self._call_prefix = head.id.rpartition("-")[2]
        self._delta = self._open + b',"choices":[{"index":0,"delta":'
        self._going_on = b',"finish_reason":null,"logprobs":null' + self._behind
        # Nearly all chunks are this one with another text.
        self._before_text = self._delta + b'{"content":'
        self._after_text = b"}" + self._going_on

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
                return self._go_on_from(text, called=bool(self._calls))
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

    def _finish(self, end: Finished) -> bytes:
        self.ended = True
        reason = finish_reason_of(end.finish_reason, calls=bool(self._calls))
        last = b'{},"finish_reason":' + line_json(reason) + b',"logprobs":null' + self._behind
        return self._delta + last + self._usage(end.usage) + DONE
