"""A TCP proxy that fails on demand, between a service and a server that it needs.

    async with FaultProxy(redis.port).running() as proxy:
        service = Service(tmp_path, REDIS_URL=f"redis://127.0.0.1:{proxy.port}/0")
        proxy.blackhole()
        …
        await proxy.heal()

It runs in the event loop of the test: the service is another process, and so a fault holds from one
line of the test to the next. A test that blocks its loop blocks the proxy too.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from llmchat.tasks import TaskSet
from tests.proxied import DIRECTIONS, Connection, Direction, Faults
from tests.service import free_port


class FaultProxy:
    """Passes everything on to `target_port` of 127.0.0.1, except for what it was told.

    A server that is not there is seen as a connection that is taken and then reset.
    """

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self.accepted = 0
        """How many connections it has taken so far."""
        self._target_port = target_port
        self._faults = Faults()
        self._listener: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._connecting = TaskSet()

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._connections)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Without a fault at first; nothing of it is left behind it."""
        try:
            await self.heal()
            yield self
        finally:
            self.refuse()
            self.cut()
            await self._connecting.cancel_all()

    def latency(self, seconds: float, *directions: Direction) -> None:
        """Everything takes so much longer, in these directions or in both; nothing is lost."""
        self._faults.latency_seconds |= dict.fromkeys(directions or DIRECTIONS, seconds)

    def blackhole(self, *directions: Direction) -> None:
        """Bytes are swallowed, in these directions or in both, and so is the end of a connection.

        Connections stay open, and new ones are taken. With `to_client` alone the server does all
        that it is asked to do, and nobody learns of it.
        """
        self._faults.swallowed.update(directions or DIRECTIONS)

    def cut(self) -> None:
        """Reset every connection that there is, on both sides; new ones are as good as before."""
        for connection in list(self._connections):
            connection.reset()

    def refuse(self) -> None:
        """Listen no more: new connections are refused, those that there are stay."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def heal(self) -> None:
        """No fault from now on.

        A connection that has lost something is reset: TCP never goes on behind a hole.
        """
        self._faults.latency_seconds.clear()
        self._faults.swallowed.clear()
        for connection in list(self._connections):
            if connection.has_lost:
                connection.reset()
        if self._listener is None:
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(self._accept, "127.0.0.1", self.port)

    def _accept(self) -> asyncio.Protocol:
        self.accepted += 1
        connection = Connection(self._faults, self._connections.discard)
        self._connections.add(connection)
        if "to_server" in self._faults.swallowed:
            connection.be_silent()
        else:
            self._connecting.spawn(connection.connect(self._target_port), name="proxy connects")
        return connection.client
