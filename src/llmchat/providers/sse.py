"""Server-sent events from bytes, as the HTML standard parses them, with a bound on their size.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from collections.abc import Iterator

from llmchat.errors import UpstreamTooLarge

MOST_EVENT_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class EventParser:
    """Feed it what the socket gives; it gives (event name, data) of each whole event.

    Works on bytes: lines end at CR, LF or CRLF and nowhere else (`str.splitlines` would also cut at
    U+2028 and U+0085), and a character split over two chunks needs no care.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._started = False
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Raises UpstreamTooLarge for an event of more than MOST_EVENT_BYTES, finished or not."""
        buffer = self._buffer + chunk if self._buffer else chunk
        if not self._started:
            if len(buffer) < len(_BOM) and _BOM.startswith(buffer):
                self._buffer = buffer
                return
            self._started = True
            buffer = buffer.removeprefix(_BOM)
        if b"\r" in buffer:
            buffer, held = self._without_cr(buffer)
        else:
            held = b""
        lines = buffer.split(b"\n")
        rest = lines.pop()
        self._buffer = rest + held
        if self._size + len(rest) > MOST_EVENT_BYTES:
            raise _too_large()
        for line in lines:
            if line:
                self._take(line)
            elif self._data:
                yield self._event()
            else:
                self._name, self._size = b"", 0

    @staticmethod
    def _without_cr(buffer: bytes) -> tuple[bytes, bytes]:
        # A CR at the end may be the first half of a CRLF: it waits for the next chunk.
        held = b"\r" if buffer.endswith(b"\r") else b""
        buffer = buffer.removesuffix(b"\r")
        return buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), held

    def end(self) -> Iterator[tuple[bytes, bytes]]:
        """The last event, when the stream ended without the blank line behind it.

        The standard drops it; servers that forget the blank line exist, and if what is there is
        only half of an event, it will not parse as JSON and be reported as that.
        """
        yield from self.feed(b"\n\n")

    def _take(self, line: bytes) -> None:
        self._size += len(line)
        if self._size > MOST_EVENT_BYTES:
            raise _too_large()
        if line.startswith(b"data:"):
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line.startswith(b"event:"):
            self._name = line[6:].removeprefix(b" ")
        elif line == b"data":
            self._data.append(b"")

    def _event(self) -> tuple[bytes, bytes]:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        event = (self._name, data)
        self._name, self._data, self._size = b"", [], 0
        return event


def _too_large() -> UpstreamTooLarge:
    return UpstreamTooLarge(
        f"The model's server sent a single event of more than {MOST_EVENT_BYTES} bytes. "
        "That is no chat protocol; check what the provider's base URL points to."
    )
