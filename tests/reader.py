"""A reader of a generation's stream that believes nothing: every event is checked as it comes."""

import random
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Self

import httpx2
import orjson

NAMES = frozenset({"started", "delta", "tool_call", "reset", "finished", "failed"})
TERMINALS = {"finished": {"complete", "stopped"}, "failed": {"failed", "interrupted"}}
HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}
_MOST_ATTEMPTS = 1000


def cut_point(dice: random.Random, mean_bytes: int) -> int:
    """After how many bytes to leave: mostly early, now and then late enough for any event, however
    much was merged into it."""
    return 1 + int(dice.expovariate(1 / mean_bytes))


class ContractBroken(AssertionError):
    """The stream did what no stream may do."""


@dataclass(slots=True)
class Frame:
    """One server-sent event as it came; `fields` are its lines in order."""

    event: str | None = None
    data: str | None = None
    id: str | None = None
    retry: str | None = None


class Frames:
    """Bytes in, whole frames out; what a cut connection left half is never seen."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        *frames, self._rest = (self._rest + data).split(b"\n\n")
        for frame in frames:
            yield _frame(frame.decode())


def _frame(text: str) -> Frame:
    frame = Frame()
    for line in text.split("\n"):
        name, colon, value = line.partition(": ")
        # A comment (": ping") has no name: JavaScript would not see it.
        if name not in Frame.__slots__ or not colon or getattr(frame, name) is not None:
            raise ContractBroken(f"no line of ours: {line!r} in {text!r}")
        setattr(frame, name, value)
    return frame


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the log, or several adjacent deltas of it."""

    name: str
    first: int
    last: int
    data: dict[str, Any]

    @property
    def terminal(self) -> bool:
        return self.name in TERMINALS


class Refused(Exception):
    """Any answer but a stream or 204."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(f"{response.status_code}: {response.text}")
        self.response = response


@dataclass(slots=True)
class Reader:
    """One client of one generation over any number of connections: it keeps its cursor.

    Of every event it checks: known name, ids that grow, `offset[0]` = the last offset + 1,
    `offset[1]` = the id, the first event `started`, one terminal at most and nothing behind it,
    heartbeats by name and without an id. Raises ContractBroken.
    """

    http: httpx2.AsyncClient
    generation_id: str
    after: int = 0
    events: list[Event] = field(default_factory=list)
    heartbeats: int = 0
    retries: list[int] = field(default_factory=list)
    """The `retry:` hints in milliseconds: each connection begins with one, a shutdown sends one."""
    no_content: bool = False
    """The last answer was 204: there is nothing to come."""
    no_server: bool = False
    """The last connection was refused, or broke off."""
    _frames: Frames = field(default_factory=Frames)

    @property
    def cursor(self) -> int:
        return self.events[-1].last if self.events else self.after

    @property
    def text(self) -> str:
        return self._text("answer")

    @property
    def reasoning(self) -> str:
        return self._text("reasoning")

    @property
    def terminal(self) -> Event | None:
        return self.events[-1] if self.events and self.events[-1].terminal else None

    @property
    def status(self) -> str | None:
        """The status that the terminal says; None before it came."""
        return None if self.terminal is None else str(self.terminal.data["status"])

    async def follow(self, *, most_bytes: int | None = None) -> AsyncGenerator[None, None]:
        """One connection, from the cursor on, until it ends from whichever side; a step whenever
        something came. Leave it early by `aclosing`, or after `most_bytes`. Raises Refused."""
        headers = {"Last-Event-ID": str(self.cursor)} if self.cursor else {}
        url = f"/api/generations/{self.generation_id}/stream"
        self._frames = Frames()
        self.no_server = False
        try:
            async with self.http.stream("GET", url, headers=headers) as response:
                await self._check(response)
                async for data in response.aiter_raw():
                    self.take(data[:most_bytes])
                    yield
                    if most_bytes is not None and (most_bytes := most_bytes - len(data)) <= 0:
                        return
        except httpx2.TransportError:
            self.no_server = True

    async def read_on(self, *, most_bytes: int | None = None) -> Self:
        """One connection to its end, or none, when there is nobody to connect to."""
        async for _ in self.follow(most_bytes=most_bytes):
            pass
        return self

    async def read_until(self, condition: Callable[[Self], bool]) -> Self:
        """One connection, and away as soon as the condition holds."""
        async with aclosing(self.follow()) as steps:
            async for _ in steps:
                if condition(self):
                    break
        return self

    async def read_to_end(self) -> Self:
        """As many connections as it takes to the terminal."""
        for _ in range(_MOST_ATTEMPTS):
            if self.terminal is not None or self.no_content:
                return self
            await self.read_on()
        raise ContractBroken(f"no terminal after {_MOST_ATTEMPTS} connections")

    async def _check(self, response: httpx2.Response) -> None:
        self.no_content = response.status_code == 204
        if response.status_code not in (200, 204):
            await response.aread()
            raise Refused(response)
        for name, value in HEADERS.items():
            if response.status_code == 200 and response.headers.get(name) != value:
                raise ContractBroken(f"{name}: {response.headers.get(name)}")

    def take(self, data: bytes) -> None:
        """Read what came over the connection."""
        for frame in self._frames.feed(data):
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        if frame.retry is not None:
            self.retries.append(int(frame.retry))
        if frame.event == "heartbeat":
            if frame.id is not None or frame.data != "{}":
                raise ContractBroken(f"no heartbeat of ours: {frame}")
            self.heartbeats += 1
        elif frame.event is not None:
            self.events.append(self._event(frame))
        elif frame.retry is None:
            raise ContractBroken(f"an event without a name: {frame}")

    def _event(self, frame: Frame) -> Event:
        if frame.event not in NAMES or frame.id is None or frame.data is None:
            raise ContractBroken(f"no event of ours: {frame}")
        data = orjson.loads(frame.data)
        first, last = data["offset"]
        if first != self.cursor + 1 or last < first or frame.id != str(last):
            raise ContractBroken(f"after {self.cursor} came {frame}")
        if self.terminal is not None:
            raise ContractBroken(f"behind the terminal came {frame}")
        if (frame.event == "started") != (first == 1):
            raise ContractBroken(f"not at its place: {frame}")
        if frame.event in TERMINALS and data["status"] not in TERMINALS[frame.event]:
            raise ContractBroken(f"no such end: {frame}")
        return Event(frame.event, first, last, data)

    def _text(self, channel: str) -> str:
        parts: list[str] = []
        for event in self.events:
            if event.name == "reset":
                parts = [event.data["text"]] if channel == "answer" else []
            elif event.name == "delta" and event.data["channel"] == channel:
                parts.append(event.data["text"])
        return "".join(parts)
