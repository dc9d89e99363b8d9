"""P9 and P14: whatever ends an answer, at whatever moment, nothing of it is left anywhere."""

import asyncio
import random
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]
import pytest

from llmchat.config.provider import OpenAISettings
from tests.chaos.cancel_storm import Storm
from tests.client import Client, Sent, connect
from tests.e2e.test_readers import settled, until
from tests.service import Service
from tests.upstream import Upstream, answer_text, mock_model
from tests.web.conftest import served

WARM_UP = 40
PER_ROUND = 24
SLOTS = 4
PROVIDERS = ("free", "limited")


@pytest.mark.timeout(600)
async def test_a_storm_of_cancels_leaves_nothing_in_the_process(
    tmp_path: Path, upstream: Upstream, chaos: random.Random, chaos_rounds: int
) -> None:
    (tmp_path / "llmchat.toml").write_text(
        f'[providers.free]\nbase_url = "{upstream.base_url}"\n'
        f'[providers.limited]\nbase_url = "{upstream.base_url}"\nmax_concurrency = {SLOTS}\n'
    )
    async with Service(tmp_path).running() as service:
        # What pools open when many ask at once, they keep.
        await rage(service.base_url, chaos, WARM_UP)
        await calm(upstream)
        before = await settled(service)
        await rage(service.base_url, chaos, PER_ROUND * chaos_rounds)
        await calm(upstream)

        assert sockets_to(upstream, service) == 0

        async def as_before() -> bool:
            now = service.footprint
            fewer = now.file_descriptors <= before.file_descriptors
            return fewer and now.threads <= before.threads

        await until(as_before)
        async with service.client() as client:
            await answers_as_ever(client)
            await has_all_slots(client, upstream)


@pytest.mark.thorough
@pytest.mark.timeout(600)
async def test_a_storm_of_cancels_leaves_no_task(
    tmp_path: Path, upstream: Upstream, chaos: random.Random, chaos_rounds: int
) -> None:
    """The same in this process, where the tasks of the service's event loop can be seen."""
    free = OpenAISettings(urls=(upstream.base_url,))
    limited = OpenAISettings(urls=(upstream.base_url,), max_concurrency=SLOTS)
    providers = dict(zip(PROVIDERS, (free, limited), strict=True))
    with served(tmp_path, providers=providers) as (url, loop):
        before = await tasks_of(loop)
        await rage(url, chaos, PER_ROUND * chaos_rounds // 2)
        await calm(upstream)

        async def as_before() -> bool:
            return await tasks_of(loop) == before

        await until(as_before)


async def rage(url: str, chaos: random.Random, generations: int) -> None:
    """And then look at what is left of it, with no connection open behind it."""
    async with connect(url) as client:
        storm = Storm(client, chaos, PROVIDERS)
        await storm.rage(generations)
        assert sum(storm.ends.values()) == generations
        assert min(storm.ends.values()) > 0
        for conversation in storm.conversations:
            assert (await client.show(conversation))["active_generations"] == []


async def calm(upstream: Upstream) -> None:
    """Every request that it got has been answered to its end, or its client has left."""
    await upstream.until(lambda: all(record.ended_at for record in upstream.completions))
    upstream.ledger.records.clear()


def sockets_to(upstream: Upstream, service: Service) -> int:
    port = urlsplit(upstream.base_url).port
    connections = psutil.Process(service._process.pid).net_connections("tcp")
    return sum(bool(found.raddr) and found.raddr.port == port for found in connections)


async def answers_as_ever(client: Client) -> None:
    for provider in PROVIDERS:
        model = f"{provider}/{mock_model(tokens=9)}"
        sent = await client.send(await client.conversation(), model=model)
        assert (await client.read(sent.generation_id)).text == answer_text(tokens=9)


async def has_all_slots(client: Client, upstream: Upstream) -> None:
    """As many at once as there may be, and they all reach the model's server."""
    upstream.ledger.records.clear()
    model = f"limited/{mock_model(fail='silence', after=1)}"
    sent: list[Sent] = [
        await client.send(await client.conversation(), model=model) for _ in range(SLOTS)
    ]
    await upstream.until(lambda: sum(it.tokens_sent > 0 for it in upstream.completions) == SLOTS)
    for one in sent:
        await client.stop(one.generation_id)
    await calm(upstream)


async def tasks_of(loop: asyncio.AbstractEventLoop) -> Counter[str]:
    """What runs in that loop, by the names of the coroutines."""

    async def look() -> Counter[str]:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        return Counter(getattr(task.get_coro(), "__qualname__", "?") for task in others)

    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(look(), loop))
