"""What is said to the custom WebSocket model, and what is read from its answer: pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from llmchat.domain import Json, Role
from llmchat.errors import ProviderError, UpstreamMalformed
from llmchat.events import ToolCall, Usage
from llmchat.prompts import Prompt
from llmchat.providers.answer_reader import AnswerReader
from llmchat.providers.base import ProviderEvent
from llmchat.providers.http_client import json_bytes
from llmchat.providers.openai_messages import message_json
from llmchat.providers.websocket_dialect import Dialect, find, put
from llmchat.providers.websocket_errors import told
from llmchat.providers.wire_json import (
    NotJson,
    arguments_of,
    name_of,
    object_in,
    text_of,
    tokens_of,
)


def request_frame(
    prompt: Prompt,
    dialect: Dialect,
    *,
    model: str | None,
    stream: bool,
    metadata: Json,
    at: datetime,
) -> bytes:
    """The one frame that asks for an answer. Raises UpstreamRejected for what is no JSON."""
    params = prompt.params.as_json()
    extra = params.pop("extra", {})
    if not params.get("skip_thinking"):
        params.pop("skip_thinking", None)
    frame: dict[str, Any] = {} if dialect.settings else dict(extra)
    put(frame, dialect.message, _newest(prompt))
    if model is not None:
        put(frame, dialect.model, model)
    put(frame, dialect.timestamp, at.isoformat(timespec="milliseconds"))
    put(frame, dialect.metadata, {"session_context": {}, **metadata})
    put(frame, dialect.messages, [message_json(message) for message in prompt.messages])
    settings = dict(extra) if dialect.settings else frame
    for name, value in {**params, "stream": stream}.items():
        put(settings, getattr(dialect, name, name), value)
    put(frame, dialect.settings, settings)
    return json_bytes(frame)


def _newest(prompt: Prompt) -> str:
    """What the user said last."""
    said = (message.content for message in prompt.messages[::-1] if message.role is Role.USER)
    return next(said, "")


class FrameReader(AnswerReader):
    """Reads one answer from its messages: feed it one at a time.

    `delta` and `token` are pieces of the text. `response` is one as well, until there was one of
    those: then it is the sum of them, and no text. `done: true` or a finish reason shows that the
    answer is whole; and so does a `response` alone when the server was not asked to stream, unless
    it says `done: false`.
    """

    evidence = (
        'neither "done": true nor a finish_reason (one that sends its whole answer in one frame, '
        "without them, needs stream = false in the settings)"
    )
    ending = b""

    def __init__(self, dialect: Dialect, *, streams: bool, hide_reasoning: bool) -> None:
        super().__init__(hide_reasoning=hide_reasoning)
        self._at = dialect
        self._streams = streams
        self._has_pieces = False

    def _read(self, data: bytes, events: list[ProviderEvent]) -> None:
        # Some servers send empty messages as a sign of life.
        if not data.strip():
            return
        frame = self._object(data)
        if error := self._error(frame):
            raise error
        if thought := find(frame, self._at.reasoning):
            self._take_text(self._text(thought, "reasoning"), "reasoning", events)
        if text := self._piece(frame):
            self._take_text(text, "answer", events)
        events += [self._tool_call(call) for call in find(frame, self._at.tool_calls) or ()]
        self.usage = self._count(frame) or self.usage
        self._look_for_the_end(frame)

    def _object(self, data: bytes) -> dict[str, Any]:
        try:
            return object_in(data)
        except NotJson as error:
            # Not as it is: NotJson is forgiven at the end of a stream, where a line may be cut off.
            raise UpstreamMalformed(
                f'{error.detail} Expected was a JSON object such as {{"{self._at.delta}": "…", '
                f'"{self._at.done}": false}}.'
            ) from None

    def _error(self, frame: dict[str, Any]) -> ProviderError | None:
        at = self._at
        error, message = find(frame, at.error), find(frame, at.error_message)
        code = find(frame, at.error_code)
        if not (error or message or code):
            return None
        return told(error, message, code, find(frame, at.retry_after))

    def _piece(self, frame: dict[str, Any]) -> str:
        for path in (self._at.delta, self._at.token):
            piece = find(frame, path)
            if piece is not None:
                text = self._text(piece, path)
                self._has_pieces = self._has_pieces or bool(text)
                if text:
                    return text
        if self._has_pieces:
            return ""
        whole = find(frame, self._at.response)
        return "" if whole is None else self._text(whole, self._at.response)

    def _text(self, text: object, path: str) -> str:
        if isinstance(text, Mapping | list):
            inner = next(iter(text), "text") if isinstance(text, Mapping) else "0"
            raise UpstreamMalformed(
                f'The model\'s server sent a {type(text).__name__} in "{path}", where a text '
                f'belongs. If the text is inside of it, name its field: "{path}.{inner}".'
            )
        return text_of(text)

    def _tool_call(self, call: Mapping[str, Any]) -> ToolCall:
        function = call.get("function") or {}
        id, name = call.get("id"), function.get("name")
        index = call.get("index")
        if index is None:
            # A server that does not number them sends each with its id.
            index = len(self._calls) - (0 if id is not None or not self._calls else 1)
        number = self._call_at(index)
        return ToolCall(
            index=number,
            id=None if id is None else name_of(id),
            name=None if name is None else name_of(name),
            arguments=self._calls[number].feed(arguments_of(function.get("arguments"))),
        )

    def _count(self, frame: dict[str, Any]) -> Usage | None:
        paths = (self._at.tokens, self._at.input_tokens, self._at.output_tokens)
        total, asked, answered = (_tokens(find(frame, path)) for path in paths)
        if total is None and asked is None and answered is None:
            return None
        if answered is None:
            answered = max(0, (total or 0) - (asked or 0))
        if asked is None:
            asked = max(0, (total or 0) - answered)
        return Usage(input_tokens=asked, output_tokens=answered)

    def _look_for_the_end(self, frame: dict[str, Any]) -> None:
        if reason := find(frame, self._at.finish_reason):
            self.finish_reason = name_of(reason)
        done = find(frame, self._at.done)
        whole = not self._streams and find(frame, self._at.response) is not None
        self.done = done is True or (whole and done is not False)


def _tokens(count: object) -> int | None:
    try:
        return None if isinstance(count, bool) else tokens_of(count)
    except ValueError:
        return None
