"""One socket: takes its frames, one after the other, and sends what there is for it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from llmchat.access.base import Principal
from llmchat.chat.admission import ASK_SECONDS
from llmchat.errors import (
    LlmchatError,
    Malformed,
    RateLimited,
    StorageUnavailable,
    Unauthenticated,
)
from llmchat.tasks import TaskSet
from llmchat.web.deps import Services
from llmchat.web.socket import encoders, frames
from llmchat.web.socket.outbox import Outbox
from llmchat.web.socket.pace import FRAMES_PER_SECOND, Pace
from llmchat.web.watched import noted

NO_LONGER_ADMITTED = 4401
RESTART = 1012
_CLOSE_SECONDS = 1.0
# Whoever is too fast is read more slowly.
_PACE_SECONDS = 1 / FRAMES_PER_SECOND

Take = Callable[[frames.Frame], Awaitable[None]]


class Connection:
    """Ends with its client, with the key behind it, or with this process."""

    def __init__(self, socket: WebSocket, use: Services, me: Principal) -> None:
        self._socket = socket
        self._use = use
        self._me = me
        self._pace = Pace()
        self.outbox = Outbox()

    async def serve(self, take: Take) -> None:
        """`take` gets each frame that can be read; what it raises is answered."""
        tasks = TaskSet()
        work = [
            tasks.start(self._read(take), name="socket reads"),
            tasks.start(self._send(), name="socket sends"),
            tasks.start(self._until_shut_out(), name="socket is admitted"),
            tasks.start(self._until_over(), name="socket is served"),
        ]
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await tasks.cancel_all()
        ended = [task for task in work if task.done() and not task.cancelled()]
        await self._close(*(task.result() for task in ended[:1]))

    async def _close(self, code: int | None = None) -> None:
        if code is not None:
            # A client that reads nothing is not waited for.
            with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._socket.close(code)

    async def _read(self, take: Take) -> int | None:
        while (message := await self._socket.receive())["type"] == "websocket.receive":
            await self._take(message, take)
        return None

    async def _take(self, message: Any, take: Take) -> None:
        members: dict[str, Any] = {}
        try:
            if not self._pace.take():
                await asyncio.sleep(_PACE_SECONDS)
                raise _too_fast()
            members = _members(message)
            await take(frames.frame_of(members))
        except LlmchatError as error:
            noted(self._use.onlooker, error)
            ref = frames.ref_of(members)
            await self.outbox.put(encoders.refusal(members, error.problem(), ref))

    async def _send(self) -> None:
        with suppress(WebSocketDisconnect):
            while True:
                frame = await self.outbox.get()
                await self._socket.send_text(frame.decode())

    async def _until_shut_out(self) -> int:
        while True:
            await asyncio.sleep(ASK_SECONDS)
            try:
                await self._use.door.recheck(self._me)
            except Unauthenticated:
                return NO_LONGER_ADMITTED
            except StorageUnavailable:
                continue  # Where it does not answer, nobody can be shut out either.

    async def _until_over(self) -> int:
        await self._use.rooms.over()
        return RESTART


def _members(message: Any) -> dict[str, Any]:
    text = message.get("text")
    if text is None:
        raise Malformed("Frames are texts, and this one is binary.")
    return frames.members_of(text)


def _too_fast() -> RateLimited:
    return RateLimited(
        f"A socket takes {FRAMES_PER_SECOND:.0f} frames a second. This one was not looked at.",
        limit=int(FRAMES_PER_SECOND),
        remaining=0,
        retry_after_seconds=1,
        kind="frames",
    )
