"""From the bytes of an answer to our events: what the readers of all dialects have in common."""

from abc import ABC, abstractmethod
from typing import ClassVar

from llmchat.errors import ProviderError, UpstreamMalformed, UpstreamTruncated
from llmchat.events import Channel, Delta, Finished, ToolCall, Usage
from llmchat.providers.base import ProviderEvent
from llmchat.providers.wire_json import NotJson, text_of
from llmchat.text import TextRepair

MOST_TOOL_CALLS = 128


class AnswerReader(ABC):
    """Reads one answer from the bytes of its stream, in order: pure, and without an exception.

    `finish_reason` and `done` are the evidence that it is `complete`; `begun` says that events of
    it were given; `thought` that the last bytes brought reasoning which nobody wants to see;
    `error` is what is to be raised once the events were given on.
    """

    evidence: ClassVar[str]
    """What this dialect ends a whole answer with, for the sentence that says that it is missing."""
    ending: ClassVar[bytes]
    """What makes a last frame whole that came without its end."""

    def __init__(self, *, hide_reasoning: bool) -> None:
        self.begun = False
        self.done = False
        self.thought = False
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.error: ProviderError | None = None
        self._hide_reasoning = hide_reasoning
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
        self.thought = False
        if self.done or self.error is not None:
            return events
        try:
            self._read(data, events)
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
                f"The model's server ended the stream with {self.evidence}, so the "
                "answer may be incomplete. What came is kept; ask again for a whole one."
            )
        return events

    @abstractmethod
    def _read(self, data: bytes, events: list[ProviderEvent]) -> None:
        """Adds what these bytes complete. Raises ProviderError behind it, and AttributeError,
        KeyError or TypeError for JSON of another shape."""

    def _last_frame(self) -> bytes:
        return self.ending

    def _take_rest(self) -> list[ProviderEvent]:
        """The last frame of a stream that ended without what belongs behind it: the standards drop
        that, but some servers forget it. And what was held back of texts."""
        events = self.feed(self._last_frame())
        if isinstance(self.error, NotJson):
            # Half of it is what a broken connection leaves: no fault of the one who wrote it.
            self.error = None
        for channel, repair in self._repair.items():
            if rest := repair.end():
                events.append(Delta(rest, channel))
        for index, repair in enumerate(self._calls):
            if rest := repair.end():
                events.append(ToolCall(index, None, None, rest))
        return events

    def _take_text(self, text: object, channel: Channel, events: list[ProviderEvent]) -> None:
        if self._hide_reasoning and channel == "reasoning":
            self.thought = True
        elif repaired := self._repair[channel].feed(text_of(text)):
            events.append(Delta(repaired, channel))

    def _call_at(self, index: object) -> int:
        """The number of a tool call, with a place for its arguments."""
        if not isinstance(index, int) or not 0 <= index < MOST_TOOL_CALLS:
            raise UpstreamMalformed(
                f"The model's server numbers its tool calls otherwise than 0 to {MOST_TOOL_CALLS}."
            )
        while len(self._calls) <= index:
            self._calls.append(TextRepair())
        return index
