"""The connections to Redis: few, none of them a reader's own, and each command in its own time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import NoScriptError, RedisError, ResponseError

from llmchat.errors import StorageUnavailable
from llmchat.tasks import TaskSet

_log = structlog.get_logger(__name__)

_ANSWER_SECONDS = 1.0
_MOST_CONNECTIONS = 4
_MOST_CALLS = 500
_PING_SECONDS = 1.0
_SILENT_SECONDS = 3.0
_RECONNECT_SECONDS = 0.2

FAULTS = (RedisError, OSError, TimeoutError)


class Script:
    """A script, known to Redis by its digest; after Redis forgot it, told again."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest: str | None = None


class RedisClient:
    """Commands with short patience: whoever can wait longer asks again. Raises StorageUnavailable
    within a second or two.

    What many callers ask for at one moment goes in one round trip on one connection, however many
    they are. No command is cancelled with its caller: its answer would go to whoever uses the
    connection next."""

    def __init__(self, url: str, failed: Callable[[], None] = lambda: None) -> None:
        """`failed` is called for each round trip that came to nothing."""
        self._failed = failed
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_MOST_CONNECTIONS,
            timeout=_ANSWER_SECONDS,
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Redis = Redis(connection_pool=self._pool)
        self._calls: list[_Call] = []
        self._asking: asyncio.Task[None] | None = None
        self._tasks = TaskSet()

    async def aclose(self) -> None:
        await self._tasks.cancel_all()
        with suppress(*FAULTS):
            await self._redis.aclose()
            await self._pool.disconnect()

    async def call(self, *command: Any) -> Any:
        """One command, which may be asked twice; what Redis itself refuses is StorageUnavailable,
        too, with its words."""
        result = await self._call(command)
        if isinstance(result, Exception):
            raise unavailable(result) from result
        return result

    async def run(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        """What a script answers, which may be asked twice."""
        if script.digest is None:
            script.digest = await self.call("SCRIPT LOAD", script.text)
        command = ("EVALSHA", script.digest, len(keys), *keys, *arguments)
        result = await self._call(command)
        if isinstance(result, NoScriptError):
            await self.call("SCRIPT LOAD", script.text)
            return await self.call(*command)
        if isinstance(result, Exception):
            raise unavailable(result) from result
        return result

    async def run_all(
        self, script: Script, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]
    ) -> list[Any]:
        """One script many times, in order, in one round trip, and never twice by itself. An answer
        may be a RedisError."""
        if script.digest is None:
            script.digest = await self.call("SCRIPT LOAD", script.text)
        commands = [
            ("EVALSHA", script.digest, len(keys), *keys, *arguments) for keys, arguments in calls
        ]
        sending = self._tasks.start(self._send(commands), name="redis appends")
        try:
            results = await asyncio.shield(sending)
        except FAULTS as error:
            raise unavailable(error) from error
        if any(isinstance(result, NoScriptError) for result in results):
            script.digest = None
        return results

    async def _call(self, command: Sequence[Any]) -> Any:
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls.append(_Call(command, answered))
        if self._asking is None or self._asking.done():
            self._asking = self._tasks.start(self._ask(), name="redis")
        return await answered

    async def _ask(self) -> None:
        while self._calls:
            calls, self._calls = self._calls[:_MOST_CALLS], self._calls[_MOST_CALLS:]
            commands = [call.command for call in calls]
            try:
                results = await self._send_again(commands)
            except FAULTS as error:
                self._failed()
                results = [error] * len(calls)
            for call, result in zip(calls, results, strict=True):
                if not call.answered.done():
                    call.answered.set_result(result)

    async def _send_again(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Of a Redis that was restarted, every connection in the pool is dead, and the first to use
        one hears of it."""
        try:
            return await self._send(commands)
        except NoConnection:
            await self._pool.disconnect(inuse_connections=False)
            return await self._send(commands)

    async def _send(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        pipeline: Any = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            results: list[Any] = await pipeline.execute(raise_on_error=False)
        except RuntimeError as error:
            # uvloop's word for a connection that was cut before we knew.
            raise NoConnection(str(error)) from error
        return results


@dataclass(slots=True)
class _Call:
    command: Sequence[Any]
    answered: asyncio.Future[Any]


class Listener:
    """One connection that hears everything said to `channel`, and connects again for ever.

    `connected` runs whenever it listens from now on: what was said before is lost."""

    def __init__(
        self,
        url: str,
        channel: str,
        heard: Callable[[bytes], None],
        connected: Callable[[], Awaitable[None]],
    ) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=_SILENT_SECONDS,
            socket_connect_timeout=_ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._channel = channel
        self._heard = heard
        self._connected = connected
        self._away = False
        self._tasks = TaskSet()

    async def __aenter__(self) -> "Listener":
        self._tasks.spawn(self._listen_for_ever(), name=f"redis {self._channel}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.cancel_all()
        with suppress(*FAULTS):
            await self._redis.aclose()

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await self._listen(subscription)
            except (StorageUnavailable, RuntimeError, *FAULTS) as error:
                if not self._away:
                    _log.warning("Redis does not tell what is new", error=str(error))
                self._away = True
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen(self, subscription: Any) -> None:
        loop = asyncio.get_running_loop()
        await subscription.subscribe(self._channel)
        heard_at, pinged_at = loop.time(), 0.0
        while True:
            if loop.time() - pinged_at > _PING_SECONDS:
                pinged_at = loop.time()
                await subscription.ping()
            message = await subscription.get_message(timeout=_PING_SECONDS)
            if message is not None:
                heard_at = loop.time()
                if message["type"] == "message":
                    self._heard(message["data"])
                elif message["type"] == "subscribe":
                    await self._connected()
                    if self._away:
                        _log.info("Redis tells again what is new")
                    self._away = False
            elif loop.time() - heard_at > _SILENT_SECONDS:
                raise TimeoutError("the connection is silent")


def unavailable(error: Exception) -> StorageUnavailable:
    reason = str(error).rstrip(".") or type(error).__name__
    return StorageUnavailable(f"Redis could not be used: {reason}.", retry_after_seconds=5)


async def broken_promises(client: RedisClient) -> list[str]:
    """What this Redis may lose, in sentences; raises StorageUnavailable when it does not answer."""
    try:
        found: Any = await client.call("CONFIG GET", "appendonly", "maxmemory-policy", "maxmemory")
    except StorageUnavailable as error:
        if isinstance(error.__cause__, ResponseError):
            return ["Redis does not show its configuration: see to appendonly and eviction (P1)."]
        raise
    settings = {_text(name): _text(value) for name, value in found.items()}
    warnings = []
    if settings.get("appendonly") != "yes":
        warnings.append(
            "Redis keeps no append-only file: what was shown is lost when it restarts (P1). "
            "Set `appendonly yes`."
        )
    evicts = settings.get("maxmemory-policy", "noeviction") != "noeviction"
    if evicts and settings.get("maxmemory", "0") != "0":
        warnings.append(
            "Redis evicts keys when its memory is full: a live answer may vanish (P1, P4). "
            "Set `maxmemory-policy noeviction`."
        )
    return warnings


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
