"""openai-node, unmodified from npm, against /v1."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.clients import node
from tests.service import Service
from tests.upstream import Upstream, mock_model, mock_upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node.workshop(node.packages(), tmp_path_factory.mktemp("javascript"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[Upstream]:
    async with mock_upstream() as upstream:
        yield upstream


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> AsyncIterator[Service]:
    settings = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "sk-test"}
    async with Service(tmp_path_factory.mktemp("openai"), **settings).running() as running:
        yield running


async def run(shop: Path, service: Service, scenario: str, model: str) -> Mapping[str, Any]:
    base_url = f"{service.base_url}/v1"
    said = await node.run_node(shop, "openai.mjs", base_url, scenario, "unused", model)
    found: Mapping[str, Any] = json.loads(said)
    return found


async def test_it_chats_and_lists_the_models(shop: Path, service: Service) -> None:
    done = await run(shop, service, "chat", "demo/echo")
    assert done["text"] == "You said: the quick brown fox"
    assert done["usage"]["total_tokens"] == 10
    assert "demo/story" in done["models"]


async def test_it_streams(shop: Path, service: Service) -> None:
    done = await run(shop, service, "stream", "demo/echo")
    assert "".join(done["pieces"]) == done["text"] == "You said: the quick brown fox"
    assert done["usage"]["completion_tokens"] == 6


async def test_it_gets_whole_calls_of_tools(shop: Path, service: Service) -> None:
    done = await run(shop, service, "tools", f"openai/{mock_model(fail='tool-calls')}")
    assert done["finish_reason"] == "tool_calls"
    assert [call["function"]["name"] for call in done["calls"]] == ["weather", "clock"]
    arguments = [json.loads(call["function"]["arguments"]) for call in done["calls"]]
    assert arguments[0] == {"city": "Zürich", "days": 3}


async def test_its_errors_are_its_own(shop: Path, service: Service) -> None:
    unknown = await run(shop, service, "error", "nobody/knows")
    assert (unknown["name"], unknown["status"]) == ("NotFoundError", 404)
    assert "nobody/knows" in unknown["message"]
    broken = await run(shop, service, "error", f"openai/{mock_model(fail='cut', after=3)}")
    assert broken["name"] == "APIError"


async def test_a_response_is_read_on_behind_the_last_event_that_was_seen(
    shop: Path, service: Service
) -> None:
    done = await run(shop, service, "responses", f"openai/{mock_model(tokens=40, rate=40)}")
    story = "".join(f"t{number} " for number in range(40))
    assert done["text"] == done["whole"] == story
    assert done["status"] == "completed"
    numbers = [done["last"], *done["numbers"]]
    assert numbers == sorted(set(numbers))


async def test_who_breaks_off_stops_the_models_server(
    shop: Path, service: Service, upstream: Upstream
) -> None:
    upstream.ledger.records.clear()
    done = await run(shop, service, "abort", f"openai/{mock_model(tokens=10_000, rate=50)}")
    assert done == {"aborted": True}
    await upstream.client_gone()
