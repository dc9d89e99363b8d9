"""A simulated Redis: the log's scripts in Python, publishing, and connections that break."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any, Protocol

from redis.exceptions import ResponseError

from llmchat.events import Entry
from llmchat.tokenlog.payloads import entries_of
from llmchat.tokenlog.redis_scripts import APPEND, DELETE, FENCE, WATCH, channel_of
from tests.simulation.loop import Machine
from tests.simulation.network import Network

SCRIPTS = (APPEND, DELETE, FENCE, WATCH)
_STEP_SECONDS = 1e-6


class Stored(Protocol):
    """Told of every append, at the moment at which it is stored."""

    def __call__(self, log: str, entries: Sequence[Entry]) -> None: ...


@dataclass(slots=True, eq=False)
class Stream:
    """A log as Redis has it."""

    writer: bytes
    last: int = 0
    ended: bool = False
    entries: list[tuple[int, int, bytes]] = field(default_factory=list)
    watchers: dict[str, None] = field(default_factory=dict)


@dataclass(eq=False)
class Subscriber:
    """One connection that listens. What is on its way when it breaks is lost."""

    machine: Machine
    channel: str
    heard: Callable[[bytes], None]
    broken: asyncio.Event
    next_at: float = 0.0

    def deliver(self, message: bytes) -> None:
        if not self.broken.is_set():
            self.heard(message)


class SimulatedRedis:
    """Each command is one step. `stored` watches what it stores."""

    def __init__(self, rng: random.Random, network: Network, stored: Stored) -> None:
        self._rng = rng
        self.network = network
        self._stored = stored
        self.logs: dict[str, Stream] = {}
        self.subscribers: dict[Subscriber, None] = {}
        self._scripts: dict[str, Callable[..., Any]] = {
            digest_of(APPEND.text): self.append,
            digest_of(FENCE.text): self.fence,
            digest_of(WATCH.text): self.watch,
        }

    def execute(self, command: Sequence[Any]) -> Any:
        name, *arguments = command
        match name:
            case "EVALSHA":
                digest, _, stream, *rest = arguments
                return self._scripts[digest](stream.removeprefix("llmchat:log:"), *rest[3:])
            case "XRANGE":
                return self._range(*arguments)
            case "PUBLISH":
                return self.publish(*arguments)
            case _:
                return ResponseError(f"unknown command {name}")

    def append(self, log: str, _: str, *arguments: Any) -> list[Any]:
        first, upto, writer, payload, _, again = arguments[:6]
        refusal = self.check(log, first, upto, writer, payload, again)
        return refusal or self.write(log, *arguments[:5])

    def check(
        self, log: str, first: int, upto: int, writer: str, payload: bytes, again: int
    ) -> list[Any] | None:
        stream = self.logs.get(log)
        last = 0 if stream is None else stream.last
        if stream is not None and stream.writer != writer.encode():
            return [b"fenced", last]
        if again and stream is not None and (first, upto, payload) in stream.entries:
            return [b"ok", last]
        if last < first - 1:
            return [b"behind", last]
        if last >= first or (stream is not None and stream.ended):
            return [b"conflict", last]
        return None

    def write(self, log: str, first: int, upto: int, writer: str, payload: bytes, ends: int) -> Any:
        stream = self.logs.setdefault(log, Stream(writer.encode()))
        self._stored(log, entries_of(first, upto, payload))
        stream.entries.append((first, upto, payload))
        stream.last, stream.ended, stream.writer = upto, bool(ends), writer.encode()
        message = b"\n".join([log.encode(), b"%d" % first, b"%d" % upto, payload])
        for process in list(stream.watchers):
            if not self.publish(channel_of(process), message):
                del stream.watchers[process]
        return [b"ok", upto]

    def fence(self, log: str, writer: str) -> list[bytes] | None:
        if (stream := self.logs.get(log)) is None:
            return None
        stream.writer = writer.encode()
        return [b"%d" % stream.last, b"%d" % stream.ended]

    def watch(self, log: str, process: str) -> list[bytes] | None:
        if (stream := self.logs.get(log)) is None:
            return None
        if not stream.ended:
            stream.watchers[process] = None
        return [b"%d" % stream.last, b"%d" % stream.ended, stream.writer]

    def publish(self, channel: str, message: bytes) -> int:
        loop = asyncio.get_running_loop()
        count = 0
        for each in self.subscribers:
            if each.channel == channel:
                arrives_at = loop.time() + self.network.latency()
                each.next_at = max(arrives_at, each.next_at + _STEP_SECONDS)
                loop.call_at(each.next_at, each.deliver, message, context=each.machine.context)
                count += 1
        return count

    def cut(self, machine: Machine | None = None) -> None:
        """Break the connections that listen; of one machine, or all."""
        for each in list(self.subscribers):
            if machine in (None, each.machine):
                del self.subscribers[each]
                each.broken.set()

    def _range(self, stream: str, begin: str, _: str, __: str, count: int) -> list[Any]:
        first = int(begin.removesuffix("-0"))
        found = self.logs.get(stream.removeprefix("llmchat:log:"))
        entries = [] if found is None else [each for each in found.entries if each[1] >= first]
        return [(b"%d-0" % upto, {b"%d" % low: data}) for low, upto, data in entries[:count]]


def digest_of(text: str) -> str:
    return sha1(text.encode()).hexdigest()
