"""Another attempt only while nothing was shown, only where it may help, and as the server asks."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import pytest
import stamina

from llmchat.errors import (
    ProviderError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTruncated,
    UpstreamUnavailable,
)
from llmchat.events import Delta, Finished
from llmchat.providers.base import ProviderEvent
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.retrying import Retrying
from llmchat.tasks import cancel
from tests.providers.asking import Scripted, ask, listen, prompt
from tests.upstream import Upstream, mock_model

GONE = UpstreamUnavailable("gone")
WHOLE: list[list[ProviderEvent]] = [[Delta("all ")], [Delta("of it"), Finished("complete", "stop")]]
RETRY_AFTER_SECONDS = 0.4


@pytest.fixture
def without_waiting() -> Iterator[None]:
    """The pauses between attempts are none; their number stays what it is."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.mark.usefixtures("without_waiting")
@pytest.mark.parametrize("kind", ["refuse", "http-500", "http-503", "http-429", "error-200"])
async def test_a_server_that_is_away_for_a_moment_is_asked_again(
    kind: str, upstream: Upstream, provider: OpenAIProvider
) -> None:
    heard = await ask(
        Retrying(provider, attempts=3), fail=kind, fail_times=2, tokens=3, retry_after="0"
    )

    assert heard.text == "t0 t1 t2 "
    assert heard.error is None
    assert len(upstream.completions) == 3


@pytest.mark.usefixtures("without_waiting")
@pytest.mark.parametrize("attempts", [1, 2, 4])
async def test_the_last_attempt_is_the_last(
    attempts: int, upstream: Upstream, provider: OpenAIProvider
) -> None:
    heard = await ask(Retrying(provider, attempts=attempts), fail="http-503")

    assert isinstance(heard.error, UpstreamUnavailable)
    assert len(upstream.completions) == attempts


@pytest.mark.usefixtures("without_waiting")
@pytest.mark.parametrize("kind", ["http-400", "http-401", "http-404", "html"])
async def test_what_will_be_refused_again_is_not_asked_again(
    kind: str, upstream: Upstream, provider: OpenAIProvider
) -> None:
    heard = await ask(Retrying(provider, attempts=5), fail=kind)

    assert heard.error is not None
    assert len(upstream.completions) == 1


@pytest.mark.usefixtures("without_waiting")
@pytest.mark.parametrize("kind", ["cut", "reset", "truncate", "error-object", "bad-json"])
async def test_one_text_is_never_spliced_onto_another(
    kind: str, upstream: Upstream, provider: OpenAIProvider
) -> None:
    heard = await ask(Retrying(provider, attempts=5), fail=kind, after=1, fail_times=1)

    assert heard.text == "t0 "
    assert heard.error is not None
    assert len(upstream.completions) == 1


async def test_the_server_is_left_alone_for_as_long_as_it_asks(
    upstream: Upstream, provider: OpenAIProvider
) -> None:
    heard = await ask(
        Retrying(provider, attempts=2),
        fail="http-429",
        fail_times=1,
        tokens=1,
        retry_after=str(RETRY_AFTER_SECONDS),
    )
    first, second = upstream.completions

    assert heard.text == "t0 "
    assert second.started_at - first.started_at >= RETRY_AFTER_SECONDS


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("3600", 3600.0),
        ("21", 21.0),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("-5", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
async def test_how_long_to_wait_is_passed_on(
    retry_after: str, seconds: float | None, provider: OpenAIProvider
) -> None:
    heard = await ask(provider, fail="http-429", retry_after=retry_after)

    assert isinstance(heard.error, UpstreamRateLimited)
    assert heard.error.retry_after_seconds == seconds
    assert heard.error.problem().retry_after_seconds == seconds


async def test_a_date_to_come_back_at_is_understood(provider: OpenAIProvider) -> None:
    heard = await ask(provider, fail="http-503", retry_after="Fri, 31 Dec 2100 23:59:59 GMT")

    assert heard.error is not None
    assert heard.error.retry_after_seconds is not None
    assert heard.error.retry_after_seconds > 365 * 24 * 3600


async def test_nobody_waits_longer_than_anybody_would(
    upstream: Upstream, provider: OpenAIProvider
) -> None:
    heard = await ask(Retrying(provider, attempts=5), fail="http-429", retry_after="3600")

    assert isinstance(heard.error, UpstreamRateLimited)
    assert heard.error.retry_after_seconds == 3600
    assert len(upstream.completions) == 1


@pytest.mark.usefixtures("without_waiting")
async def test_every_batch_of_the_attempt_that_works_comes_through() -> None:
    inner = Scripted([GONE], [GONE], WHOLE)
    heard = await listen(Retrying(inner, attempts=3), prompt())

    assert heard.text == "all of it"
    assert (inner.calls, inner.open) == (3, 0)


@pytest.mark.usefixtures("without_waiting")
@pytest.mark.parametrize("error", [GONE, UpstreamRejected("no"), UpstreamTruncated("half")])
async def test_an_error_behind_the_first_event_is_final(error: ProviderError) -> None:
    inner = Scripted([WHOLE[0], error], WHOLE)
    heard = await listen(Retrying(inner, attempts=3), prompt())

    assert heard.text == "all "
    assert heard.error is error
    assert (inner.calls, inner.open) == (1, 0)


@pytest.mark.usefixtures("without_waiting")
async def test_an_empty_batch_shows_nothing_that_could_be_doubled() -> None:
    """It is passed on at once all the same: it says that the model works."""
    goes = asyncio.Event()
    inner = Scripted([[], goes, [], GONE], [[], *WHOLE])
    async with aclosing(Retrying(inner, attempts=3).stream(prompt())) as batches:
        assert await anext(batches) == []
        goes.set()
        rest = [batch async for batch in batches]

    assert rest == [[], [], *WHOLE]
    assert (inner.calls, inner.open) == (2, 0)


@pytest.mark.usefixtures("without_waiting")
async def test_a_mark_is_an_event_of_an_answer_that_goes_on_at_its_server() -> None:
    inner = Scripted([[Delta("", mark="m1")], GONE], WHOLE)
    heard = await listen(Retrying(inner, attempts=3), prompt())

    assert heard.error is GONE
    assert inner.calls == 1


async def test_closing_in_the_middle_closes_what_is_inside() -> None:
    inner = Scripted(WHOLE)
    async with aclosing(Retrying(inner, attempts=3).stream(prompt())) as batches:
        await anext(batches)
        assert inner.open == 1

    assert (inner.calls, inner.open) == (1, 0)


async def test_cancelling_between_two_attempts_ends_it(
    upstream: Upstream, provider: OpenAIProvider
) -> None:
    patient = Retrying(provider, attempts=9)
    model = mock_model(fail="http-429", retry_after="15")
    reader = asyncio.create_task(listen(patient, prompt(model)))
    await upstream.until(lambda: any(record.finished for record in upstream.completions))
    await cancel(reader)

    assert reader.cancelled()
    assert len(upstream.completions) == 1


async def test_cancelling_an_attempt_is_not_taken_for_its_failure(
    upstream: Upstream, provider: OpenAIProvider
) -> None:
    reader = asyncio.create_task(
        listen(Retrying(provider, attempts=9), prompt(mock_model(fail="no-headers")))
    )
    await upstream.tokens_sent(0)
    await cancel(reader)
    await upstream.client_gone()

    assert reader.cancelled()
    assert len(upstream.completions) == 1


async def test_models_and_closing_go_through() -> None:
    inner = Scripted(models=["one"])
    provider = Retrying(inner, attempts=3)
    assert [model.id for model in await provider.models()] == ["one"]
    await provider.aclose()
    assert inner.closed
