"""From the events of a log to the frames of a streamed Response: no I/O, no clock.

Every frame has a `sequence_number`, which depends on nothing but the log. It counts what the whole
answer would be if each character were an event of its own: an event with a text has the number of
its last character. However the deltas were merged when they were read, a number stands for the same
place, and after any number comes exactly what follows it.

A `reset` takes back what was said: the items that it hits are done, with the status `incomplete`;
the next attempt's are new ones, with ids and places of their own, and they alone are the output of
the response at its end. Its numbers begin far beyond: a log that was lost, and restored from a
checkpoint as one reset, gives no number again that a client may know.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from llmchat.events import Delta, Entry, Failed, Finished, Reset, Started, Terminal, ToolCall
from llmchat.web.lines import line_json
from llmchat.web.openai.response_object import ended, status_of
from llmchat.web.openai.response_output import Output, Step, Structure, Text

HEARTBEAT = b": heartbeat\n\n"
# Of one attempt: 4 Mi characters, each of which might end one item and begin another.
_SPAN = 2**25
_NEVER = 2**62

_TEXT_FRAME = (
    b'event: %b\ndata: {"type":"%b","sequence_number":%d,"item_id":"%b","output_index":%d,'
    b'%b"delta":%b%b}\n\n'
)
_LOGPROBS = b',"logprobs":[]'


class ResponseFrames:
    """The encoder of one stream, fed with its log from the beginning. Frames up to the number
    `after` are counted and not made.

    `response` is the object before anything was said.
    """

    def __init__(self, response: Mapping[str, Any], *, after: int = -1) -> None:
        self.number = -1
        """Of what was fed last."""
        self.ended = False
        self._response = response
        self._after = after
        self._output = Output("")

    def feed(self, entries: Sequence[Entry], *, ended_at: datetime | None = None) -> bytes:
        """The frames of these entries, to be written at once. With the last of them comes when
        the generation ended."""
        frames = (self._frame(step) for entry in entries for step in self._steps(entry, ended_at))
        return b"".join(frames)

    @property
    def response(self) -> Mapping[str, Any]:
        """The object as it is now."""
        return {**self._response, "output": self._output.as_json()}

    def _steps(self, entry: Entry, ended_at: datetime | None) -> Iterable[Step]:
        match entry.event:
            case Started(generation_id, message_id):
                return self._begin(message_id or generation_id)
            case Delta(text, channel):
                return self._output.say("reasoning" if channel == "reasoning" else "message", text)
            case ToolCall() as piece:
                return self._output.call(piece)
            case Reset(text=text):
                self.number = max(self.number, entry.last * _SPAN)
                return self._reset(text)
            case Finished() | Failed() as end:
                self.ended = True
                return self._end(end, ended_at)

    def _begin(self, message_id: str) -> Iterator[Step]:
        self._output = Output(message_id.partition("_")[2])
        yield Structure("response.created", {"response": self._response})
        running = {**self._response, "status": "in_progress"}
        yield Structure("response.in_progress", {"response": running})

    def _reset(self, text: str) -> Iterator[Step]:
        yield from self._output.drop()
        yield from self._output.say("message", text)

    def _end(self, end: Terminal, at: datetime | None) -> Iterator[Step]:
        whole = status_of(end)[0] == "completed"
        yield from self._output.close("completed" if whole else "incomplete")
        self._response = response = ended(self._response, end, self._output.as_json(), at=at)
        # There is no event for a response that was cancelled: its status says it.
        event = {"cancelled": "incomplete"}.get(response["status"], response["status"])
        yield Structure(f"response.{event}", {"response": response})

    def _frame(self, step: Step) -> bytes:
        match step:
            case Structure(type_, members):
                self.number += 1
                return self._structure(type_, members) if self.number > self._after else b""
            case Text(text=text):
                before, self.number = self.number, self.number + len(text)
                if self.number <= self._after:
                    return b""
                return self._text(step, text[max(0, self._after - before) :])

    def _structure(self, type_: str, members: Mapping[str, Any]) -> bytes:
        data = {"type": type_, "sequence_number": self.number, **members}
        return b"event: %b\ndata: %b\n\n" % (type_.encode(), line_json(data))

    def _text(self, step: Text, text: str) -> bytes:
        """By hand: most frames are this one."""
        name = step.type.encode()
        content = b"" if step.content_index is None else b'"content_index":0,'
        logprobs = _LOGPROBS if step.type == "response.output_text.delta" else b""
        return _TEXT_FRAME % (
            name,
            name,
            self.number,
            step.item_id.encode(),
            step.output_index,
            content,
            line_json(text),
            logprobs,
        )


def frames_of(
    response: Mapping[str, Any], entries: Sequence[Entry], *, ended_at: datetime | None = None
) -> bytes:
    """All frames of a log."""
    return ResponseFrames(response).feed(entries, ended_at=ended_at)


def response_after(
    response: Mapping[str, Any], entries: Sequence[Entry], *, ended_at: datetime | None
) -> Mapping[str, Any]:
    """The object when this was said; `response` is what it was before."""
    frames = ResponseFrames(response, after=_NEVER)
    frames.feed(entries, ended_at=ended_at)
    return frames.response


def last_number(entries: Sequence[Entry]) -> int:
    """Of the frames of these entries."""
    frames = ResponseFrames({"status": "", "model": ""}, after=_NEVER)
    frames.feed(entries)
    return frames.number
