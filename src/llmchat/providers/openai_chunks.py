"""From the bytes of an OpenAI stream to our events: pure, and strict about what it believes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson

from llmchat.errors import (
    ProviderError,
    UpstreamMalformed,
    UpstreamTooLarge,
    UpstreamTruncated,
)
from llmchat.events import Channel, Delta, Finished, ToolCall, Usage
from llmchat.providers.base import ProviderEvent
from llmchat.providers.openai_errors import error_in
from llmchat.providers.sse import MOST_EVENT_BYTES, EventParser, SseEvent
from llmchat.text import TextRepair, clean

_MOST_TOOL_CALLS = 128
_MOST_NAME_CHARS = 256
_MOST_USAGE_TOKENS = 2**53
_SHOWN_BYTES = 80


class ChunkReader:
    """Reads one answer from the bytes of its stream, in order.

    `finish_reason` and `done` are the evidence that it is `complete`; `begun` says that events of
    it were given; `error` is what is to be raised once they were given on.
    """

    def __init__(self, *, hide_reasoning: bool) -> None:
        self.begun = False
        self.done = False
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.error: ProviderError | None = None
        self._hide_reasoning = hide_reasoning
        self._started = False
        self._object: bytearray | None = None
        self._place: Literal["delta", "message"] = "delta"
        self._parser = EventParser()
        self._repair: dict[Channel, TextRepair] = {
            "answer": TextRepair(),
            "reasoning": TextRepair(),
        }
        self._calls: list[TextRepair] = []

    @property
    def complete(self) -> bool:
        return self.done or self.finish_reason is not None

    @property
    def over(self) -> bool:
        """Nothing more of the answer is to come."""
        return self.complete or self.error is not None

    def feed(self, data: bytes) -> list[ProviderEvent]:
        """The events that these bytes complete, up to the end or an error."""
        events: list[ProviderEvent] = []
        if self.done or self.error is not None:
            return events
        try:
            if not self._started:
                data = self._start(data)
            if self._object is not None:
                self._grow(self._object, data)
            else:
                self._take_events(self._parser.feed(data), events)
        except ProviderError as error:
            self.error = error
        except (AttributeError, KeyError, TypeError):
            self.error = UpstreamMalformed(
                "The model's server sent an event that has not the shape of a chunk."
            )
        self.begun = self.begun or bool(events)
        return events

    def end(self) -> list[ProviderEvent]:
        """What is left to say when the stream has ended: Finished, unless there is an error or
        nothing shows that the answer is whole. A connection also ends when a server dies."""
        events = [] if self.error is not None else self._take_rest()
        if self.error is not None:
            return events
        if self.complete:
            events.append(Finished("complete", self.finish_reason or "stop", self.usage))
        else:
            self.error = UpstreamTruncated(
                "The model's server ended the stream with no finish reason and no [DONE], so the "
                "answer may be incomplete. What came is kept; ask again for a whole one."
            )
        return events

    def _start(self, data: bytes) -> bytes:
        """Some servers cannot stream, and send one object; all send blank lines as they like."""
        data = data.lstrip()
        self._started = bool(data)
        if data.startswith(b"<"):
            raise UpstreamMalformed(
                "The model's server answered with a web page. The base URL of an OpenAI-compatible "
                "server usually ends in /v1."
            )
        if data.startswith(b"{"):
            self._object = bytearray()
        return data

    def _grow(self, body: bytearray, data: bytes) -> None:
        body += data
        if len(body) > MOST_EVENT_BYTES:
            raise UpstreamTooLarge(
                f"The model's server sent an answer of more than {MOST_EVENT_BYTES} bytes in one "
                "piece. Check what the provider's base URL points to."
            )

    def _take_rest(self) -> list[ProviderEvent]:
        """The one object, or the last event of a stream that ended without the blank line behind
        it: the standard drops that, but some servers forget the line."""
        if self._object is not None:
            body, self._object, self._place = self._object, None, "message"
            # JSON has line breaks between its parts only, where a space will do.
            events = self.feed(b"data: " + b" ".join(body.splitlines()) + b"\n\n")
        else:
            events = self.feed(b"\n\n")
        if isinstance(self.error, _NotJson):
            # Half of it is what a broken connection leaves: no fault of the one who wrote it.
            self.error = None
        for channel, repair in self._repair.items():
            if rest := repair.end():
                events.append(Delta(rest, channel))
        for index, repair in enumerate(self._calls):
            if rest := repair.end():
                events.append(ToolCall(index, None, None, rest))
        return events

    def _take_events(self, found: Sequence[SseEvent], events: list[ProviderEvent]) -> None:
        texts: list[str] = []
        try:
            for name, data in found:
                if data.strip() == b"[DONE]":
                    self.done = True
                    return
                chunk = _object(data)
                text = None if name else _plain_text(chunk)
                if text is not None:
                    texts.append(text)
                    continue
                self._take_texts(texts, events)
                self._take(name, chunk, events)
        finally:
            # Also what came before an event that cannot be read.
            self._take_texts(texts, events)

    def _take_texts(self, texts: list[str], events: list[ProviderEvent]) -> None:
        if texts:
            self._take_text("".join(texts), "answer", events)
            texts.clear()

    def _take(self, name: bytes, chunk: dict[str, Any], events: list[ProviderEvent]) -> None:
        if name == b"error" or chunk.get("error") or chunk.get("object") == "error":
            raise error_in(chunk)
        if usage := chunk.get("usage"):
            self.usage = usage_of(usage) or self.usage
        if choices := chunk.get("choices"):
            choice = choices[0]
            # Some servers send null for a delta that has nothing in it.
            if delta := choice.get(self._place):
                self._take_delta(delta, events)
            if reason := choice.get("finish_reason"):
                self.finish_reason = _name(reason)
        elif self._place == "message":
            raise error_in(chunk)

    def _take_delta(self, delta: Mapping[str, Any], events: list[ProviderEvent]) -> None:
        if not self._hide_reasoning and (
            text := delta.get("reasoning_content") or delta.get("reasoning")
        ):
            self._take_text(text, "reasoning", events)
        if text := delta.get("content"):
            self._take_text(text, "answer", events)
        events += [self._tool_call(call) for call in delta.get("tool_calls") or ()]

    def _take_text(self, text: object, channel: Channel, events: list[ProviderEvent]) -> None:
        if repaired := self._repair[channel].feed(_text(text)):
            events.append(Delta(repaired, channel))

    def _tool_call(self, call: Mapping[str, Any]) -> ToolCall:
        function = call.get("function") or {}
        id, name, arguments = call.get("id"), function.get("name"), function.get("arguments")
        index = self._index(call.get("index"), begins=id is not None)
        return ToolCall(
            index=index,
            id=None if id is None else _name(id),
            name=None if name is None else _name(name),
            arguments=self._calls[index].feed(_arguments(arguments)),
        )

    def _index(self, index: object, *, begins: bool) -> int:
        """Which call it is about; a server that does not number them sends each with its id."""
        if index is None:
            index = len(self._calls) - (0 if begins or not self._calls else 1)
        if not isinstance(index, int) or not 0 <= index < _MOST_TOOL_CALLS:
            raise UpstreamMalformed(
                f"The model's server numbers its tool calls otherwise than 0 to {_MOST_TOOL_CALLS}."
            )
        while len(self._calls) <= index:
            self._calls.append(TextRepair())
        return index


class _NotJson(UpstreamMalformed):
    """Whoever reads on to the end may find that it was only cut off."""


def usage_of(usage: Mapping[str, Any]) -> Usage | None:
    """Their usage as ours; None when it is not one."""
    try:
        prompt_details = usage.get("prompt_tokens_details") or {}
        output_details = usage.get("completion_tokens_details") or {}
        return Usage(
            input_tokens=_tokens(usage["prompt_tokens"]),
            output_tokens=_tokens(usage["completion_tokens"]),
            reasoning_tokens=_tokens(output_details.get("reasoning_tokens") or 0),
            cached_tokens=_tokens(prompt_details.get("cached_tokens") or 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _tokens(count: object) -> int:
    # No database and no JSON of ours holds every integer that theirs can spell.
    if not isinstance(count, int) or not 0 <= count <= _MOST_USAGE_TOKENS:
        raise ValueError(count)
    return count


def _plain_text(chunk: dict[str, Any]) -> str | None:
    """The text of a chunk that has nothing else, as nearly all have; None for any other."""
    choices = chunk.get("choices")
    if not choices or chunk.get("usage") or chunk.get("error"):
        return None
    choice = choices[0]
    delta = choice.get("delta")
    if not delta or len(delta) != 1 or choice.get("finish_reason"):
        return None
    text = delta.get("content")
    return text if isinstance(text, str) else None


def _text(text: object) -> str:
    if not isinstance(text, str):
        kind = type(text).__name__
        raise UpstreamMalformed(f"The model's server sent a {kind} where a text belongs.")
    return text


def _name(text: object) -> str:
    return clean(_text(text)[:_MOST_NAME_CHARS])


def _arguments(arguments: object) -> str:
    # Some servers send the object itself instead of its JSON.
    if isinstance(arguments, dict):
        return orjson.dumps(arguments).decode()
    return _text(arguments or "")


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
        begin = data[:_SHOWN_BYTES].decode("utf-8", "replace")
        raise _NotJson(f"The model's server sent an event that is not JSON: {begin}") from None
