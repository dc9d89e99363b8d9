"""From the data of one OpenAI stream event to ours: pure, and strict about what it believes."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from llmchat.errors import (
    ProviderError,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTruncated,
    UpstreamUnavailable,
)
from llmchat.events import Channel, Delta, Finished, ToolCall, Usage
from llmchat.providers.base import ProviderEvent
from llmchat.providers.sse import EventParser
from llmchat.text import TextRepair

_SHOWN_CHARS = 500


class ChunkReader:
    """Reads one answer from the bytes of its stream, in order.

    `finish_reason`, `done` and `usage` gather the evidence that it is complete; `error` is what
    is to be raised once the events before it were given on.
    """

    def __init__(self, *, hide_reasoning: bool) -> None:
        self.done = False
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.error: ProviderError | None = None
        self._hide_reasoning = hide_reasoning
        self._parser = EventParser()
        self._repair: dict[Channel, TextRepair] = {
            "answer": TextRepair(),
            "reasoning": TextRepair(),
        }

    def feed(self, data: bytes) -> list[ProviderEvent]:
        """The events that these bytes complete, up to the end or an error."""
        events: list[ProviderEvent] = []
        try:
            for name, chunk in self._parser.feed(data):
                if chunk == b"[DONE]":
                    self.done = True
                    break
                self._take(name, chunk, events)
        except ProviderError as error:
            self.error = error
        return events

    def end(self) -> list[ProviderEvent]:
        """What is left to say when the stream has ended: Finished, or an error when nothing shows
        that the answer is whole. A connection also ends when a server dies."""
        events = [] if self.done else self.feed(b"\n\n")
        for channel, repair in self._repair.items():
            if rest := repair.end():
                events.append(Delta(rest, channel))
        if self.done or self.finish_reason is not None:
            events.append(Finished("complete", self.finish_reason or "stop", self.usage))
        elif self.error is None:
            self.error = UpstreamTruncated(
                "The model's server ended the stream with no finish reason and no [DONE], so the "
                "answer may be incomplete. What came is kept; ask again for a whole one."
            )
        return events

    def _take(self, name: bytes, data: bytes, events: list[ProviderEvent]) -> None:
        chunk = _object(data)
        if name == b"error" or chunk.get("error"):
            raise error_in(chunk)
        if usage := chunk.get("usage"):
            self.usage = usage_of(usage)
        if choices := chunk.get("choices"):
            choice = choices[0]
            # Some servers send null for a delta that has nothing in it.
            if delta := choice.get("delta"):
                self._take_delta(delta, events)
            if reason := choice.get("finish_reason"):
                self.finish_reason = str(reason)

    def _take_delta(self, delta: Mapping[str, Any], events: list[ProviderEvent]) -> None:
        if not self._hide_reasoning and (
            text := delta.get("reasoning_content") or delta.get("reasoning")
        ):
            self._take_text(text, "reasoning", events)
        if text := delta.get("content"):
            self._take_text(text, "answer", events)
        for call in delta.get("tool_calls") or ():
            events.append(_tool_call(call))

    def _take_text(self, text: object, channel: Channel, events: list[ProviderEvent]) -> None:
        if not isinstance(text, str):
            kind = type(text).__name__
            raise UpstreamMalformed(f"The model's server sent a text that is a {kind}.")
        if repaired := self._repair[channel].feed(text):
            events.append(Delta(repaired, channel))


def error_in(body: Mapping[str, Any]) -> ProviderError:
    """The error that a frame or a 200 body carries: `{"error": {message, type, code}}`."""
    error = body.get("error", body)
    if not isinstance(error, Mapping):
        error = {"message": error}
    kind = f"{error.get('type')} {error.get('code')}".lower()
    detail = f"The model's server reported an error: {shown(error.get('message') or kind)}"
    if "rate_limit" in kind or "429" in kind:
        return UpstreamRateLimited(detail)
    if any(word in kind for word in ("server_error", "overloaded", "unavailable", "50")):
        return UpstreamUnavailable(detail)
    return UpstreamRejected(detail)


def usage_of(usage: Mapping[str, Any]) -> Usage | None:
    """Their usage as ours; None when it is not one."""
    prompt_details = usage.get("prompt_tokens_details") or {}
    output_details = usage.get("completion_tokens_details") or {}
    try:
        return Usage(
            input_tokens=int(usage["prompt_tokens"]),
            output_tokens=int(usage["completion_tokens"]),
            reasoning_tokens=int(output_details.get("reasoning_tokens") or 0),
            cached_tokens=int(prompt_details.get("cached_tokens") or 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def shown(text: object) -> str:
    """An upstream's text as part of a sentence of ours: bounded, on one line."""
    words = " ".join(str(text).split())
    return words if len(words) <= _SHOWN_CHARS else f"{words[:_SHOWN_CHARS]}…"


def _object(data: bytes) -> dict[str, Any]:
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        chunk = _lenient(data)
    if not isinstance(chunk, dict):
        raise UpstreamMalformed("The model's server sent an event that is no JSON object.")
    return chunk


def _lenient(data: bytes) -> Any:
    """json allows what orjson refuses: half of a surrogate pair, which another chunk completes."""
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        begin = shown(data[:80].decode("utf-8", "replace"))
        raise UpstreamMalformed(
            f"The model's server sent an event that is not JSON: {begin}"
        ) from None


def _tool_call(call: Any) -> ToolCall:
    try:
        function = call.get("function") or {}
        return ToolCall(
            index=int(call.get("index") or 0),
            id=call.get("id"),
            name=function.get("name"),
            arguments=str(function.get("arguments") or ""),
        )
    except (AttributeError, TypeError, ValueError):
        raise UpstreamMalformed("The model's server sent a tool call that is none.") from None
