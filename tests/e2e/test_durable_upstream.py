"""P2 and P9 with an upstream that keeps its answers: what is ended here is ended there, and what
breaks between the two is one text."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.client import Client
from tests.durable import ENDLESS, RATE, TOKENS, begun, check_whole, settings_of, the_only
from tests.service import Service
from tests.upstream import Upstream, answer_text, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def upstream(shared_upstream: Upstream) -> Upstream:
    """The shared one, with nothing in its ledger."""
    shared_upstream.ledger.records.clear()
    shared_upstream.ledger.responses.clear()
    return shared_upstream


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def durable(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: Upstream
) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("durable")
    async with Service(folder, **settings_of(folder, shared_upstream)).running() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def client(durable: Service) -> AsyncIterator[Client]:
    async with durable.client() as connected:
        yield connected


async def test_a_stop_ends_it_at_the_upstream(client: Client, upstream: Upstream) -> None:
    sent, reader = await begun(client, ENDLESS)
    await client.stop(sent.generation_id)
    response = the_only(upstream)
    await upstream.until(lambda: response.status == "cancelled")
    await reader.read_to_end()
    assert reader.status == "stopped"
    assert answer_text(tokens=response.tokens).startswith(reader.text)


@pytest.mark.parametrize("what", ["conversation", "messages"])
async def test_what_is_deleted_ends_at_the_upstream(
    client: Client, upstream: Upstream, what: str
) -> None:
    sent, _ = await begun(client, ENDLESS)
    path = f"/api/conversations/{sent.message['conversation_id']}"
    path += "/messages" if what == "messages" else ""
    assert (await client.http.delete(path)).is_success
    response = the_only(upstream)
    await upstream.until(lambda: response.status == "cancelled")


async def test_a_caller_who_leaves_ends_a_plain_call_at_the_upstream(
    client: Client, upstream: Upstream
) -> None:
    asked = {"prompt": "hello", "model": ENDLESS}
    call = asyncio.create_task(client.http.post("/api/llm/generate", json=asked))
    await upstream.until(lambda: any(it.tokens > 5 for it in upstream.ledger.responses))
    call.cancel()
    response = the_only(upstream)
    await upstream.until(lambda: response.status == "cancelled")


async def test_an_upstream_that_breaks_again_and_again_gives_one_text(
    client: Client, upstream: Upstream
) -> None:
    breaking = f"up/{mock_model(tokens=TOKENS, rate=RATE, fail='cut', after=100)}"
    sent, reader = await begun(client, breaking)
    await reader.read_to_end()
    await check_whole(client, sent, reader)
    the_only(upstream)


async def test_an_answer_that_its_upstream_lost_ends_with_what_came(
    client: Client, upstream: Upstream
) -> None:
    losing = f"up/{mock_model(tokens=TOKENS, rate=RATE, fail='response-gone', after=60)}"
    sent, reader = await begun(client, losing)
    await reader.read_to_end()
    assert (reader.status, reader.text) == ("failed", answer_text(tokens=60))
    generation = await client.generation(sent.generation_id)
    assert generation["error"]["type"] == "upstream_truncated"
    the_only(upstream)


@pytest.mark.thorough
async def test_a_clock_that_runs_out_ends_it_at_the_upstream(
    tmp_path: Path, upstream: Upstream
) -> None:
    settings = settings_of(tmp_path, upstream) | {"LLMCHAT_GENERATION_SECONDS": 1}
    async with Service(tmp_path, **settings).running() as service, service.client() as client:
        _, reader = await begun(client, ENDLESS)
        response = the_only(upstream)
        await reader.read_to_end()
        assert reader.status == "failed"
        await upstream.until(lambda: response.status == "cancelled")
