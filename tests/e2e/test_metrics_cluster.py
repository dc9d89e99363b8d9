"""/metrics of several workers on Postgres and Redis: one service, whichever of them is asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.cluster import Cluster
from tests.figures import Figures, figures_of
from tests.process import PATIENCE_SECONDS
from tests.service import Service

pytestmark = pytest.mark.embedded

# A look is a whole client, and work for the worker that answers.
_LOOK_SECONDS = 0.25
WORKERS = 2
NAMES = {str(number) for number in range(1, WORKERS + 1)}
ANSWERS = 6
TOKEN = "a-token-for-prometheus-and-nothing-else"
GIVEN = {"Authorization": f"Bearer {TOKEN}"}
SECRET_KEY = "4f1b8e0a3c4e6f9b2d7d1f5b8e0a3c4e6f9b2d7d1f5b"


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    settings: dict[str, str | float] = {
        "LLMCHAT_WORKERS": WORKERS,
        "LLMCHAT_LEASE_SECONDS": 1,
        "LLMCHAT_AUTH": "keys",
        "LLMCHAT_SECRET_KEY": SECRET_KEY,
        "LLMCHAT_METRICS_TOKEN": TOKEN,
    }
    async with Cluster(tmp_path, settings, processes=1).running() as cluster:
        yield cluster


async def figures_when(service: Service, condition: Callable[[Figures], bool]) -> Figures:
    """Of any of the workers: each look is a connection of its own."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with service.client() as client:
                found = await figures_of(client.http, headers=GIVEN)
            if condition(found):
                return found
            await asyncio.sleep(_LOOK_SECONDS)


def pids(service: Service) -> set[int]:
    return {child.pid for child in psutil.Process(service._process.pid).children()}


async def test_a_killed_worker_takes_what_it_held_and_leaves_what_it_counted(
    cluster: Cluster,
) -> None:
    (service,) = cluster.services
    await figures_when(service, lambda it: it.sum("llmchat_processes") == WORKERS)
    key = service.log.partition("sk-llmchat-")[2].split()[0]
    admin = {"Authorization": f"Bearer sk-llmchat-{key}"}
    for _ in range(ANSWERS):
        async with service.client() as client:
            client.http.headers.update(admin)
            sent = await client.send(await client.conversation(), model="demo/echo")
            await client.read(sent.generation_id)
    ended = "llmchat_generations_total"
    before = await figures_when(
        service,
        lambda it: (
            it.sum(ended, outcome="complete") == ANSWERS and it.sum("llmchat_live_generations") == 0
        ),
    )

    victim, *_ = pids(service)
    psutil.Process(victim).kill()
    after = await figures_when(
        service,
        lambda it: (
            victim not in pids(service)
            and len(pids(service)) == WORKERS == it.sum("llmchat_processes")
            # A worker says what it takes later than that it is there.
            and {each["worker"] for each in it.series("process_resident_memory_bytes")} == NAMES
        ),
    )
    assert after.sum(ended, outcome="complete") == ANSWERS
    requests = "llmchat_http_requests_total"
    assert after.sum(requests) >= before.sum(requests)
    assert after.sum("llmchat_build_info", engines="shared") == 1
    await _is_read_while_nothing_is_there(cluster, service, admin)


async def _is_read_while_nothing_is_there(
    cluster: Cluster, service: Service, admin: dict[str, str]
) -> None:
    # Nobody's key can be looked up, and the figures are read all the same.
    await cluster.crash_postgres()
    async with service.client() as client:
        assert (await client.http.get("/api/conversations", headers=admin)).status_code == 503
        assert (await client.http.get("/metrics")).status_code == 401
        wrong = {"Authorization": f"Bearer {TOKEN}x"}
        assert (await client.http.get("/metrics", headers=wrong)).status_code == 401
    await figures_when(
        service, lambda it: it.sum("llmchat_storage_errors_total", storage="database") > 0
    )
    await cluster.redis.kill()
    async with service.client() as client:
        # How many wrong keys that address has sent is asked of Redis.
        await client.http.get("/metrics", headers=wrong)
    await figures_when(
        service, lambda it: it.sum("llmchat_storage_errors_total", storage="rates") > 0
    )
