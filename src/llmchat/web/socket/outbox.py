"""What waits to be sent over one socket: bounded, however slowly its client reads."""

import asyncio
from collections import deque
from collections.abc import Callable

MOST_BYTES = 192 * 1024
"""With what the system has of it already, 256 KiB. One larger frame waits alone."""
PATIENCE_SECONDS = 2.0
"""So long a client may not read before deltas stop coming."""


class Outbox:
    """Frames in their order. Whoever has one waits for room; nobody waits for who waits."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._change = asyncio.Condition()

    async def put(self, frame: bytes, wanted: Callable[[], bool] = lambda: True) -> None:
        """Waits for room, as long as it takes; nothing is added that is not wanted by then."""
        async with self._change:
            await self._change.wait_for(lambda: self._has_room(frame) or not wanted())
            if wanted():
                self._add(frame)

    async def offer(self, frame: bytes, wanted: Callable[[], bool]) -> bool:
        """The same, for PATIENCE_SECONDS at the most: False when there was no room."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.put(frame, wanted)
        except TimeoutError:
            return False
        return True

    async def get(self) -> bytes:
        """The next frame, as soon as there is one."""
        async with self._change:
            await self._change.wait_for(lambda: self._frames)
            frame = self._frames.popleft()
            self._bytes -= len(frame)
            self._change.notify_all()
            return frame

    async def insist(self, frame: bytes) -> None:
        """Add it at once, and be it too much: only what is small, and comes once."""
        async with self._change:
            self._add(frame)

    def _has_room(self, frame: bytes) -> bool:
        return not self._frames or self._bytes + len(frame) <= MOST_BYTES

    def _add(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._bytes += len(frame)
        self._change.notify_all()
