"""P8 and P14: readers are harmless, and cost no more than a bound."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import pytest

from tests.client import Client, Sent
from tests.e2e.stalled import StalledReader
from tests.reader import cut_point
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS, Footprint, Service
from tests.upstream import Upstream, answer_text, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

KIB = 1024
MIB = 1024 * KIB
STALLED = 60
BYTES_PER_STALLED_READER = 256 * KIB
BYTES_OF_NOISE = 4 * MIB
# Words of a kilobyte: much text in few tokens, so that it takes little time to make.
WORD = "x" * 1023
BIG_TEXT = " ".join([WORD] * 480)
BIG_ANSWER = f"You said: {BIG_TEXT}"
TIMES_MORE_THAN_THE_KERNEL_TAKES = 12
LOOKS = 30


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again, until it holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - another process sets no Event here
            await asyncio.sleep(LOOK_SECONDS)


async def settled(service: Service) -> Footprint:
    """The footprint when it has stayed the same for a while."""
    seen = [service.footprint]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len({now.file_descriptors for now in seen[-LOOKS:]}) > 1 or len(seen) < LOOKS:
            await asyncio.sleep(LOOK_SECONDS)
            seen.append(service.footprint)
    return seen[-1]


async def big_answer(client: Client) -> Sent:
    """Half a megabyte of text, finished."""
    conversation = await client.conversation(model="demo/echo")
    fast = {"extra": {"tokens_per_second": 0}}
    sent = await client.send(conversation, BIG_TEXT, params=fast)
    assert (await client.read(sent.generation_id)).text == BIG_ANSWER
    return sent


async def test_many_slow_and_vanishing_readers_change_nothing(
    service: Service, client: Client, upstream: Upstream, chaos: random.Random
) -> None:
    model = f"openai/{mock_model(tokens=400, rate=200)}"
    sent = await client.send(await client.conversation(), model=model)
    faithful = [client.reader(sent.generation_id) for _ in range(10)]
    reading = [asyncio.create_task(reader.read_to_end()) for reader in faithful]

    async def come_and_go() -> None:
        reader = client.reader(sent.generation_id)
        while reader.terminal is None:
            await reader.read_on(most_bytes=cut_point(chaos, 1000))

    vanishing = [asyncio.create_task(come_and_go()) for _ in range(10)]
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(StalledReader(service.base_url, sent.stream_url))
        await asyncio.gather(*reading, *vanishing)
        await upstream.until(lambda: upstream.completions[0].finished)
    assert {reader.text for reader in faithful} == {answer_text(tokens=400)}
    assert {reader.status for reader in faithful} == {"complete"}


async def test_without_any_reader_it_is_written_all_the_same(
    client: Client, upstream: Upstream
) -> None:
    conversation = await client.conversation()
    sent = await client.send(conversation, model=f"openai/{mock_model(tokens=100, rate=400)}")

    async def complete() -> bool:
        return bool((await client.generation(sent.generation_id))["status"] == "complete")

    await until(complete)
    message = await client.message(conversation, sent.reply_id)
    assert message["content"] == answer_text(tokens=100)


async def test_a_generation_outruns_those_who_never_read_and_they_lose_nothing(
    service: Service, client: Client
) -> None:
    conversation = await client.conversation(model="demo/echo")
    fast = {"extra": {"tokens_per_second": 2000}}
    sent = await client.send(conversation, BIG_TEXT, params=fast)
    with StalledReader(service.base_url, sent.stream_url) as stalled:
        reader = await client.read(sent.generation_id)
        assert (reader.status, reader.text) == ("complete", BIG_ANSWER)
        body = await asyncio.to_thread(stalled.rest)
    assert body.count(WORD.encode()) == BIG_TEXT.count(WORD)
    assert body.count(b"event: finished") == 1


async def abort_fifty_times(service: Service, path: str) -> None:
    """Fifty readers that begin together, and leave in mid-stream, every other one rudely."""
    readers = [StalledReader(service.base_url, path) for _ in range(50)]
    await asyncio.gather(*[asyncio.to_thread(reader.begin) for reader in readers])
    for number, reader in enumerate(readers):
        if number % 2:
            reader.reset()
        else:
            reader.close()


async def test_fifty_readers_that_abort_a_long_replay_leave_nothing_behind(
    service: Service, client: Client
) -> None:
    conversation = await client.conversation(model="demo/story")
    params = {"extra": {"tokens": 10_000, "tokens_per_second": 0}}
    sent = await client.send(conversation, params=params)
    await client.read(sent.generation_id)
    # What a pool opens when many ask at once, it keeps.
    await abort_fifty_times(service, sent.stream_url)
    before = await settled(service)
    await abort_fifty_times(service, sent.stream_url)
    assert (await client.http.get("/health/live")).status_code == 200

    async def nothing_left() -> bool:
        now = service.footprint
        return now.file_descriptors <= before.file_descriptors and now.threads <= before.threads

    await until(nothing_left)
    replay = await client.read(sent.generation_id)
    assert replay.text == answer_text(tokens=10_000)


async def test_stalled_readers_of_a_large_stream_cost_no_more_than_their_bound(
    service: Service, client: Client
) -> None:
    sent = await big_answer(client)

    def stall() -> StalledReader:
        times = TIMES_MORE_THAN_THE_KERNEL_TAKES
        return StalledReader(service.base_url, sent.stream_url, times=times)

    with ExitStack() as stack:
        warm_up = stack.enter_context(stall())
        await asyncio.to_thread(warm_up.begin)
        before = service.footprint
        readers = [stack.enter_context(stall()) for _ in range(STALLED)]
        await asyncio.gather(*[asyncio.to_thread(reader.begin) for reader in readers])
        most = before.rss_bytes
        for _ in range(LOOKS):
            assert (await client.http.get("/health/live")).status_code == 200
            most = max(most, service.footprint.rss_bytes)
            await asyncio.sleep(LOOK_SECONDS)
    assert most - before.rss_bytes < STALLED * BYTES_PER_STALLED_READER + BYTES_OF_NOISE
