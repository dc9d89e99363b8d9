"""The service as several processes: one Postgres, one Redis, and as many `llmchat serve` on them.

    async with Cluster(tmp_path, settings).running() as cluster, cluster.clients() as (a, b):
        sent = await a.send(await a.conversation(), model="demo/story")
        reading = asyncio.create_task(b.reader(sent.generation_id).read_to_end())
        await cluster.services[0].kill()

With `proxied=True` the processes reach both servers through `redis_proxy` and `postgres_proxy`.
What is done to Postgres is done in a thread, as by `await cluster.start_postgres()`: in the loop it
would hold the proxies still.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self

from tests.client import Client
from tests.fault_proxy import FaultProxy
from tests.postgres import Postgres
from tests.process import Process
from tests.redis_server import RedisServer
from tests.service import Service, environment


class Cluster:
    """Nothing of it exists before `running`; each process has a port and a directory of its own."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str | float],
        *,
        processes: int = 2,
        proxied: bool = False,
    ) -> None:
        self.postgres = Postgres()
        self.redis = RedisServer(folder / "redis")
        self.postgres_proxy = FaultProxy(self.postgres.port)
        self.redis_proxy = FaultProxy(self.redis.port)
        self._folder = folder
        self._proxied = proxied
        urls = {"DATABASE_URL": self._database_url, "REDIS_URL": self._redis_url}
        self.services: Sequence[Service] = [
            Service(folder / f"process-{number}", **{**settings, **urls})
            for number in range(processes)
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Every process ready inside, everything killed behind it."""
        async with AsyncExitStack() as stack:
            stack.callback(self.postgres.close)
            await self.start_postgres()
            await stack.enter_async_context(self.redis.running())
            if self._proxied:
                await stack.enter_async_context(self.postgres_proxy.running())
                await stack.enter_async_context(self.redis_proxy.running())
            await self.upgrade()
            for service in self.services:
                stack.push_async_callback(service.kill)
            await self.mend()
            yield self

    @asynccontextmanager
    async def clients(self) -> AsyncIterator[Sequence[Client]]:
        """A client of each process, in order."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(it.client()) for it in self.services]

    async def start_postgres(self) -> None:
        """Returns when it can be asked."""
        await asyncio.to_thread(self.postgres.start)

    async def crash_postgres(self) -> None:
        """`pg_ctl stop -m immediate`: every session is cut off, and what was stored stays."""
        await asyncio.to_thread(self.postgres.stop, "immediate")

    async def mend(self) -> None:
        """Let go on what was paused, start what is not alive, and wait until all are ready."""
        for service in self.services:
            if service.alive:
                service.resume()
            else:
                service.launch()
        await asyncio.gather(*[service.ready() for service in self.services])

    async def upgrade(self) -> None:
        """`llmchat db upgrade`, which a deployment runs once before its processes."""
        process = Process(self._folder / "upgrade.log")
        program = Path(sys.executable).with_name("llmchat")
        env = environment({"DATABASE_URL": self.postgres.url(), "REDIS_URL": self.redis.url})
        process.launch([program, "db", "upgrade"], self._folder, env)
        assert await process.exit_code() == 0, process.log

    @property
    def _database_url(self) -> str:
        port = self.postgres_proxy.port if self._proxied else self.postgres.port
        return self.postgres.url().replace(f":{self.postgres.port}/", f":{port}/")

    @property
    def _redis_url(self) -> str:
        port = self.redis_proxy.port if self._proxied else self.redis.port
        return f"redis://127.0.0.1:{port}/0"
