"""From the events of Anthropic's Messages API to ours: pure, and strict about what it believes.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from collections.abc import Mapping, Sequence
from typing import Any

from llmchat.events import Channel, ToolCall, Usage
from llmchat.providers.base import ProviderEvent
from llmchat.providers.event_reader import EventReader
from llmchat.providers.refusals import error_in
from llmchat.providers.sse import SseEvent
from llmchat.providers.wire_json import arguments_of, name_of, object_in, text_of, tokens_of

# Any other word is kept as it is.
_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class MessageReader(EventReader):
    """Reads the events of a streamed message, or a whole one of a server that does not stream.

    Pings, and all that it does not know, are no events. `lost` is the whitespace that the end of
    the prompt had to lose: where the answer begins with it, it is said already.
    """

    evidence = "no stop_reason and no message_stop"
    advice = "Anthropic's base URL is https://api.anthropic.com/v1."

    def __init__(self, *, hide_reasoning: bool, lost: str = "") -> None:
        super().__init__(hide_reasoning=hide_reasoning)
        self._lost = lost
        self._counts: dict[str, Any] = {}
        # By the numbers of their blocks: the number of the call, and whether it has arguments.
        self._open_calls: dict[int, tuple[int, bool]] = {}

    def _take_events(self, found: Sequence[SseEvent], events: list[ProviderEvent]) -> None:
        for name, data in found:
            event = object_in(data)
            self._take(event.get("type") or name.decode("latin-1"), event, events)
            if self.done:
                return

    def _take(self, kind: object, event: dict[str, Any], events: list[ProviderEvent]) -> None:
        match kind:
            case "content_block_delta":
                self._take_delta(event.get("index"), event["delta"], events)
            case "content_block_start":
                self._begin_block(event.get("index"), event["content_block"], events)
            case "content_block_stop":
                self._end_block(event.get("index"), events)
            case "message_start":
                # Of the output it counts nothing yet that is worth knowing.
                self._count(event["message"].get("usage"))
            case "message_delta":
                self._count(event.get("usage"))
                self.usage = usage_of(self._counts)
                self._stop(event["delta"])
            case "message_stop":
                self.done = True
            case "message":
                self._take_whole(event, events)
            case "error":
                raise error_in(event)
            case _ if self._whole:
                raise error_in(event)

    def _take_delta(
        self, index: Any, delta: Mapping[str, Any], events: list[ProviderEvent]
    ) -> None:
        match delta.get("type"):
            case "text_delta":
                self._take_text(delta["text"], "answer", events)
            case "thinking_delta":
                self._take_text(delta["thinking"], "reasoning", events)
            case "input_json_delta" if index in self._open_calls:
                self._take_arguments(index, text_of(delta["partial_json"]), events)

    def _take_text(self, text: object, channel: Channel, events: list[ProviderEvent]) -> None:
        if self._lost and channel == "answer":
            text = self._behind_lost(text_of(text))
        super()._take_text(text, channel, events)

    def _behind_lost(self, text: str) -> str:
        while text and self._lost and text[0] == self._lost[0]:
            text, self._lost = text[1:], self._lost[1:]
        if text:
            self._lost = ""
        return text

    def _begin_block(
        self, index: Any, block: Mapping[str, Any], events: list[ProviderEvent]
    ) -> None:
        match block.get("type"):
            case "text":
                self._take_text(block.get("text") or "", "answer", events)
            case "thinking" if text := block.get("thinking"):
                self._take_text(text, "reasoning", events)
            case "tool_use":
                call = self._call_at(len(self._calls))
                self._open_calls[index] = call, False
                events.append(ToolCall(call, name_of(block["id"]), name_of(block["name"]), ""))
                if given := block.get("input"):
                    self._take_arguments(index, arguments_of(given), events)

    def _take_arguments(self, index: int, piece: str, events: list[ProviderEvent]) -> None:
        call, _ = self._open_calls[index]
        if text := self._calls[call].feed(piece):
            events.append(ToolCall(call, None, None, text))
            self._open_calls[index] = call, True

    def _end_block(self, index: Any, events: list[ProviderEvent]) -> None:
        """A call that needs no arguments gets none, where everybody expects an object."""
        call, has_arguments = self._open_calls.pop(index, (0, True))
        if not has_arguments:
            events.append(ToolCall(call, None, None, "{}"))

    def _take_whole(self, message: Mapping[str, Any], events: list[ProviderEvent]) -> None:
        for index, block in enumerate(message["content"]):
            self._begin_block(index, block, events)
            self._end_block(index, events)
        self._count(message.get("usage"))
        self.usage = usage_of(self._counts)
        self._stop(message)

    def _stop(self, delta: Mapping[str, Any]) -> None:
        if reason := delta.get("stop_reason"):
            word = name_of(reason)
            self.finish_reason = _FINISH_REASONS.get(word, word)

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        """Each count is of all so far, and names only what has changed."""
        if usage:
            self._counts |= {name: count for name, count in usage.items() if count is not None}


def usage_of(counts: Mapping[str, Any]) -> Usage | None:
    """Their usage as ours, None when it is not one. What was read from their cache, or written to
    it, they count beside the input: for us it is a part of it."""
    try:
        cached = tokens_of(counts.get("cache_read_input_tokens", 0))
        details = counts.get("output_tokens_details") or {}
        return Usage(
            input_tokens=tokens_of(counts["input_tokens"])
            + tokens_of(counts.get("cache_creation_input_tokens", 0))
            + cached,
            output_tokens=tokens_of(counts["output_tokens"]),
            reasoning_tokens=tokens_of(details.get("thinking_tokens", 0)),
            cached_tokens=cached,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
