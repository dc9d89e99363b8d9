"""`llmchat serve --workers` on Postgres and Redis, as one service to whoever uses it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.cluster import Cluster
from tests.process import LOOK_SECONDS, PATIENCE_SECONDS
from tests.service import Service

pytestmark = pytest.mark.embedded

WORKERS = 3
LONG = {"extra": {"tokens": 300, "tokens_per_second": 100}}
WHOLE = "".join(f"t{number} " for number in range(300))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    settings: dict[str, str | float] = {"LLMCHAT_WORKERS": WORKERS, "LLMCHAT_LEASE_SECONDS": 1}
    async with Cluster(tmp_path, settings, processes=1).running() as cluster:
        yield cluster.services[0]


async def workers(
    service: Service, *, without: psutil.Process | None = None
) -> list[psutil.Process]:
    """All of them, each of which has said in the log that it serves."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found: list[psutil.Process] = psutil.Process(service._process.pid).children()
            if (
                len(found) == WORKERS
                and without not in found
                and all(f"Started server process [{it.pid}]" in service.log for it in found)
            ):
                return found
            await asyncio.sleep(LOOK_SECONDS)


async def test_an_answer_is_one_whichever_worker_is_asked(service: Service) -> None:
    await workers(service)
    async with service.client() as client:
        conversation = await client.conversation(model="demo/story")
        sent = await client.send(conversation, params=LONG)

    async def read() -> str:
        # A client of one's own: its connection is taken by any of the workers.
        async with service.client() as reader:
            return (await reader.read(sent.generation_id)).text

    assert await asyncio.gather(*[read() for _ in range(9)]) == [WHOLE] * 9
    assert service.log.count("llmchat is ready at") == 1
    assert await service.terminate() == 0


async def test_a_worker_that_is_killed_is_replaced_and_its_answers_are_settled(
    service: Service,
) -> None:
    found = await workers(service)
    async with service.client() as client:
        asked = []
        for _ in range(6):
            conversation = await client.conversation(model="demo/story")
            asked.append((conversation, await client.send(conversation, params=LONG)))
    found[0].kill()
    others = await workers(service, without=found[0])

    for conversation, sent in asked:
        async with service.client() as client:
            reader = await client.read(sent.generation_id)
            message = await client.message(conversation, sent.reply_id)
            assert reader.status == message["status"]
            assert reader.status in {"complete", "interrupted"}
            assert WHOLE.startswith(reader.text)
            assert reader.text == message["content"]
    service.signal(signal.SIGTERM)
    assert await service.exit_code() == 0
    assert not any(it.is_running() for it in others)
