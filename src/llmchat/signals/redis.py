"""Signals over one Redis channel that all processes of the service listen to."""

import asyncio
from collections.abc import Callable

import orjson
import structlog

from llmchat.errors import StorageUnavailable
from llmchat.ids import ConversationId, GenerationId, OwnerId, new_id
from llmchat.redis import Listener, RedisClient
from llmchat.signals.base import (
    Abandoned,
    Happened,
    Present,
    RollCall,
    Signal,
    StopWanted,
    Types,
)
from llmchat.tasks import TaskSet, cancel

_log = structlog.get_logger(__name__)

_CHANNEL = "llmchat:signals"
_MOST_WAITING = 10_000


class RedisSignals:
    """Signals. Use it as an async context manager, and call `listen` before."""

    def __init__(self, url: str, failed: Callable[[], None] = lambda: None) -> None:
        """`failed` is called whenever what was told did not get through."""
        self._me = new_id("proc")
        self._client = RedisClient(url, failed)
        self._listener = Listener(url, _CHANNEL, self._read, self._connected)
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_MOST_WAITING)
        self._tasks = TaskSet()
        self._heard: Callable[[Signal], None] = lambda _: None
        self._missed: Callable[[], None] = lambda: None

    async def __aenter__(self) -> "RedisSignals":
        self._sending = self._tasks.start(self._send_for_ever(), name="signals")
        await self._listener.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._listener.__aexit__()
        await cancel(self._sending)
        await self._client.aclose()

    def listen(self, heard: Callable[[Signal], None], missed: Callable[[], None]) -> None:
        self._heard, self._missed = heard, missed

    def tell(self, signal: Signal) -> None:
        if self._waiting.full():
            _log.warning("Too many signals wait for Redis; one is dropped")
            return
        self._waiting.put_nowait(_encode(self._me, signal))

    async def _send_for_ever(self) -> None:
        while True:
            message = await self._waiting.get()
            try:
                await self._client.call("PUBLISH", _CHANNEL, message)
            except StorageUnavailable as error:
                _log.warning("A signal could not be sent", error=error.detail)

    def _read(self, message: bytes) -> None:
        sender, signal = _decode(message)
        if sender != self._me:
            self._heard(signal)

    async def _connected(self) -> None:
        self._missed()


def _encode(sender: str, signal: Signal) -> bytes:
    match signal:
        case StopWanted(generation_id):
            return orjson.dumps([sender, "stop", generation_id])
        case Abandoned():
            return orjson.dumps([sender, "abandoned"])
        case Happened(owner, conversation_id, news):
            return orjson.dumps([sender, "happened", owner, conversation_id, news])
        case Present(place, rooms, whole):
            return orjson.dumps([sender, "present", place, rooms, whole])
        case RollCall():
            return orjson.dumps([sender, "roll call"])
        case Types(conversation_id, user, typing):
            return orjson.dumps([sender, "types", conversation_id, user, typing])


def _decode(message: bytes) -> tuple[str, Signal]:
    sender, kind, *rest = orjson.loads(message)
    match kind:
        case "stop":
            return sender, StopWanted(GenerationId(rest[0]))
        case "abandoned":
            return sender, Abandoned()
        case "present":
            place, rooms, whole = rest
            return sender, Present(place, [(room, users) for room, users in rooms], whole)
        case "roll call":
            return sender, RollCall()
        case "types":
            conversation, user, typing = rest
            return sender, Types(ConversationId(conversation), OwnerId(user), typing)
    owner, conversation, news = rest
    told = [(item, about) for item, about in news]
    return sender, Happened(OwnerId(owner), ConversationId(conversation), told)
