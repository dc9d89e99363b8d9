"""Who leaves an answer closes the connection behind it, at any moment, and nothing remains."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from typing import Any

import aiohttp
import pytest

from llmchat.errors import UpstreamTruncated
from llmchat.events import Delta
from llmchat.providers.base import ProviderEvent
from llmchat.providers.ollama import OllamaProvider
from llmchat.providers.retrying import Retrying
from llmchat.providers.transport import AiohttpTransport
from llmchat.tasks import cancel
from tests.providers.asking import DIALECTS, HttpProvider, ask, eventually, listen, prompt
from tests.upstream import Upstream, mock_model

LEAVERS = 200
ENDLESS = {
    "before the headers": mock_model(fail="no-headers"),
    "before the first token": mock_model(fail="silence-before"),
    "in the middle, in silence": mock_model(fail="silence", after=3),
    "in the middle, between pings": mock_model(fail="pings", after=3),
    "in the middle, between empty chunks": mock_model(fail="keepalive-chunks", after=3),
    "in the middle of a fast answer": mock_model(tokens=1_000_000),
    "in the middle of a slow answer": mock_model(tokens=1_000_000, rate=200),
}
NOTHING_HAPPENS_SECONDS = 0.35
"""Longer than three of the mock's pings; a slow machine cannot make this fail."""


@pytest.fixture(params=DIALECTS)
async def provider(
    upstream: Upstream, request: pytest.FixtureRequest
) -> AsyncIterator[HttpProvider]:
    """One of each kind that is asked over HTTP."""
    opened = DIALECTS[request.param](upstream.base_url)
    yield opened
    await opened.aclose()


@pytest.fixture(autouse=True)
async def nothing_remains(provider: HttpProvider) -> AsyncIterator[None]:
    """After each test: no connection in use, and no task but those that were there before it."""
    await ask(provider)
    before = asyncio.all_tasks()
    yield
    await eventually(lambda: connections_in_use(provider) == 0)
    await eventually(lambda: not new_tasks(before))


@pytest.mark.parametrize("where", ENDLESS)
async def test_cancelling_the_reader_closes_the_upstream(
    where: str, upstream: Upstream, provider: HttpProvider
) -> None:
    skip_if_lacking(provider, where)
    reader = asyncio.create_task(listen(provider, prompt(ENDLESS[where])))
    await upstream.tokens_sent(3 if "middle" in where else 0, attempt=1)
    await cancel(reader)

    assert reader.cancelled()
    record = await upstream.client_gone(attempt=1)
    assert not record.finished


@pytest.mark.parametrize("where", [where for where in ENDLESS if "middle" in where])
async def test_closing_the_stream_closes_the_upstream(
    where: str, upstream: Upstream, provider: HttpProvider
) -> None:
    skip_if_lacking(provider, where)
    async with aclosing(provider.stream(prompt(ENDLESS[where]))) as batches:
        async for _ in batches:
            break
    assert connections_in_use(provider) == 0

    assert (await upstream.client_gone(attempt=1)).client_gone


async def test_a_stream_that_is_closed_before_it_is_read_was_never_asked_for(
    upstream: Upstream, provider: HttpProvider
) -> None:
    await provider.stream(prompt()).aclose()

    assert len(upstream.completions) == 1


@pytest.mark.parametrize("kind", ["silence", "pings", "keepalive-chunks"])
async def test_a_ping_is_no_event(kind: str, upstream: Upstream, provider: HttpProvider) -> None:
    """Or the clock of the gaps between tokens would never run out."""
    skip_if_lacking(provider, kind)
    async with aclosing(provider.stream(prompt(mock_model(fail=kind, after=2)))) as batches:
        text = ""
        while text != "t0 t1 ":
            text += "".join(
                event.text for event in await anext(batches) if isinstance(event, Delta)
            )
        waiting = asyncio.ensure_future(anext(batches))
        done, _ = await asyncio.wait([waiting], timeout=NOTHING_HAPPENS_SECONDS)
        assert not done
        await cancel(waiting)
    await upstream.client_gone(attempt=1)


async def test_a_storm_of_leavers_leaves_nothing(
    upstream: Upstream, provider: HttpProvider, chaos: random.Random
) -> None:
    async def leave(model: str, after_seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(after_seconds):
                await listen(Retrying(provider, attempts=3), prompt(model))

    models = [*ENDLESS.values(), mock_model(fail="http-503"), mock_model(tokens=20)]
    await asyncio.gather(
        *(leave(chaos.choice(models), chaos.uniform(0, 0.5)) for _ in range(LEAVERS))
    )

    await upstream.until(lambda: all(record.ended_at for record in upstream.completions))
    assert (await ask(provider, tokens=3)).text == "t0 t1 t2 "


async def test_hundreds_of_live_answers_wait_for_no_connection(
    upstream: Upstream, provider: HttpProvider
) -> None:
    many = 300
    readers = [
        asyncio.create_task(listen(provider, prompt(ENDLESS["before the first token"])))
        for _ in range(many)
    ]
    await upstream.until(lambda: len(upstream.completions) == many + 1)
    assert connections_in_use(provider) == many
    for reader in readers:
        await cancel(reader)


async def test_closing_the_provider_ends_its_answers_as_a_broken_connection_does(
    upstream: Upstream, provider: HttpProvider
) -> None:
    closing = same_kind(provider, upstream)
    async with aclosing(closing.stream(prompt(mock_model(tokens=1_000_000)))) as batches:
        await anext(batches)
        await closing.aclose()
        with pytest.raises(UpstreamTruncated, match="broke the connection"):
            await read_on(batches)


async def read_on(batches: AsyncGenerator[Sequence[ProviderEvent], None]) -> None:
    async for _ in batches:
        pass


async def test_connections_are_kept_only_where_a_new_one_takes_a_handshake(
    provider: HttpProvider,
) -> None:
    """Servers on this machine close what they promised to keep, and the next request is lost."""
    await ask(provider, tokens=3)
    assert connector_of(provider)._conns == {}
    assert AiohttpTransport("https://models.example/v1", connect_seconds=1).keeps_connections
    assert not AiohttpTransport("http://models.example/v1", connect_seconds=1).keeps_connections


def skip_if_lacking(provider: HttpProvider, kind: str) -> None:
    """Lines of JSON have no comments that could be pings."""
    if "ping" in kind and isinstance(provider, OllamaProvider):
        pytest.skip("a kind that the dialect does not have")


def same_kind(provider: HttpProvider, upstream: Upstream) -> HttpProvider:
    return DIALECTS[provider._name](upstream.base_url)


def connector_of(provider: HttpProvider) -> aiohttp.BaseConnector:
    """The pool, far below the surface."""
    transport = provider._client.http._transport
    connector = transport._session.connector  # type: ignore[attr-defined]
    assert isinstance(connector, aiohttp.BaseConnector)
    return connector


def connections_in_use(provider: HttpProvider) -> int:
    return len(connector_of(provider)._acquired)


def new_tasks(before: set[asyncio.Task[Any]]) -> list[str]:
    """Not this one, which only looks, and not the mock upstream's, which are its own matter."""
    names = [task.get_name() for task in asyncio.all_tasks() - before - {asyncio.current_task()}]
    return [name for name in names if not name.startswith("mock ")]
