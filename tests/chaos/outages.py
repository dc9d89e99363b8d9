"""What can happen to a server that the service needs: each an outage that begins and ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.cluster import Cluster
from tests.fault_proxy import FaultProxy

Outage = Callable[[Cluster], AbstractAsyncContextManager[None]]
"""Inside, the server is away; behind it, it is back."""

CUTS = 5
SECONDS_BETWEEN_CUTS = 0.2
LATENCY_SECONDS = 0.2


@asynccontextmanager
async def redis_killed(cluster: Cluster) -> AsyncIterator[None]:
    await cluster.redis.kill()
    try:
        yield
    finally:
        await cluster.redis.start()


@asynccontextmanager
async def redis_frozen(cluster: Cluster) -> AsyncIterator[None]:
    await cluster.redis.pause()
    try:
        yield
    finally:
        cluster.redis.resume()


@asynccontextmanager
async def postgres_crashed(cluster: Cluster) -> AsyncIterator[None]:
    await cluster.crash_postgres()
    try:
        yield
    finally:
        await cluster.start_postgres()


def of_redis(outage: Callable[[FaultProxy], AbstractAsyncContextManager[None]]) -> Outage:
    return lambda cluster: outage(cluster.redis_proxy)


def of_postgres(outage: Callable[[FaultProxy], AbstractAsyncContextManager[None]]) -> Outage:
    return lambda cluster: outage(cluster.postgres_proxy)


@asynccontextmanager
async def blackholed(proxy: FaultProxy) -> AsyncIterator[None]:
    proxy.blackhole()
    try:
        yield
    finally:
        await proxy.heal()


@asynccontextmanager
async def unanswered(proxy: FaultProxy) -> AsyncIterator[None]:
    """The server does all that it is asked to do, and nobody learns of it."""
    proxy.blackhole("to_client")
    try:
        yield
    finally:
        await proxy.heal()


@asynccontextmanager
async def refused(proxy: FaultProxy) -> AsyncIterator[None]:
    proxy.refuse()
    proxy.cut()
    try:
        yield
    finally:
        await proxy.heal()


@asynccontextmanager
async def cut_again_and_again(proxy: FaultProxy) -> AsyncIterator[None]:
    for _ in range(CUTS):
        proxy.cut()
        await asyncio.sleep(SECONDS_BETWEEN_CUTS)
    yield


@asynccontextmanager
async def slow(proxy: FaultProxy) -> AsyncIterator[None]:
    proxy.latency(LATENCY_SECONDS)
    try:
        yield
    finally:
        await proxy.heal()


OF_REDIS: dict[str, Outage] = {
    "redis killed": redis_killed,
    "redis frozen": redis_frozen,
    "redis blackholed": of_redis(blackholed),
    "redis unanswered": of_redis(unanswered),
    "redis refused": of_redis(refused),
    "redis cut": of_redis(cut_again_and_again),
    "redis slow": of_redis(slow),
}
OF_POSTGRES: dict[str, Outage] = {
    "postgres crashed": postgres_crashed,
    "postgres blackholed": of_postgres(blackholed),
    "postgres unanswered": of_postgres(unanswered),
    "postgres refused": of_postgres(refused),
    "postgres cut": of_postgres(cut_again_and_again),
    "postgres slow": of_postgres(slow),
}
