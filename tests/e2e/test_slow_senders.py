"""P14: five hundred senders that never come to an end hold nobody else up."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.client import Client
from tests.raw_http import RawClient
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS, Service
from tests.web.conftest import UNPACED

# With Redis and Postgres, pools grow as they like: that is no leak, and looks like one.
pytestmark = pytest.mark.embedded

SENDERS = 500
GENERATIONS = 10
# What pools of connections may have grown by meanwhile: far below what a leak would hold.
SPARE = 50
HALF = b"POST /api/conversations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"


async def drip(raw: RawClient) -> None:
    """A header that goes on, and never ends."""
    raw.writer.write(b"POST /api/conversations HTTP/1.1\r\nHost: x\r\n")
    while True:
        await asyncio.sleep(0.5)
        raw.writer.write(b"X: y\r\n")


async def generate(client: Client) -> None:
    quick = {"extra": UNPACED}
    sent = await client.send(await client.conversation(), model="demo/story", params=quick)
    read = await client.read(sent.generation_id)
    assert read.status == "complete"


async def watch_live(client: Client, over: asyncio.Event) -> int:
    """How often it answered, until the rest is over."""
    answers = 0
    while not over.is_set():
        assert (await client.http.get("/health/live")).status_code == 200
        answers += 1
        await asyncio.sleep(LOOK_SECONDS)
    return answers


async def assert_released(service: Service, file_descriptors: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while service.footprint.file_descriptors > file_descriptors + SPARE:  # noqa: ASYNC110 - another process sets no Event here
            await asyncio.sleep(LOOK_SECONDS)


async def test_five_hundred_slow_senders_hold_nobody_up(tmp_path: Path) -> None:
    async with Service(tmp_path).running() as service, AsyncExitStack() as stack:
        async with service.client() as client:
            await generate(client)
        before = service.footprint
        senders = [
            await stack.enter_async_context(await RawClient.connect(service.base_url))
            for _ in range(SENDERS)
        ]
        dripping = [asyncio.create_task(drip(sender)) for sender in senders]
        async with service.client() as client, asyncio.TaskGroup() as tasks:
            over = asyncio.Event()
            watching = tasks.create_task(watch_live(client, over))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while service.footprint.file_descriptors < before.file_descriptors + SENDERS:  # noqa: ASYNC110 - another process sets no Event here
                    await asyncio.sleep(LOOK_SECONDS)
            await asyncio.gather(*(generate(client) for _ in range(GENERATIONS)))
            over.set()
        assert watching.result() > 0
        for task in dripping:
            task.cancel()
        await stack.aclose()
        await assert_released(service, before.file_descriptors)


async def test_five_hundred_bodies_that_stop_are_let_go(tmp_path: Path) -> None:
    async with (
        Service(tmp_path, LLMCHAT_BODY_SECONDS=3).running() as service,
        service.client() as client,
        AsyncExitStack() as stack,
    ):
        await generate(client)
        before = service.footprint
        senders = []
        for _ in range(SENDERS):
            sender = await stack.enter_async_context(await RawClient.connect(service.base_url))
            sender.writer.write(HALF)
            senders.append(sender)
        await asyncio.gather(*(generate(client) for _ in range(GENERATIONS)))

        replies = await asyncio.gather(*(sender.reply() for sender in senders))

        assert {reply.status for reply in replies} == {408}
        await assert_released(service, before.file_descriptors)
