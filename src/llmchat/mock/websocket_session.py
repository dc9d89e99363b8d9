"""A WebSocket on the mock's own sockets: websockets' state machine, and bytes that break it."""

import asyncio
import logging
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from websockets.frames import CTRL_OPCODES, DATA_OPCODES, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from llmchat.mock.http1 import Response, write

MESSAGE_BYTES_MAX = 64 << 20
READ_BYTES = 64 << 10
FRAGMENT_BYTES = 3

_logger = logging.getLogger(f"{__name__}.library")
_logger.setLevel(logging.ERROR)


class Session:
    """What has been agreed upon in a handshake: `read` in the background, and send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.protocol = Protocol(state=State.OPEN, max_size=MESSAGE_BYTES_MAX, logger=_logger)
        # Both a reply to a ping and an answer are written: neither in the middle of the other.
        self.writing = asyncio.Lock()
        self.messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.closing = False
        """Whether it is the mock that said goodbye."""
        self._reader = reader
        self._message = bytearray()

    async def read(self) -> None:
        """Fills `messages`, with None at the end: until the client leaves or says goodbye."""
        try:
            while self.protocol.state is State.OPEN and (
                data := await self._reader.read(READ_BYTES)
            ):
                self.protocol.receive_data(data)
                for event in self.protocol.events_received():
                    self._take(event)
                await self.flush()
        except ConnectionError:
            pass
        finally:
            self.messages.put_nowait(None)

    async def flush(self) -> None:
        """Write what the state machine has to say."""
        if replies := b"".join(self.protocol.data_to_send()):
            await self.write([replies])

    async def write(self, pieces: Iterable[bytes]) -> None:
        async with self.writing:
            for number, piece in enumerate(pieces):
                if number:
                    # Without a turn for the reader between them, they would reach it joined again.
                    await asyncio.sleep(0)
                await write(self.writer, piece)

    def _take(self, event: object) -> None:
        if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            self._message += event.data
            if event.fin:
                self.messages.put_nowait(bytes(self._message))
                self._message.clear()


class Protocol(ServerProtocol):
    mute = False
    """Neither a ping nor a goodbye is answered."""

    def send_frame(self, frame: Frame) -> None:
        if not (self.mute and frame.opcode in CTRL_OPCODES):
            super().send_frame(frame)


@dataclass(slots=True)
class Answer(Response):
    """One answer as streams and faults send it: what is a chunk in HTTP is a message here, and a
    response that has ended is one after which the connection can still be used, or is closed."""

    session: Session | None = None
    binary: bool = False
    fragmented: bool = False

    @property
    def socket(self) -> Session:
        assert self.session is not None
        return self.session

    async def start(self, content_type: str) -> None:
        """The handshake was the start."""

    async def send(self, data: bytes) -> None:
        protocol = self.socket.protocol
        # The client may have said goodbye a moment ago.
        if not data or protocol.state is not State.OPEN:
            return
        begin = protocol.send_binary if self.binary else protocol.send_text
        if self.fragmented:
            begin(data[:FRAGMENT_BYTES], fin=False)
            for start in range(FRAGMENT_BYTES, len(data), FRAGMENT_BYTES):
                protocol.send_continuation(data[start : start + FRAGMENT_BYTES], fin=False)
            protocol.send_continuation(b"", fin=True)
        else:
            begin(data)
        await self._write(b"".join(protocol.data_to_send()))

    async def send_whole(
        self, status: int, content_type: str, body: bytes, headers: object = None
    ) -> None:
        await self.send(body)
        await self.end()

    async def send_part(self, content_type: str, body: bytes, length: int) -> None:
        await self._write(frame_head(length) + body)

    async def send_half_a_chunk(self, data: bytes) -> None:
        await self.send_part("", data[: len(data) // 2], len(data))

    async def send_ping(self) -> None:
        self.socket.protocol.send_ping(b"are you there?")
        await self.socket.flush()

    async def end(self) -> None:
        await self.close(1000)

    async def close(self, code: int, reason: str = "") -> None:
        self.socket.closing = True
        if self.socket.protocol.state is State.OPEN:
            self.socket.protocol.send_close(code, reason)
        await self.socket.flush()
        self.ended = True

    async def _write(self, data: bytes) -> None:
        await self.socket.write(self.cut(data))


def frame_head(length: int) -> bytes:
    """What stands before so many bytes of text, in a frame of its own."""
    return struct.pack("!BBQ", 0x80 | Opcode.TEXT, 127, length)
