"""Server-sent events from bytes, as the HTML standard parses them, with a bound on their size.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import re
from collections.abc import Sequence

from llmchat.errors import UpstreamTooLarge

MOST_EVENT_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_PLAIN = re.compile(rb"(?:data: [^\r\n]+\n\n)+")

SseEvent = tuple[bytes, bytes]
"""(name, data) of one event."""


class EventParser:
    """Feed it what the socket gives; it gives each whole event.

    Works on bytes: lines end at CR, LF or CRLF and nowhere else (`str.splitlines` would also cut at
    U+2028 and U+0085), and a character split over two chunks needs no care.
    """

    def __init__(self, *, most_bytes: int = MOST_EVENT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._rest = b""
        self._started = False
        self._after_cr = False
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Sequence[SseEvent]:
        """Raises UpstreamTooLarge for an event of more than `most_bytes`, finished or not."""
        if self._idle and len(chunk) < MOST_EVENT_BYTES and _PLAIN.fullmatch(chunk):
            # What nearly all that servers send is: whole events of one line of data each.
            return [(b"", data) for data in chunk[6:-2].split(b"\n\ndata: ")]
        events: list[SseEvent] = []
        for line in self._lines(chunk):
            if line:
                self._take(line)
            else:
                data = b"\n".join(self._data)
                # The standard has no events without data; servers send such as a sign of life.
                if data:
                    events.append((self._name, data))
                self._name, self._data, self._size = b"", [], 0
        if self._size + len(self._rest) > self._most_bytes:
            raise _too_large(self._most_bytes)
        return events

    @property
    def _idle(self) -> bool:
        between_events = not (self._rest or self._data or self._name or self._after_cr)
        return between_events and self._started

    def _lines(self, chunk: bytes) -> list[bytes]:
        text = self._rest + chunk
        if not self._started:
            if len(text) < len(_BOM) and _BOM.startswith(text):
                self._rest = text
                return []
            self._started = True
            text = text.removeprefix(_BOM)
        if self._after_cr and chunk:
            # The second half of a CRLF whose first half has ended the line already.
            text = text.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in text:
            self._after_cr = text.endswith(b"\r")
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = text.split(b"\n")
        self._rest = lines.pop()
        return lines

    def _take(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line.startswith(b"event:"):
            self._name = line[6:].removeprefix(b" ")
        elif line == b"data":
            self._data.append(b"")
        else:
            return
        self._size += len(line)
        if self._size > self._most_bytes:
            raise _too_large(self._most_bytes)


def _too_large(most_bytes: int) -> UpstreamTooLarge:
    return UpstreamTooLarge(
        f"The model's server sent a single event of more than {most_bytes} bytes. "
        "That is no chat protocol; check what the provider's base URL points to."
    )
