"""The fake upstream and a provider that asks it, for all tests of providers."""

from collections.abc import AsyncIterator

import pytest

from llmchat.providers.openai import OpenAIProvider
from tests.providers.asking import openai_at
from tests.upstream import Upstream, mock_upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with mock_upstream() as running:
        yield running


@pytest.fixture
async def provider(upstream: Upstream) -> AsyncIterator[OpenAIProvider]:
    opened = openai_at(upstream.base_url)
    yield opened
    await opened.aclose()
