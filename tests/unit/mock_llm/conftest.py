"""A mock of one's own for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.upstream import Upstream, mock_upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with mock_upstream() as server:
        yield server
