"""The process that serves: uvicorn with a drain of our own in front of its shutdown."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn
from fastapi import FastAPI

from llmchat.supervisor import AT_ONCE
from llmchat.web.socketwire import BoundedSocket
from llmchat.web.wire import BoundedHttp, patient_http

# The drain has already ended the streams; what is still open after it is a client that stalls.
_CLOSE_SECONDS = 2
_PING_SECONDS = 20.0
_YOUNG_OBJECTS = 5000


class Server(uvicorn.Server):
    """On the first SIGTERM or SIGINT drains, then stops to listen; on the second one just exits.
    A worker of a supervisor just exits on AT_ONCE, and on no other signal.

    uvicorn alone would wait for every open stream to end by itself before it tells the application
    anything: with one reader connected it never exits.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        host: str,
        port: int,
        body_seconds: float = BoundedHttp.body_seconds,
        ping_seconds: float = _PING_SECONDS,
    ) -> None:
        """Each socket is pinged every `ping_seconds`, and has as long to answer."""
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                loop="uvloop",
                http=patient_http(body_seconds),
                ws=BoundedSocket,
                ws_max_size=app.state.max_body_bytes,
                ws_ping_interval=ping_seconds,
                ws_ping_timeout=ping_seconds,
                # A message that a client has compressed could be of any size.
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_CLOSE_SECONDS,
            )
        )
        self._app = app
        self._draining: asyncio.Task[None] | None = None
        self._is_worker = False

    async def serve_app(
        self, on_ready: Callable[[str], None], *, listeners: Sequence[socket.socket] | None = None
    ) -> None:
        """Open the application, serve it until a signal, close it. `on_ready` gets the URL. With
        `listeners` it is a worker of a supervisor, and serves on these.

        The lifespan is entered here and not by uvicorn, which would turn its errors into a
        traceback and an exit code."""
        async with self._app.router.lifespan_context(self._app):
            self._loop = asyncio.get_running_loop()
            _settle_memory()
            announcing = asyncio.create_task(self._announce(on_ready), name="announce")
            if listeners is not None:
                self._is_worker = True
                signal.signal(AT_ONCE, self.handle_exit)
            await self.serve(None if listeners is None else list(listeners))
            announcing.cancel()
            if self._draining is not None:
                with contextlib.suppress(asyncio.CancelledError):
                    await self._draining if not self.force_exit else self._draining.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == AT_ONCE or (self._draining is not None and not self._is_worker):
            self.force_exit = self.should_exit = True
        elif self._draining is None:
            self._draining = self._loop.create_task(self._drain(), name="drain")
            # A signal does not wake the loop, a callback does.
            self._loop.call_soon_threadsafe(lambda: None)

    async def _drain(self) -> None:
        await self._app.state.parts.drain()
        self.should_exit = True

    async def _announce(self, on_ready: Callable[[str], None]) -> None:
        while not self.started:  # noqa: ASYNC110 - uvicorn has a flag, and no event
            await asyncio.sleep(0.01)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")


def _settle_memory() -> None:
    """Spares the collector the 150,000 objects of what was imported: to walk them all would hold up
    every stream at once, and at the usual threshold each few requests walk the youngest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
