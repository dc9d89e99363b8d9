"""Each fault of the proxy, over an echo server and over a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer

from tests.fault_proxy import FaultProxy
from tests.proxied import Direction
from tests.redis_server import RedisServer
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS, free_port

SILENCE_SECONDS = 0.2
"""How long nothing has to come before it is taken for silence."""
LATENCY_SECONDS = 0.3
ANSWER_SECONDS = 1.0
"""How long a client of Redis waits: what is well has to answer in that time on any machine."""
MUCH = b"0123456789abcdef" * (1 << 18)


class Caller:
    """One connection on which bytes are written and come back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def echo(self, data: bytes) -> bytes:
        self.writer.write(data)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.readexactly(len(data))

    async def is_silent(self) -> bool:
        """Nothing comes, and it does not end either."""
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                await self.reader.read(1)
        except TimeoutError:
            return True
        return False

    async def is_reset(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.reader.read(1)
        except ConnectionResetError:
            return True
        return False


class EchoServer:
    """Says back what it hears, and knows of every byte and of every end."""

    def __init__(self) -> None:
        self.port = free_port()
        self.heard = b""
        self.ends: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                self.heard += data
                writer.write(data)
                await writer.drain()
            self.ends.append("closed")
        except ConnectionResetError:
            self.ends.append("reset")
        finally:
            writer.close()

    async def until_ends(self, *ends: str) -> None:
        await until(lambda: sorted(self.ends) == sorted(ends))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - it is no one thing that happens
            await asyncio.sleep(LOOK_SECONDS)


@pytest.fixture
async def echo() -> AsyncIterator[EchoServer]:
    server = EchoServer()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", server.port)
    yield server
    listener.close()


@pytest.fixture
async def proxy(echo: EchoServer) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(echo.port).running() as running:
        yield running


@pytest.fixture
async def callers(proxy: FaultProxy) -> AsyncIterator["Callers"]:
    made = Callers(proxy)
    yield made
    for caller in made.made:
        caller.writer.transport.abort()


class Callers:
    """As many connections as a test wants; none stays behind it."""

    def __init__(self, proxy: FaultProxy) -> None:
        self.made: list[Caller] = []
        self._proxy = proxy

    async def one(self) -> Caller:
        streams = await asyncio.open_connection("127.0.0.1", self._proxy.port)
        self.made.append(Caller(*streams))
        return self.made[-1]


async def test_without_a_fault_all_passes_and_ends_pass_too(
    echo: EchoServer, proxy: FaultProxy, callers: Callers
) -> None:
    caller, other = await callers.one(), await callers.one()
    assert await caller.echo(b"a") == b"a"
    assert await other.echo(MUCH) == MUCH
    assert (proxy.accepted, proxy.connections) == (2, 2)
    caller.writer.write_eof()
    assert await caller.reader.read() == b""
    await echo.until_ends("closed")
    await until(lambda: proxy.connections == 1)
    other.writer.close()
    await echo.until_ends("closed", "closed")
    await until(lambda: proxy.connections == 0)


async def test_a_reset_passes_in_both_directions(echo: EchoServer, callers: Callers) -> None:
    caller = await callers.one()
    caller.writer.write(MUCH)
    await until(lambda: echo.heard)
    # With unread bytes in its socket, closing is a reset.
    caller.writer.transport.abort()
    await echo.until_ends("reset")


async def test_a_server_that_is_not_there_resets(proxy: FaultProxy) -> None:
    async with FaultProxy(free_port()).running() as dead:
        caller = await Callers(dead).one()
        assert await caller.is_reset()
        caller.writer.close()
        await until(lambda: dead.connections == 0)


@pytest.mark.parametrize("directions", [(), ("to_server",), ("to_client",)])
async def test_latency_is_late_and_loses_nothing(
    proxy: FaultProxy, callers: Callers, directions: Sequence[Direction]
) -> None:
    caller = await callers.one()
    assert await caller.echo(b"early") == b"early"
    proxy.latency(LATENCY_SECONDS, *directions)
    began = time.monotonic()
    assert await caller.echo(b"late") == b"late"
    assert time.monotonic() - began >= (LATENCY_SECONDS if directions else 2 * LATENCY_SECONDS)
    caller.writer.write(b"in")
    proxy.latency(0)
    # What was sent first comes first, although it was sent when it took longer.
    assert await caller.echo(b"order") == b"inord"
    await proxy.heal()
    assert await caller.reader.readexactly(2) == b"er"
    assert await caller.echo(MUCH) == MUCH


async def test_a_blackhole_swallows_and_keeps_open_and_takes_new_ones(
    echo: EchoServer, proxy: FaultProxy, callers: Callers
) -> None:
    caller, idle = await callers.one(), await callers.one()
    assert await caller.echo(b"a") + await idle.echo(b"b") == b"ab"
    proxy.blackhole()
    caller.writer.write(MUCH)
    await caller.writer.drain()
    late, leaving = await callers.one(), await callers.one()
    late.writer.write(b"hello?")
    leaving.writer.close()
    assert await caller.is_silent()
    assert await late.is_silent()
    assert (echo.heard, echo.ends) == (b"ab", [])
    await proxy.heal()
    assert await caller.is_reset()
    assert await late.is_reset()
    await echo.until_ends("reset")
    # It has lost nothing, and knows nothing of it.
    assert await idle.echo(b"c") == b"c"
    assert await (await callers.one()).echo(b"d") == b"d"


async def test_half_a_blackhole_hears_all_and_says_nothing(
    echo: EchoServer, proxy: FaultProxy, callers: Callers
) -> None:
    caller = await callers.one()
    proxy.blackhole("to_client")
    caller.writer.write(b"do it")
    assert await caller.is_silent()
    await until(lambda: echo.heard == b"do it")
    late = await callers.one()
    late.writer.write(b" and that")
    await until(lambda: echo.heard == b"do it and that")
    await proxy.heal()
    assert await caller.is_reset()
    assert await late.is_reset()


async def test_a_blackhole_hides_that_the_client_is_gone(
    echo: EchoServer, proxy: FaultProxy, callers: Callers
) -> None:
    caller = await callers.one()
    assert await caller.echo(b"a") == b"a"
    proxy.blackhole()
    caller.writer.close()
    await until(lambda: proxy.connections == 1)
    await asyncio.sleep(SILENCE_SECONDS)
    assert echo.ends == []
    await proxy.heal()
    await echo.until_ends("reset")


async def test_a_cut_resets_both_sides_and_new_ones_are_good(
    echo: EchoServer, proxy: FaultProxy, callers: Callers
) -> None:
    both = [await callers.one(), await callers.one()]
    assert [await caller.echo(b"a") for caller in both] == [b"a", b"a"]
    proxy.cut()
    assert proxy.connections == 0
    assert [await caller.is_reset() for caller in both] == [True, True]
    await echo.until_ends("reset", "reset")
    assert await (await callers.one()).echo(b"b") == b"b"


async def test_refusing_is_for_new_ones_only(proxy: FaultProxy, callers: Callers) -> None:
    caller = await callers.one()
    assert await caller.echo(b"a") == b"a"
    proxy.refuse()
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await callers.one()
    assert await caller.echo(b"b") == b"b"
    proxy.cut()
    assert await caller.is_reset()
    await proxy.heal()
    await proxy.heal()
    assert await (await callers.one()).echo(b"c") == b"c"


async def test_behind_it_nothing_is_open(echo: EchoServer) -> None:
    async with FaultProxy(echo.port).running() as proxy:
        callers = Callers(proxy)
        caller = await callers.one()
        assert await caller.echo(b"a") == b"a"
        proxy.blackhole()
        silent = await callers.one()
        await until(lambda: proxy.connections == 2)
    assert await caller.is_reset()
    assert await silent.is_reset()
    with pytest.raises(ConnectionRefusedError):
        await callers.one()
    for one in callers.made:
        one.writer.close()


def impatient(proxy: FaultProxy) -> Redis:
    """A client that tries once, and not for long."""
    return Redis(
        port=proxy.port,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


async def test_every_fault_before_a_real_redis(tmp_path: Path) -> None:
    async with (
        RedisServer(tmp_path).running() as server,
        FaultProxy(server.port).running() as proxy,
        impatient(proxy) as client,
    ):
        assert await client.incr("count") == 1
        proxy.blackhole("to_client")
        with pytest.raises(NoAnswer):
            await client.incr("count")
        # Done, and nobody was told.
        assert await server.call("GET", "count") == "2"
        proxy.blackhole()
        with pytest.raises(NoAnswer):
            await client.incr("count")
        assert await server.call("GET", "count") == "2"
        await proxy.heal()
        assert await client.incr("count") == 3
        proxy.cut()
        with pytest.raises(NoConnection):
            await client.incr("count")
        assert await client.incr("count") == 4
        proxy.latency(2 * ANSWER_SECONDS)
        with pytest.raises(NoAnswer):
            await client.incr("count")
        await proxy.heal()
        proxy.refuse()
        proxy.cut()
        with pytest.raises(NoConnection):
            await client.incr("count")
        await proxy.heal()
        await server.kill()
        with pytest.raises(NoConnection):
            await client.incr("count")
        await server.start()
        assert await client.incr("count") >= 5
