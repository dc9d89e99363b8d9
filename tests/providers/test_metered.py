"""What a request to a server is metered by: the server's word, else what was asked and came."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from llmchat.domain import Role
from llmchat.errors import (
    ProviderError,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnavailable,
)
from llmchat.events import Delta, Finished, ToolCall, Usage
from llmchat.ids import OwnerId
from llmchat.metering import NOTHING, Attempt, Meter, Price
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.base import Provider, ProviderEvent
from llmchat.providers.cached import AnswerCache, Cached
from llmchat.providers.fallback import Choice, Fallback
from llmchat.providers.last_resort import LastResort
from llmchat.providers.metered import Metered
from llmchat.providers.tokens import TokenCounter
from tests.providers.asking import Scripted

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOKENS = TokenCounter(None)
PRICES = {"one/m": Price(Decimal(1), Decimal("0.5"), Decimal(2))}
REPORTED = Usage(input_tokens=100, output_tokens=10, cached_tokens=40)
WHOLE: list[ProviderEvent] = [Delta("a whole answer"), Finished("complete", "stop", REPORTED)]
ASKED = TOKENS.count("one/m", [PromptMessage(Role.USER, "the question")]).tokens


class Says(Scripted):
    """Gives these events one by one, then raises the error, if there is one."""

    def __init__(self, *events: ProviderEvent, error: ProviderError | None = None) -> None:
        super().__init__()
        self._events = events
        self._error = error

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        for event in self._events:
            yield [event]
        if self._error is not None:
            raise self._error


def metered(
    *events: ProviderEvent, error: ProviderError | None = None, name: str = "one"
) -> Metered:
    return Metered(Says(*events, error=error), name=name, tokens=TOKENS)


def a_meter() -> Meter:
    return Meter(PRICES.get, lambda: NOON)


async def asked(provider: Provider, meter: Meter, *, most: int = 100) -> list[ProviderEvent]:
    prompt = Prompt("m", [PromptMessage(Role.USER, "the question")], meter=meter)
    prompt = replace(prompt, owner=OwnerId("ann"))
    said: list[ProviderEvent] = []
    async with aclosing(provider.stream(prompt)) as batches:
        async for batch in batches:
            said += batch
            if len(said) >= most:
                break
    return said


async def attempts(provider: Provider, ended: str, *, most: int = 100) -> list[Attempt]:
    meter = a_meter()
    with suppress(ProviderError):
        await asked(provider, meter, most=most)
    return list(meter.attempts(ended))


class TestOneRequest:
    async def test_is_what_the_server_reports(self) -> None:
        (attempt,) = await attempts(metered(*WHOLE), "complete")
        assert attempt.model == "one/m"
        assert attempt.status == "complete"
        assert attempt.usage == REPORTED
        assert attempt.cost == Decimal("0.0001")

    async def test_without_a_report_is_counted(self) -> None:
        (attempt,) = await attempts(
            metered(Delta("some words"), Finished("complete", "stop")), "complete"
        )
        said = TOKENS.count_text("one/m", "some words")
        assert attempt.usage == Usage(ASKED, said, estimated=True)

    async def test_that_is_left_has_what_came(self) -> None:
        provider = metered(Delta("thoughts", "reasoning"), Delta("and words"), *WHOLE)
        (attempt,) = await attempts(provider, "stopped", most=2)
        assert attempt.status == "stopped"
        assert attempt.usage.estimated
        assert attempt.usage.input_tokens == ASKED
        assert attempt.usage.reasoning_tokens == TOKENS.count_text("one/m", "thoughts")
        assert attempt.usage.output_tokens > attempt.usage.reasoning_tokens

    async def test_counts_calls_of_tools(self) -> None:
        provider = metered(
            ToolCall(0, "c", "weather", '{"city": "Bern"}'), Finished("complete", "x")
        )
        (attempt,) = await attempts(provider, "complete")
        assert attempt.usage.output_tokens > 3

    @pytest.mark.parametrize("error", [UpstreamRejected("no"), UpstreamUnavailable("no")])
    async def test_that_was_refused_has_nothing(self, error: ProviderError) -> None:
        (attempt,) = await attempts(metered(error=error), "failed")
        assert attempt.status == "failed"
        assert attempt.usage == NOTHING

    @pytest.mark.parametrize("error", [UpstreamTimeout("late"), UpstreamTruncated("cut")])
    async def test_that_was_read_has_its_prompt(self, error: ProviderError) -> None:
        (attempt,) = await attempts(metered(error=error), "failed")
        assert attempt.usage == Usage(ASKED, 0, estimated=True)

    async def test_without_a_meter_is_as_it_was(self) -> None:
        prompt = Prompt("m", [])
        async with aclosing(metered(*WHOLE).stream(prompt)) as batches:
            assert [event async for batch in batches for event in batch] == WHOLE

    async def test_without_a_price_has_no_cost(self) -> None:
        (attempt,) = await attempts(metered(*WHOLE, name="other"), "complete")
        assert attempt.cost is None


class TestSeveral:
    async def test_of_a_route_are_all_there(self) -> None:
        broken = metered(Delta("half"), error=UpstreamTruncated("cut"))
        route = Fallback(
            [Choice("one/m", broken, "m"), Choice("two/m", metered(*WHOLE, name="two"), "m")],
            patience_seconds=30,
        )
        first, second = await attempts(route, "complete")
        assert (first.model, first.status) == ("one/m", "fallen_back")
        assert first.usage.output_tokens == TOKENS.count_text("one/m", "half")
        assert (second.model, second.status, second.usage) == ("two/m", "complete", REPORTED)

    async def test_with_a_text_of_the_operators_completed_none(self) -> None:
        broken = metered(error=UpstreamUnavailable("away"))
        (attempt,) = await attempts(LastResort(broken, "Come back later."), "complete")
        assert attempt.status == "fallen_back"

    async def test_from_the_cache_cost_nothing(self) -> None:
        cache = AnswerCache(seconds=60, clock=lambda: 0.0)
        cached = Cached(metered(*WHOLE), cache, provider="one")
        (first,) = await attempts(cached, "complete")
        (again,) = await attempts(cached, "complete")
        assert first.usage == REPORTED
        assert (again.model, again.status, again.usage) == ("one/m", "cached", NOTHING)
        assert again.cost == 0


class TestReadOn:
    async def test_counts_what_was_read_before(self) -> None:
        """An answer that its server keeps is one request, however often it is read on."""
        meter = Meter(PRICES.get, lambda: NOON, begun="the beginning")
        prompt = Prompt("m", [PromptMessage(Role.USER, "the question")], meter=meter, mark="here")
        provider = metered(Delta(" and the rest"), *WHOLE)
        async with aclosing(provider.stream(prompt)) as batches:
            await anext(batches)
        (attempt,) = meter.attempts("stopped")
        assert attempt.usage.output_tokens == TOKENS.count_text(
            "one/m", "the beginning and the rest"
        )
