"""What waits to be done for devices: bounded, and in order within each conversation."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from llmchat.errors import ShuttingDown
from llmchat.mqtt.base import Delivery
from llmchat.tasks import TaskSet

LANES = 8
MOST_UNSURE, _MOST_UNSURE_BYTES = 128, 4 * 1024 * 1024
MOST_SURE, _MOST_SURE_BYTES = 256, 64 * 1024 * 1024
_TOLD_EVERY_SECONDS = 10.0
_CLOSE_SECONDS = 2.0

_log = structlog.get_logger(__name__)


class Lanes:
    """Messages of one conversation are taken one after the other, of several at once. A broker
    sends only so many that are not acknowledged; what is sent without that (QoS 0) has room of its
    own, and is dropped when that is full."""

    def __init__(self, take: Callable[[Delivery], Awaitable[None]]) -> None:
        self._take = take
        self._lanes: list[asyncio.Queue[Delivery | None]] = [asyncio.Queue() for _ in range(LANES)]
        self._unsure = _Room(MOST_UNSURE, _MOST_UNSURE_BYTES)
        self._sure = _Room(MOST_SURE, _MOST_SURE_BYTES)
        self._dropped = 0
        self._told_at = -_TOLD_EVERY_SECONDS
        self._over = False
        self._tasks = TaskSet()

    def start(self) -> None:
        for number, lane in enumerate(self._lanes):
            self._tasks.spawn(self._work(lane), name=f"mqtt lane {number}")

    async def aclose(self) -> None:
        """What is being stored is stored; what has not begun is left to the broker."""
        self._over = True
        for lane in self._lanes:
            lane.put_nowait(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._tasks.join()
        await self._tasks.cancel_all()

    def put(self, delivery: Delivery) -> bool:
        """False when there is no room."""
        if self._over or not self._room(delivery).take(len(delivery.payload)):
            self._note_dropped()
            return False
        conversation = delivery.topic.rpartition("/")[0]
        self._lanes[zlib.crc32(conversation.encode()) % LANES].put_nowait(delivery)
        return True

    def _room(self, delivery: Delivery) -> "_Room":
        return self._sure if delivery.qos else self._unsure

    def _note_dropped(self) -> None:
        self._dropped += 1
        now = asyncio.get_running_loop().time()
        if not self._over and now - self._told_at >= _TOLD_EVERY_SECONDS:
            self._told_at = now
            _log.warning("Devices send faster than can be stored", dropped=self._dropped)

    async def _work(self, lane: asyncio.Queue[Delivery | None]) -> None:
        while (delivery := await lane.get()) is not None and not self._over:
            try:
                await self._take(delivery)
            except ShuttingDown:
                continue  # It stays the broker's, and comes again after the restart.
            except Exception:  # noqa: BLE001 - a fault of ours in one must not silence the rest
                _log.exception("A message from a device could not be taken")
            finally:
                self._room(delivery).give(len(delivery.payload))
            delivery.ack()


class _Room:
    """For so many messages with so many bytes; one alone may be larger."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._taken = 0
        self._bytes = 0

    def take(self, size: int) -> bool:
        too_large = self._taken > 0 and self._bytes + size > self._most_bytes
        if self._taken >= self._most or too_large:
            return False
        self._taken += 1
        self._bytes += size
        return True

    def give(self, size: int) -> None:
        self._taken -= 1
        self._bytes -= size
