"""How the real log and the real signals of a process reach the simulated Redis."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError

from llmchat.errors import StorageUnavailable
from llmchat.redis import RedisClient
from llmchat.signals.redis import _CHANNEL, RedisSignals
from llmchat.tasks import TaskSet
from llmchat.tokenlog.redis import RedisTokenLog
from llmchat.tokenlog.redis_scripts import channel_of
from tests.simulation.loop import MACHINE
from tests.simulation.redis import SimulatedRedis, Subscriber

_URL = "redis://simulated"
_RECONNECT_SECONDS = 0.2
_RETENTION_SECONDS = 3600.0


class _NoPool:
    async def disconnect(self, *, inuse_connections: bool) -> None:
        return


class SimulatedClient(RedisClient):
    """The real one but for the socket."""

    def __init__(self, redis: SimulatedRedis) -> None:
        self._server = redis
        self._pool: Any = _NoPool()
        self._calls = []
        self._asking = None
        self._tasks = TaskSet()
        self._failed = lambda: None

    async def aclose(self) -> None:
        await self._tasks.cancel_all()

    async def _send(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        def execute() -> list[Any]:
            return [self._server.execute(command) for command in commands]

        return await self._server.network.ask(execute)


class SimulatedListener:
    """Connects again for ever, like the real one."""

    def __init__(
        self,
        redis: SimulatedRedis,
        channel: str,
        heard: Callable[[bytes], None],
        connected: Callable[[], Awaitable[None]],
    ) -> None:
        self._server = redis
        self._channel = channel
        self._heard = heard
        self._connected = connected
        self._tasks = TaskSet()

    async def __aenter__(self) -> "SimulatedListener":
        self._tasks.spawn(self._listen_for_ever(), name=f"listen {self._channel}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.cancel_all()

    async def _listen_for_ever(self) -> None:
        machine = MACHINE.get()
        assert machine is not None
        while True:
            subscriber = Subscriber(machine, self._channel, self._heard, asyncio.Event())
            try:
                await self._server.network.ask(lambda one=subscriber: self._subscribe(one))  # type: ignore[misc]
                await self._connected()
                await subscriber.broken.wait()
            except (StorageUnavailable, RedisError):
                pass
            finally:
                subscriber.broken.set()
                self._server.subscribers.pop(subscriber, None)
            await asyncio.sleep(_RECONNECT_SECONDS)

    def _subscribe(self, subscriber: Subscriber) -> None:
        if not subscriber.broken.is_set():
            self._server.subscribers[subscriber] = None


class SimulatedTokenLog(RedisTokenLog):
    """The real one but for its connections."""

    def __init__(self, redis: SimulatedRedis, now: Callable[[], float]) -> None:
        super().__init__(_URL, retention_seconds=_RETENTION_SECONDS, now=now)
        self._client = self._writer._client = SimulatedClient(redis)
        self._listener: Any = SimulatedListener(
            redis, channel_of(self._process), self._heard, self.look
        )


class SimulatedSignals(RedisSignals):
    """The real ones but for their connections."""

    def __init__(self, redis: SimulatedRedis) -> None:
        super().__init__(_URL)
        self._client = SimulatedClient(redis)
        self._listener: Any = SimulatedListener(redis, _CHANNEL, self._read, self._connected)


def no_connection(why: str) -> Exception:
    return NoConnection(why)
