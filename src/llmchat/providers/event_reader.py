"""What the readers of all dialects over server-sent events have in common."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from llmchat.errors import UpstreamMalformed, UpstreamTooLarge
from llmchat.providers.answer_reader import AnswerReader
from llmchat.providers.base import ProviderEvent
from llmchat.providers.sse import MOST_EVENT_BYTES, EventParser, SseEvent


class EventReader(AnswerReader):
    """Reads a stream of events; or one JSON object, from a server that does not stream or tells an
    error, which is then the only event, and `_whole`."""

    advice: ClassVar[str]
    """What to say about the base URL to somebody whose server answers with a web page."""
    ending = b"\n\n"

    def __init__(self, *, hide_reasoning: bool) -> None:
        super().__init__(hide_reasoning=hide_reasoning)
        self._started = False
        self._object: bytearray | None = None
        self._whole = False
        self._parser = EventParser()

    @abstractmethod
    def _take_events(self, found: Sequence[SseEvent], events: list[ProviderEvent]) -> None:
        """As `_read`, for whole events."""

    def _read(self, data: bytes, events: list[ProviderEvent]) -> None:
        if not self._started:
            data = self._start(data)
        if self._object is not None:
            self._grow(self._object, data)
        else:
            self._take_events(self._parser.feed(data), events)

    def _start(self, data: bytes) -> bytes:
        """Some servers cannot stream, and send one object; all send blank lines as they like."""
        data = data.lstrip()
        self._started = bool(data)
        if data.startswith(b"<"):
            raise UpstreamMalformed(f"The model's server answered with a web page. {self.advice}")
        # In a list is how Gemini tells an error.
        if data.startswith((b"{", b"[")):
            self._object = bytearray()
        return data

    def _grow(self, body: bytearray, data: bytes) -> None:
        body += data
        if len(body) > MOST_EVENT_BYTES:
            raise UpstreamTooLarge(
                f"The model's server sent an answer of more than {MOST_EVENT_BYTES} bytes in one "
                "piece. Check what the provider's base URL points to."
            )

    def _last_frame(self) -> bytes:
        if self._object is None:
            return self.ending
        body, self._object, self._whole = self._object, None, True
        # JSON has line breaks between its parts only, where a space will do.
        return b"data: " + b" ".join(body.splitlines()) + self.ending
