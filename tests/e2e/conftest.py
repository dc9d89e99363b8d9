"""One service and one upstream for all tests here that need no settings of their own.

They live in the event loop of the whole session: a test that uses them says so by
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.client import Client
from tests.service import Service
from tests.upstream import Upstream, mock_upstream


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_upstream() -> AsyncIterator[Upstream]:
    async with mock_upstream() as upstream:
        yield upstream


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def service(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: Upstream
) -> AsyncIterator[Service]:
    """With the default settings, but a heartbeat that a test need not wait long for."""
    settings = upstream_settings(shared_upstream) | {"LLMCHAT_HEARTBEAT_SECONDS": 0.5}
    async with Service(tmp_path_factory.mktemp("shared"), **settings).running() as running:
        yield running


@pytest.fixture
def upstream(shared_upstream: Upstream) -> Upstream:
    """The shared one, with nothing in its ledger."""
    shared_upstream.ledger.records.clear()
    return shared_upstream


@pytest_asyncio.fixture(loop_scope="session")
async def client(service: Service) -> AsyncIterator[Client]:
    async with service.client() as connected:
        yield connected


def upstream_settings(upstream: Upstream) -> dict[str, str | float]:
    """What makes a service use it: as the provider `openai`, and as `local`, which goes on with an
    answer that was begun."""
    return {
        "OPENAI_BASE_URL": upstream.base_url,
        "OPENAI_API_KEY": "sk-test",
        "LLM_SERVER_URL": upstream.base_url,
    }
