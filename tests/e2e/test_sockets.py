"""Sockets on the real server: many in one room, cut and resumed, and sent away by a deploy."""

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.client import Client
from tests.service import LOOK_SECONDS, Service
from tests.sockets import PATIENCE_SECONDS, Socket, joined, opened
from tests.upstream import answer_text

CUTS = 8


@pytest.fixture
async def service(tmp_path: Path) -> Service:
    return Service(tmp_path, LLMCHAT_SHUTDOWN_GRACE_SECONDS=0, LLMCHAT_LOG_LEVEL="debug")


@pytest.mark.parametrize("count", [100, pytest.param(500, marks=pytest.mark.thorough)])
async def test_all_in_a_room_see_the_same(service: Service, count: int) -> None:
    async with service.running(), service.client() as client, AsyncExitStack() as stack:
        conversation = await client.conversation(model="demo/story")
        sockets = [
            await stack.enter_async_context(joined(service.base_url, conversation))
            for _ in range(count)
        ]
        say = {"content": "go", "params": {"extra": {"tokens": 60, "tokens_per_second": 60}}}
        await sockets[0].say("send_message", conversation_id=conversation, **say)
        await asyncio.gather(*[socket.until("finished") for socket in sockets])
        texts = {tuple(socket.texts.values()) for socket in sockets}
        assert texts == {(answer_text(tokens=60),)}


async def test_whoever_is_cut_off_goes_on_where_they_were(
    service: Service, chaos: random.Random
) -> None:
    async with service.running(), service.client() as client:
        conversation = await client.conversation(model="demo/story")
        extra = {"tokens": 1500, "tokens_per_second": 500}
        sent = await client.send(conversation, params={"extra": extra})
        id = sent.generation_id
        readers = [
            read_with_cuts(service.base_url, id, chaos.sample(range(1500), CUTS)) for _ in range(4)
        ]
        assert set(await asyncio.gather(*readers)) == {answer_text(tokens=1500)}


async def read_with_cuts(base_url: str, id: str, places: list[int]) -> str:
    """The text of a generation, with the connection cut at about these offsets."""
    text, last = "", 0
    for place in [*sorted(places), None]:
        async with opened(base_url) as socket:
            await socket.asked("resume", generation_id=id, after=last)
            while not socket.of("finished") and (place is None or socket.lasts[id] < place):
                await socket.next()
            socket.wire.transport.abort()
            text, last = text + socket.texts.get(id, ""), socket.lasts[id]
            if socket.of("finished"):
                return text
    raise AssertionError("it never ended")


async def test_a_deploy_sends_sockets_away_and_takes_no_more(tmp_path: Path) -> None:
    service = Service(tmp_path, LLMCHAT_SHUTDOWN_GRACE_SECONDS=3)
    async with service.running(), service.client() as client:
        conversation = await client.conversation(model="demo/story")
        extra = {"tokens": 10_000, "tokens_per_second": 50}
        sent = await client.send(conversation, params={"extra": extra})
        async with opened(service.base_url) as idle, joined(service.base_url, conversation) as busy:
            await busy.until("delta")
            leaving = asyncio.create_task(service.terminate())
            assert [await idle.closed(), await busy.closed()] == [1012, 1012]
            with pytest.raises(InvalidStatus) as refusal:
                async with opened(service.base_url):
                    pass
            assert refusal.value.response.status_code == 503
            assert await leaving == 0
        await service.start()
        # As in any other reader: what was shown is there, and it has an end.
        async with opened(service.base_url) as again:
            await again.asked("resume", generation_id=sent.generation_id, after=0)
            await again.until("failed", status="interrupted")
            assert again.texts[sent.generation_id].startswith(busy.texts[sent.generation_id])


async def test_a_stalled_socket_costs_little_and_is_let_go(service: Service) -> None:
    async with service.running(), service.client() as client:
        conversation = await client.conversation(model="demo/story")
        async with AsyncExitStack() as stack:
            stalled = [
                await stack.enter_async_context(opened(service.base_url, max_queue=1))
                for _ in range(10)
            ]
            for socket in stalled:
                await socket.join(conversation)
            before = service.footprint
            for _ in range(2):
                await answered(client, conversation)
            after = service.footprint
            assert after.rss_bytes - before.rss_bytes < 64 * 1024 * 1024
            for socket in stalled:
                socket.wire.transport.abort()
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Give or take some: there are more connections than these.
            most = before.file_descriptors - len(stalled) // 2
            while service.footprint.file_descriptors > most:  # noqa: ASYNC110 - another process
                await asyncio.sleep(LOOK_SECONDS)


async def answered(client: Client, conversation: str) -> None:
    extra = {"tokens": 40_000, "tokens_per_second": 0}
    sent = await client.send(conversation, params={"extra": extra})
    await client.read(sent.generation_id)


async def test_the_log_has_no_ticket_and_no_key(tmp_path: Path) -> None:
    service = Service(tmp_path, LLMCHAT_LOG_LEVEL="debug")
    async with service.running():
        secret = {"Authorization": "Bearer sk-llmchat-secret", "Cookie": "x=cookie-secret"}
        async with opened(service.base_url, secret, query="?ticket=a-secret") as socket:
            await socket.asked("llm_request", prompt="a prompt-secret", model="demo/echo")
            await said_nothing(socket)
        assert "secret" not in service.log


async def said_nothing(socket: Socket) -> None:
    await socket.wire.close()
    with pytest.raises(ConnectionClosed):
        await socket.next()
