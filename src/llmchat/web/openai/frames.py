"""What the frames of every streamed completion have in common, chat or not."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from llmchat.errors import LlmchatError, Unavailable
from llmchat.events import Entry, Event, Usage
from llmchat.problem import Problem
from llmchat.web.lines import line_json
from llmchat.web.openai.completion import usage_json
from llmchat.web.openai.errors import error_of

HEARTBEAT = b": heartbeat\n\n"
DONE = b"data: [DONE]\n\n"


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


class Frames(ABC):
    """The encoder of one stream, fed with its log in order. After `ended` nothing is to be sent."""

    def __init__(self, head: Head, kind: str, *, with_usage: bool) -> None:
        self.ended = False
        self._with_usage = with_usage
        self._said: list[str] = []
        members = {"id": head.id, "object": kind, "created": head.created, "model": head.model}
        self._open = b"data: " + line_json(members)[:-1]
        null = b',"usage":null' if with_usage else b""
        self._behind = b"}]" + null + b"}\n\n"

    def frames(self, entries: Sequence[Entry]) -> bytes:
        """The frames of these entries, to be written at once."""
        return b"".join([self._frame(entry.event) for entry in entries])

    def broken_off(self) -> bytes:
        """The frame for a stream that ends before its log: the process stops, or the key that it
        was asked for with is revoked."""
        detail = "This server ends the stream before the answer has ended. Ask again."
        return self._error(BrokenOff(detail).problem())

    @abstractmethod
    def _frame(self, event: Event) -> bytes:
        """Nothing behind the end."""

    @abstractmethod
    def _text(self, text: str) -> bytes: ...

    def _go_on_from(self, text: str, *, called: bool = False) -> bytes:
        said = "".join(self._said)
        if called or not text.startswith(said):
            detail = "Another attempt replaced the answer that you have seen. Ask again for it."
            return self._error(AnswerReplaced(detail).problem())
        return self._text(text[len(said) :])

    def _usage(self, usage: Usage | None) -> bytes:
        if not self._with_usage or usage is None:
            return b""
        return self._open + b',"choices":[],"usage":' + line_json(usage_json(usage)) + b"}\n\n"

    def _error(self, problem: Problem) -> bytes:
        # Without [DONE]: a client that does not know errors must not take it for a whole answer.
        self.ended = True
        return b"data: " + line_json(error_of(problem)) + b"\n\n"
