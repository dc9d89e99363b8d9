"""A service to be killed, and the upstream that it asks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.service import Service
from tests.upstream import Upstream, mock_upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with mock_upstream() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lasting_upstream() -> AsyncIterator[Upstream]:
    """For modules whose services live longer than a test."""
    async with mock_upstream() as running:
        yield running


@pytest.fixture
async def service(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Service]:
    """Over as many restarts as a test wants, on one data directory."""
    settings = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "sk-test"}
    async with Service(tmp_path, **settings).running() as running:
        yield running
