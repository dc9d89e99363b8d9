"""The fake upstream and a provider that asks it, for all tests of providers, in the product's own
kind of event loop: it is the one that the transport has to get along with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from llmchat.providers.openai import OpenAIProvider
from tests.providers.asking import openai_at
from tests.upstream import Upstream, mock_upstream


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with mock_upstream() as running:
        yield running


@pytest.fixture
async def provider(upstream: Upstream) -> AsyncIterator[OpenAIProvider]:
    opened = openai_at(upstream.base_url)
    yield opened
    await opened.aclose()
