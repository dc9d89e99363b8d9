"""What the settings make of providers and routes, over real servers."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from llmchat.catalogue import providers_of, token_counter
from llmchat.config.provider import OpenAISettings
from llmchat.config.routes import RouteSettings
from llmchat.domain import Model
from llmchat.errors import Invalid
from llmchat.events import Delta, Usage
from llmchat.ids import OwnerId
from llmchat.providers.breaker import THRESHOLD
from llmchat.providers.factory import ProviderFactory
from llmchat.settings import Settings
from llmchat.tasks import cancel
from tests.providers.asking import SAID, Heard, listen, prompt
from tests.upstream import Upstream, answer_text, mock_model, mock_upstream

SENDS = 50
MOST_ATTEMPTS = 20
STORY = mock_model(tokens=3)
TEXT = answer_text(tokens=3)


@dataclass(slots=True)
class Wall:
    """A server that closes every connection at once."""

    base_url: str
    accepted: int = 0


@asynccontextmanager
async def wall() -> AsyncIterator[Wall]:
    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        refusing.accepted += 1
        writer.transport.abort()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    refusing = Wall(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    try:
        yield refusing
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)


def at(*urls: str, **fields: Any) -> OpenAISettings:
    return OpenAISettings(urls=urls, **fields)


def smart(*models: str, **fields: Any) -> dict[str, RouteSettings]:
    return {"smart": RouteSettings(models=models, **fields)}


@asynccontextmanager
async def catalogue(**fields: Any) -> AsyncIterator[ProviderFactory]:
    async with aclosing(
        providers_of(Settings(discover=False, **fields), token_counter())
    ) as models:
        yield models


async def ask(models: ProviderFactory, model: str, owner: str | None = None) -> Heard:
    provider, name = models.resolve(model)
    asked = prompt(name)
    return await listen(provider, replace(asked, owner=OwnerId(owner)) if owner else asked)


@pytest.mark.parametrize("at_once", [False, True])
async def test_fifty_sends_are_answered_and_a_dead_server_is_left_alone(
    at_once: bool, upstream: Upstream
) -> None:
    async with (
        wall() as dead,
        catalogue(
            providers={"a": at(dead.base_url), "b": at(upstream.base_url)},
            routes=smart("a/x", f"b/{STORY}"),
        ) as models,
    ):
        if at_once:
            answers = await asyncio.gather(*(ask(models, "route/smart") for _ in range(SENDS)))
        else:
            answers = [await ask(models, "route/smart") for _ in range(SENDS)]
        assert [answer.text for answer in answers] == [TEXT] * SENDS
        assert 1 <= dead.accepted <= MOST_ATTEMPTS
        assert len(upstream.completions) == SENDS


async def test_one_circuit_however_a_server_is_reached(upstream: Upstream) -> None:
    async with (
        wall() as dead,
        catalogue(
            providers={"a": at(dead.base_url), "b": at(upstream.base_url)},
            routes=smart("a/x", f"b/{STORY}"),
            max_attempts=1,
        ) as models,
    ):
        for _ in range(THRESHOLD):
            await ask(models, "route/smart")
        attempts = dead.accepted
        await ask(models, "route/smart")
        assert dead.accepted == attempts, "b answers, and a is not asked"
        assert (await ask(models, "a/y")).error is not None
        assert dead.accepted == attempts + 1, "nobody else could answer"
        found = {health.provider: health for health in await models.health()}
        assert (found["a"].status, found["a"].circuit) == ("down", "open")
        assert (found["b"].status, found["b"].circuit) == ("healthy", "closed")
        assert set(found) == {"a", "b", "demo"}


async def test_one_queue_however_a_server_is_reached(upstream: Upstream) -> None:
    async with catalogue(
        providers={"a": at(upstream.base_url, max_concurrency=1, queue_seconds=0.05)},
        routes=smart(f"a/{STORY}"),
        max_attempts=1,
    ) as models:
        provider, _ = models.resolve("a/x")
        endless = provider.stream(prompt(mock_model(tokens=1_000_000, rate=100)))
        await anext(endless)
        error = (await ask(models, "route/smart")).error
        assert error is not None
        assert error.type == "provider_busy"
        await endless.aclose()
        assert (await ask(models, "route/smart")).text == TEXT


async def test_answers_are_balanced_over_the_servers_of_a_provider(upstream: Upstream) -> None:
    async with (
        mock_upstream() as other,
        wall() as dead,
        catalogue(providers={"a": at(upstream.base_url, dead.base_url, other.base_url)}) as models,
    ):
        for _ in range(20):
            assert (await ask(models, f"a/{STORY}")).text == TEXT
        assert (len(upstream.completions), len(other.completions)) == (10, 10)
        assert dead.accepted <= THRESHOLD
        checked = [health for health in await models.health() if health.provider == "a"]
        assert [health.url for health in checked] == [
            upstream.base_url,
            dead.base_url,
            other.base_url,
        ]
        assert [health.status for health in checked] == ["healthy", "down", "healthy"]


async def test_the_whole_list_is_tried_again_and_no_model_by_itself(upstream: Upstream) -> None:
    models_of_route = [
        f"a/{mock_model(key=key, fail='http-503', fail_times=2, tokens=3)}"
        for key in ("one", "two")
    ]
    async with catalogue(
        providers={"a": at(upstream.base_url)}, routes=smart(*models_of_route)
    ) as models:
        answer = await ask(models, "route/smart")
        assert answer.text == TEXT
        assert answer.finished is not None
        assert answer.finished.model == models_of_route[0]
        asked = [record.body["model"].partition("key=")[2][:3] for record in upstream.completions]
        assert asked == ["one", "two", "one", "two", "one"]


async def test_the_fallback_text_answers_when_all_fail(upstream: Upstream) -> None:
    broken = [mock_model(fail="cut", after=2), mock_model(fail="http-400")]
    async with catalogue(
        providers={"a": at(upstream.base_url)},
        routes=smart(*(f"a/{model}" for model in broken), fallback_text="Try later."),
    ) as models:
        answer = await ask(models, "route/smart")
        assert (answer.text, answer.restarts) == ("Try later.", 1)
        assert answer.finish_reason == "fallback_text"
        assert answer.finished is not None
        assert answer.finished.usage == Usage(0, 0)


@pytest.mark.parametrize("text", [None, "Try later."])
async def test_a_silent_last_model_is_left_only_when_something_comes_behind_it(
    text: str | None, upstream: Upstream
) -> None:
    silent = mock_model(fail="silence-before")
    async with catalogue(
        providers={"a": at(upstream.base_url)},
        routes=smart(f"a/{silent}", patience_seconds=0.2, fallback_text=text),
    ) as models:
        asking = asyncio.create_task(ask(models, "route/smart"))
        if text is not None:
            assert (await asking).text == text
            return
        done, _ = await asyncio.wait([asking], timeout=0.5)
        assert not done
        await cancel(asking)


async def test_a_server_that_is_always_silent_is_no_longer_waited_for(upstream: Upstream) -> None:
    async with catalogue(
        providers={"a": at(upstream.base_url), "b": at(upstream.base_url)},
        routes=smart(f"a/{mock_model(fail='silence-before')}", f"b/{STORY}", patience_seconds=0.1),
    ) as models:
        for _ in range(THRESHOLD + 3):
            assert (await ask(models, "route/smart")).text == TEXT
        await upstream.until(lambda: all(record.ended_at for record in upstream.completions))
        assert len(upstream.completions) <= 2 * THRESHOLD + 3
        found = {health.provider: health.circuit for health in await models.health()}
        assert (found["a"], found["b"]) == ("open", "closed")


async def test_answers_are_remembered_for_their_owner_when_that_is_asked_for(
    upstream: Upstream,
) -> None:
    async with catalogue(
        providers={"a": at(upstream.base_url)}, routes=smart(f"a/{STORY}"), cache_seconds=60
    ) as models:
        for model in (f"a/{STORY}", "route/smart", f"a/{STORY}", "route/smart"):
            assert (await ask(models, model, "me")).text == TEXT
        assert len(upstream.completions) == 2
        await ask(models, "route/smart", "you")
        await ask(models, "route/smart")
        assert len(upstream.completions) == 4


@pytest.mark.parametrize("seconds", [None, 0])
async def test_no_answer_is_remembered_unless_that_is_asked_for(
    seconds: float | None, upstream: Upstream
) -> None:
    async with catalogue(providers={"a": at(upstream.base_url)}, cache_seconds=seconds) as models:
        for _ in range(2):
            await ask(models, f"a/{STORY}", "me")
        assert len(upstream.completions) == 2


class TestRoutesAmongModels:
    async def test_they_are_listed_and_there_when_one_of_their_models_is(
        self, upstream: Upstream
    ) -> None:
        async with (
            wall() as dead,
            catalogue(
                providers={"a": at(dead.base_url), "b": at(upstream.base_url)},
                routes={
                    "smart": RouteSettings(models=("a/x", "b/story")),
                    "dead": RouteSettings(models=("a/x",)),
                    "demo": RouteSettings(models=("a/x", "demo/echo", "demo/story")),
                },
            ) as models,
        ):
            listed = {model.id: model for model in await models.available()}
            assert listed["route/smart"] == Model("route/smart", "route", available=True)
            assert not listed["route/dead"].available
            assert listed["route/demo"].context_window == listed["demo/echo"].context_window
            assert (await ask(models, "route/demo")).text == f"You said: {SAID}"

    async def test_one_can_be_the_default_and_none_is_by_itself(self) -> None:
        routes = smart("demo/echo")
        async with catalogue(routes=routes, default_model="route/smart") as models:
            assert await models.default() == "route/smart"
        async with catalogue(routes=routes) as models:
            assert await models.default() == "demo/echo"

    async def test_one_that_is_not_there_is_refused_with_those_that_are(self) -> None:
        async with catalogue(routes=smart("demo/echo")) as models:
            for model in ("route/clever", "route/", "route", "smart"):
                with pytest.raises(Invalid, match="the providers are demo, route/smart"):
                    models.resolve(model)

    async def test_it_neither_prefills_nor_resumes(self) -> None:
        async with catalogue(routes=smart("demo/echo")) as models:
            provider, name = models.resolve("route/smart")
            assert (provider.prefills, provider.resumes, name) == (False, False, "smart")


async def test_a_storm_of_leavers_leaves_no_answer_and_no_place(
    upstream: Upstream, chaos: random.Random
) -> None:
    async with catalogue(
        providers={
            "a": at(upstream.base_url, f"{upstream.base_url}/", max_concurrency=5),
            "b": at(upstream.base_url),
        },
        routes=smart(
            f"a/{mock_model(tokens=10_000, rate=200, fail='cut', after=20)}",
            f"b/{mock_model(tokens=1_000_000, rate=200)}",
            patience_seconds=0.3,
            fallback_text="Try later.",
        ),
        cache_seconds=60,
    ) as models:

        async def leave() -> None:
            try:
                async with asyncio.timeout(chaos.uniform(0, 0.6)):
                    await ask(models, "route/smart", "me")
            except TimeoutError:
                pass

        await asyncio.gather(*(leave() for _ in range(100)))
        await upstream.until(lambda: all(record.ended_at for record in upstream.completions))
        answers = await asyncio.gather(*(ask(models, f"a/{STORY}") for _ in range(10)))
        assert [answer.text for answer in answers] == [TEXT] * 10


async def test_a_route_adds_no_wait_before_a_model_that_works(upstream: Upstream) -> None:
    """A first token comes through every wrapper as the batch that it was."""
    async with catalogue(
        providers={"a": at(upstream.base_url, max_concurrency=9)},
        routes=smart(f"a/{mock_model(tokens=1_000_000, rate=20)}", fallback_text="no"),
        cache_seconds=60,
    ) as models:
        provider, name = models.resolve("route/smart")
        async with aclosing(provider.stream(prompt(name))) as batches:
            assert await anext(batches) == [Delta("t0 ")]
