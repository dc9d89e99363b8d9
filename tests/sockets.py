"""Somebody at a socket: sends frames, waits for others, and checks that answers fit together.

async with joined(base_url, conversation) as ann:
    await ann.say("send_message", conversation_id=conversation, content="hello", ref="1")
    await ann.until("finished")
    assert ann.text(generation_id) == "You said: hello"
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.client import Json
from tests.reader import ContractBroken

PATIENCE_SECONDS = 30.0
SUBPROTOCOL = "llmchat.v1"
EVENTS = frozenset({"started", "delta", "tool_call", "reset", "finished", "failed"})
_MOST_FRAME_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class Socket:
    """All that came is in `frames`; what was told of generations is in `texts` and `lasts`, and
    raises ContractBroken when an offset is missing or comes twice."""

    wire: ClientConnection
    frames: list[Json] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    lasts: dict[str, int] = field(default_factory=dict)

    async def say(self, type: str, **members: Any) -> None:
        await self.wire.send(json.dumps({"type": type, **members}))

    async def next(self) -> Json:
        """The next frame, which is checked."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            frame: Json = json.loads(await self.wire.recv())
        self.frames.append(frame)
        self._check(frame)
        return frame

    async def until(
        self, type: str, *, where: Callable[[Json], bool] = lambda _: True, **members: Any
    ) -> Json:
        """Read on to a frame of this type with these members."""
        return await self.until_any(type, where=where, **members)

    async def until_any(
        self, *types: str, where: Callable[[Json], bool] = lambda _: True, **members: Any
    ) -> Json:
        """The same, whichever of these types comes first."""
        while True:
            frame = await self.next()
            if frame["type"] in types and members.items() <= frame.items() and where(frame):
                return frame

    async def asked(self, type: str, **members: Any) -> Json:
        """Say it, and read on to the answer."""
        ref = members.setdefault("ref", f"ref {len(self.frames)} {type}")
        await self.say(type, **members)
        while (frame := await self.next()).get("ref") != ref:
            pass
        return frame

    async def join(self, conversation: str) -> Json:
        answer = await self.asked("join_room", conversation_id=conversation)
        assert answer["type"] == "joined", answer
        return answer

    async def closed(self) -> int | None:
        """Read on to the end; its code."""
        try:
            while True:
                await self.next()
        except ConnectionClosed as end:
            return None if end.rcvd is None else int(end.rcvd.code)

    def of(self, type: str) -> list[Json]:
        return [frame for frame in self.frames if frame["type"] == type]

    def _check(self, frame: Json) -> None:
        if frame["type"] == "joined":
            for live in frame["generations"]:
                self.texts[live["id"]], self.lasts[live["id"]] = live["text"], live["offset"]
        elif frame["type"] == "resumed":
            # From here on it is what follows this, whatever came before.
            self.lasts[frame["generation_id"]] = frame["after"]
        elif frame["type"] in EVENTS:
            self._event(frame)

    def _event(self, frame: Json) -> None:
        id, (first, last) = frame["generation_id"], frame["offset"]
        if first != self.lasts.get(id, 0) + 1:
            raise ContractBroken(f"after {self.lasts.get(id, 0)} came {frame}")
        self.lasts[id] = last
        if frame["type"] == "delta" and frame["channel"] == "answer":
            self.texts[id] = self.texts.get(id, "") + frame["text"]
        elif frame["type"] == "reset":
            self.texts[id] = frame["text"]


@asynccontextmanager
async def opened(
    base_url: str, headers: Mapping[str, str] | None = None, *, query: str = "", **options: Any
) -> AsyncIterator[Socket]:
    """A socket of this service."""
    chosen = {"subprotocols": [SUBPROTOCOL], "max_size": _MOST_FRAME_BYTES, **options}
    url = f"{base_url.replace('http', 'ws', 1)}/api/ws{query}"
    async with connect(
        url, additional_headers=dict(headers or {}), compression=None, proxy=None, **chosen
    ) as wire:
        yield Socket(wire)


@asynccontextmanager
async def joined(
    base_url: str, conversation: str, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Socket]:
    """The same, in a room."""
    async with opened(base_url, headers) as socket:
        await socket.join(conversation)
        yield socket
