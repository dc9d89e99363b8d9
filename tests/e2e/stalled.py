"""Readers that misbehave on the level of sockets: that never read, or that reset."""

import socket
import struct
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_SMALLEST_BUFFER_BYTES = 4096
_RESET_INSTEAD_OF_CLOSE = struct.pack("ii", 1, 0)


class StalledReader:
    """Asks for a stream and then reads nothing of it: its side of the connection fills up.

    The kernel takes some megabytes before the server notices; asking several `times` at once on
    the one connection makes the answer longer than that.
    """

    def __init__(self, base_url: str, path: str, *, times: int = 1) -> None:
        url = urlsplit(base_url)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALLEST_BUFFER_BYTES)
        self._socket.connect((url.hostname, url.port))
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: llmchat\r\n\r\n".encode() * times)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def begin(self) -> bytes:
        """Wait for the first bytes."""
        return self._socket.recv(16)

    def reset(self) -> None:
        """Leave in the rudest way: RST, with everything unread."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_INSTEAD_OF_CLOSE)
        self._socket.close()

    def rest(self) -> bytes:
        """Everything that was sent after all, up to the end of the response."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        body = b""
        while not body.endswith(b"0\r\n\r\n"):
            data = self._socket.recv(1 << 16)
            if not data:
                break
            body += data
        return body
