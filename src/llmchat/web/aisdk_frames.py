"""From events to the AI SDK's UI message stream, version 1.

https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol; what the client takes is `uiMessageChunkSchema`
in the npm package `ai`. It throws at a chunk of any other type.
"""

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import orjson

from llmchat.domain import Message, Role, Status
from llmchat.errors import ShuttingDown
from llmchat.events import (
    Channel,
    Delta,
    Entry,
    Event,
    Failed,
    Finished,
    Reset,
    Started,
    ToolCall,
    Usage,
    answerable_calls,
    is_terminal,
    whole_calls,
)
from llmchat.problem import Problem
from llmchat.web.lines import line_json

Chunk = dict[str, Any]

HEADERS = ((b"x-vercel-ai-ui-message-stream", b"v1"),)
DONE = b"data: [DONE]\n\n"
_HEARTBEAT = b": heartbeat\n\n"
_KINDS: Mapping[Channel, str] = {"answer": "text", "reasoning": "reasoning"}
_FINISH_REASONS = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
}


class Encoder:
    """The chunks of one answer, which goes by `message_id` in the client's list. `before` are its
    earlier steps, shown behind the `start`."""

    def __init__(
        self,
        message_id: str,
        metadata: Mapping[str, Any] | None = None,
        before: Sequence[Message] = (),
    ) -> None:
        self._message_id = message_id
        self._metadata = dict(metadata or {})
        self._before = before
        self._step = _Step()

    def chunks(self, events: Iterable[Event]) -> Iterator[Chunk]:
        """What follows the chunks so far. Of the attempts that are there at once only the last is
        shown; one that was shown before is dropped by `reset-step`, which 7 and later know."""
        for event in _of_last_attempt(events):
            match event:
                case Started():
                    yield from self._start(event)
                case Delta(text, channel):
                    yield from self._step.text(_KINDS[channel], text)
                case ToolCall():
                    yield from self._step.call(event)
                case Reset(text=text):
                    if self._step.shown:
                        yield {"type": "reset-step"}
                    self._step = _Step()
                    yield from self._step.text("text", text)
                case Finished() | Failed():
                    yield from self._step.end()
                    yield from _terminal(event, self._step.pieces)

    def stored(self) -> Iterator[Chunk]:
        """The whole of an answer that has ended: all of it is in `before`."""
        last = self._before[-1]
        yield from self._opened()
        match last.status:
            case Status.COMPLETE:
                reason = {"finishReason": "tool-calls" if last.tool_calls else "stop"}
                yield {"type": "finish", **reason, "messageMetadata": _metadata(last.usage)}
            case Status.STOPPED:
                yield _stopped()
            case _:
                yield _error(last.error)

    def _start(self, event: Started) -> Iterator[Chunk]:
        self._metadata |= {"generationId": event.generation_id, "model": event.model}
        yield from self._opened()
        yield {"type": "start-step"}

    def _opened(self) -> Iterator[Chunk]:
        yield {
            "type": "start",
            "messageId": self._message_id,
            "messageMetadata": self._metadata,
        }
        for place, message in enumerate(self._before):
            following = self._before[place + 1 : place + 2]
            yield from _stored_chunks(message, last=not _is_result(following))


class _Step:
    """What the model writes at once: its parts, one after the other."""

    def __init__(self) -> None:
        self.pieces: list[ToolCall] = []
        self.shown = False
        self._open: tuple[str, str] | None = None
        self._parts = 0
        self._begun: dict[int, str] = {}

    def text(self, kind: str, text: str) -> Iterator[Chunk]:
        if not text:
            return
        if self._open is None or self._open[0] != kind:
            yield from self.end()
            self._parts += 1
            self._open = (kind, f"{kind[0]}{self._parts}")
            yield {"type": f"{kind}-start", "id": self._open[1]}
        self.shown = True
        yield {"type": f"{kind}-delta", "id": self._open[1], "delta": text}

    def end(self) -> Iterator[Chunk]:
        """Of the part that is open."""
        if self._open is not None:
            kind, id = self._open
            self._open = None
            yield {"type": f"{kind}-end", "id": id}

    def call(self, piece: ToolCall) -> Iterator[Chunk]:
        yield from self.end()
        self.pieces.append(piece)
        if (id := self._begun.get(piece.index)) is not None:
            if piece.arguments:
                yield _input_delta(id, piece.arguments)
            return
        (call,) = whole_calls(one for one in self.pieces if one.index == piece.index)
        # One without a name, or with the id of another, gets its id at the end.
        if call.id and call.name and call.id not in self._begun.values():
            self._begun[piece.index] = call.id
            self.shown = True
            yield {"type": "tool-input-start", "toolCallId": call.id, "toolName": call.name}
            if call.arguments:
                yield _input_delta(call.id, call.arguments)


async def ui_frames(
    encoder: Encoder, batches: AsyncGenerator[Sequence[Entry], None]
) -> AsyncGenerator[bytes, None]:
    """One answer as server-sent events. When the server stops first, this ends with an error: the
    client would take a mere end for that of the answer."""
    ended = False
    async with aclosing(batches):
        async for entries in batches:
            events = [entry.event for entry in entries]
            ended = bool(events) and is_terminal(events[-1])
            frames = b"".join(map(frame, encoder.chunks(events)))
            yield frames + (DONE if ended else b"") or _HEARTBEAT
    if not ended:
        yield frame(_error(ShuttingDown().problem()))


async def stored_frames(encoder: Encoder) -> AsyncGenerator[bytes, None]:
    """An answer that has ended."""
    yield b"".join(map(frame, encoder.stored())) + DONE


def frame(chunk: Chunk) -> bytes:
    return b"data: %b\n\n" % line_json(chunk)


def calls_as_parts(calls: Sequence[ToolCall]) -> Iterator[Chunk]:
    """The calls, with all of their input; as chunks."""
    for call in calls:
        named = {"toolCallId": call.id, "toolName": call.name}
        try:
            yield {
                "type": "tool-input-available",
                **named,
                "input": orjson.loads(call.arguments or "{}"),
            }
        except orjson.JSONDecodeError:
            yield {
                "type": "tool-input-error",
                **named,
                "input": call.arguments,
                "errorText": "The input of this call is not JSON: the answer broke off, or the "
                "model wrote it wrongly.",
            }


def output_of(content: str) -> Any:
    """What came of a call, as its client sent it: objects and lists were stored as JSON."""
    if not content.startswith(("{", "[")):
        return content
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content


def _of_last_attempt(events: Iterable[Event]) -> list[Event]:
    """Without what a later one of them takes back."""
    kept: list[Event] = []
    for event in events:
        if isinstance(event, Reset):
            kept = [earlier for earlier in kept if isinstance(earlier, Started)]
        kept.append(event)
    return kept


def _terminal(event: Finished | Failed, pieces: Sequence[ToolCall]) -> Iterator[Chunk]:
    match event:
        case Failed(problem=problem, usage=usage):
            yield from _usage(usage)
            yield _error(problem)
        case Finished(status="stopped", usage=usage):
            yield from _usage(usage)
            yield _stopped()
        case Finished(finish_reason=reason, usage=usage, model=model):
            yield from calls_as_parts(answerable_calls(pieces))
            yield {"type": "finish-step"}
            yield {
                "type": "finish",
                "finishReason": _FINISH_REASONS.get(reason or "", "other"),
                "messageMetadata": _metadata(usage) | ({"model": model} if model else {}),
            }


def _stored_chunks(message: Message, *, last: bool) -> Iterator[Chunk]:
    """A message of an earlier step; the `last` of it ends it."""
    if message.role is Role.TOOL:
        output = output_of(message.content)
        yield {
            "type": "tool-output-available",
            "toolCallId": message.tool_call_id,
            "output": output,
        }
    else:
        step = _Step()
        yield {"type": "start-step"}
        yield from step.text("reasoning", message.reasoning)
        yield from step.text("text", message.content)
        yield from step.end()
        yield from calls_as_parts(message.tool_calls)
    if last:
        yield {"type": "finish-step"}


def _is_result(messages: Sequence[Message]) -> bool:
    return any(message.role is Role.TOOL for message in messages)


def _input_delta(id: str, arguments: str) -> Chunk:
    return {"type": "tool-input-delta", "toolCallId": id, "inputTextDelta": arguments}


def _stopped() -> Chunk:
    return {"type": "abort", "reason": "stopped"}


def _error(problem: Problem | None) -> Chunk:
    return {"type": "error", "errorText": problem.detail if problem else "The answer failed."}


def _usage(usage: Usage | None) -> Iterator[Chunk]:
    if usage:
        yield {"type": "message-metadata", "messageMetadata": _metadata(usage)}


def _metadata(usage: Usage | None) -> dict[str, Any]:
    return {"usage": usage_json(usage)} if usage else {}


def usage_json(usage: Usage) -> dict[str, Any]:
    """In the AI SDK's names."""
    return {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.input_tokens + usage.output_tokens,
        "reasoningTokens": usage.reasoning_tokens,
        "cachedInputTokens": usage.cached_tokens,
        "costUsd": usage.cost_usd,
        "estimated": usage.estimated,
    }
