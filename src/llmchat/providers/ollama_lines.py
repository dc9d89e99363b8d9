"""From the lines of JSON that Ollama answers with to our events: pure, and bounded.

https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion
"""

from collections.abc import Iterator, Mapping
from typing import Any

from llmchat.errors import UpstreamMalformed, UpstreamTooLarge
from llmchat.events import ToolCall, Usage
from llmchat.ids import new_id
from llmchat.providers.answer_reader import AnswerReader
from llmchat.providers.base import ProviderEvent
from llmchat.providers.ollama_errors import EXAMPLE, error_of_line
from llmchat.providers.refusals import said_in
from llmchat.providers.wire_json import arguments_of, name_of, object_in, tokens_of
from llmchat.text import clean

MOST_LINE_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class LineReader(AnswerReader):
    """Reads the lines of a streamed chat; the one that says `"done": true` is the last."""

    evidence = 'no line that says "done": true'
    ending = b"\n"

    def __init__(self, *, hide_reasoning: bool) -> None:
        super().__init__(hide_reasoning=hide_reasoning)
        self._started = False
        self._rest = bytearray()

    def _read(self, data: bytes, events: list[ProviderEvent]) -> None:
        for line in self._lines(data):
            if len(line) > MOST_LINE_BYTES:
                raise _too_large()
            said = line.strip() if self._started else self._start(line)
            if said:
                self._take(object_in(said), events)
            if self.done:
                return
        if len(self._rest) > MOST_LINE_BYTES:
            raise _too_large()

    def _lines(self, data: bytes) -> Iterator[bytes]:
        """Whole lines: cut at LF and nowhere else, since JSON may have U+2028 in its texts."""
        self._rest += data
        if b"\n" not in data:
            return
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        yield from lines

    def _start(self, line: bytes) -> bytes:
        line = line.removeprefix(_BOM).strip()
        self._started = bool(line)
        if line.startswith(b"<"):
            raise UpstreamMalformed(
                "The model's server answered with a web page. Ollama's base URL is such as "
                f"{EXAMPLE}, with no /v1."
            )
        return line

    def _take(self, chunk: dict[str, Any], events: list[ProviderEvent]) -> None:
        if chunk.get("error"):
            raise error_of_line(said_in(chunk))
        if message := chunk.get("message"):
            self._take_message(message, events)
        if chunk.get("done") is True:
            self.finish_reason = self._reason(chunk.get("done_reason"))
            self.usage = usage_of(chunk)
            self.done = True

    def _take_message(self, message: Mapping[str, Any], events: list[ProviderEvent]) -> None:
        if text := message.get("thinking"):
            self._take_text(text, "reasoning", events)
        if text := message.get("content"):
            self._take_text(text, "answer", events)
        events += [self._tool_call(call) for call in message.get("tool_calls") or ()]

    def _tool_call(self, call: Mapping[str, Any]) -> ToolCall:
        """A call comes whole. Older versions give it no id, and number those of each line anew."""
        function = call["function"]
        return ToolCall(
            index=self._call_at(len(self._calls)),
            id=name_of(call.get("id") or new_id("call")),
            name=name_of(function["name"]),
            arguments=clean(arguments_of(function.get("arguments") or {})),
        )

    def _reason(self, reason: object) -> str:
        """It says `stop` also where it stopped for the calls."""
        word = name_of(reason or "stop")
        return "tool_calls" if self._calls and word == "stop" else word


def usage_of(chunk: Mapping[str, Any]) -> Usage | None:
    """What the last line counted; None when it did not: some versions leave a cached prompt out."""
    try:
        return Usage(tokens_of(chunk["prompt_eval_count"]), tokens_of(chunk.get("eval_count", 0)))
    except (KeyError, ValueError):
        return None


def _too_large() -> UpstreamTooLarge:
    return UpstreamTooLarge(
        f"The model's server sent a single line of more than {MOST_LINE_BYTES} bytes. "
        "That is no chat protocol; check what the provider's base URL points to."
    )
