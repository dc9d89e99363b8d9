"""P2, P6, P9 and P15 with an upstream that keeps its answers: our process dies or is stopped, and
the same answer is read on. Nothing of it is lost, doubled, or paid twice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.agreement import agreed
from tests.cluster import Cluster
from tests.durable import ENDLESS, STORY, TOKENS, begun, check_whole, settings_of, the_only
from tests.service import Service
from tests.upstream import Upstream, mock_model, mock_upstream

CALLING = f"up/{mock_model(fail='tool-calls', rate=20)}"
LEASE_SECONDS = 1.5


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with mock_upstream() as running:
        yield running


@pytest.fixture
async def service(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Service]:
    """With the default `on_crash`: nothing is asked again, and nothing needs to be."""
    async with Service(tmp_path, **settings_of(tmp_path, upstream)).running() as running:
        yield running


@pytest.mark.embedded
@pytest.mark.parametrize("deaths", [1, pytest.param(3, marks=pytest.mark.thorough)])
async def test_kill_9_loses_and_doubles_nothing_and_asks_for_nothing_again(
    service: Service, upstream: Upstream, deaths: int
) -> None:
    async with service.client() as client:
        sent, reader = await begun(client)
        for death in range(1, deaths + 1):
            await service.kill()
            await service.start()
            if death < deaths:
                seen = len(reader.events)
                await reader.read_until(lambda it, seen=seen: len(it.events) > seen + 3)  # type: ignore[misc]
        await reader.read_to_end()
        await check_whole(client, sent, reader)
        assert (await client.generation(sent.generation_id))["attempt"] > 1
    response = the_only(upstream)
    assert (response.status, response.tokens, response.cancels) == ("completed", TOKENS, 0)


@pytest.mark.thorough
@pytest.mark.embedded
async def test_what_ended_meanwhile_is_read_to_its_end(
    service: Service, upstream: Upstream
) -> None:
    async with service.client() as client:
        sent, reader = await begun(client)
        await service.kill()
        response = the_only(upstream)
        await upstream.until(lambda: response.status == "completed")
        await service.start()
        await reader.read_to_end()
        await check_whole(client, sent, reader)


@pytest.mark.embedded
async def test_calls_go_on_where_they_were(service: Service, upstream: Upstream) -> None:
    async with service.client() as client:
        sent = await client.send(await client.conversation(), model=CALLING)
        reader = client.reader(sent.generation_id)
        await reader.read_until(lambda it: sum(e.name == "tool_call" for e in it.events) > 2)
        await service.kill()
        await service.start()
        await reader.read_to_end()
        assert reader.status == "complete"
        pieces = [event.data for event in reader.events if event.name == "tool_call"]
        assert "".join(piece["arguments"] for piece in pieces) == (
            '{"city":"Zürich","days":3}{"zone":"Europe/Zurich"}'
        )
        assert [piece["id"] for piece in pieces if piece["id"]] == ["call_0", "call_1"]
    the_only(upstream)


@pytest.mark.thorough
@pytest.mark.embedded
async def test_a_deploy_leaves_the_answer_for_the_next_start(
    service: Service, upstream: Upstream
) -> None:
    """SIGTERM, with a grace that is too short for it."""
    async with service.client() as client:
        sent, reader = await begun(client)
        waiting = await client.send(
            sent.message["conversation_id"], "and then?", model="demo/echo", on_busy="queue"
        )
        assert await service.terminate() == 0
        assert the_only(upstream).cancels == 0
        await service.start()
        await reader.read_to_end()
        await check_whole(client, sent, reader)
        assert (await client.read(waiting.generation_id)).status == "interrupted"
    assert the_only(upstream).cancels == 0


@pytest.mark.thorough
async def test_another_process_reads_on_and_another_stops(
    tmp_path: Path, upstream: Upstream
) -> None:
    """Two processes: the owner is killed, or leaves, and the other goes on; a stop of what a dead
    one left ends it at the upstream."""
    settings = settings_of(tmp_path, upstream) | {"LLMCHAT_LEASE_SECONDS": LEASE_SECONDS}
    async with Cluster(tmp_path, settings).running() as cluster, cluster.clients() as (a, b):
        for leaves in (cluster.services[0].kill, cluster.services[0].terminate):
            sent, _ = await begun(a)
            reader = b.reader(sent.generation_id)
            reading = asyncio.create_task(reader.read_on())
            await leaves()
            await reading
            assert (reader.status, reader.text, reader.no_server) == ("complete", STORY, False)
            await agreed([b], sent.message["conversation_id"], sent, [reader])
            await cluster.mend()
        assert [it.status for it in upstream.ledger.responses] == ["completed"] * 2
        sent, _ = await begun(a, ENDLESS)
        await cluster.services[0].kill()
        assert (await b.stop(sent.generation_id))["status"] == "stopped"
        last = upstream.ledger.responses[-1]
        await upstream.until(lambda: last.status == "cancelled")
    assert [it.cancels for it in upstream.ledger.responses] == [0, 0, 1]
