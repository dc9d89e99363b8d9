"""The next model when one fails: silently before the first token, with a restart behind it."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest

from llmchat.errors import (
    CircuitOpen,
    ProviderError,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from llmchat.events import Delta, Finished, ToolCall, Usage
from llmchat.providers.base import ProviderEvent, Restarted
from llmchat.providers.fallback import Choice, Fallback
from llmchat.providers.last_resort import LastResort
from llmchat.providers.openai import OpenAIProvider
from llmchat.tasks import cancel
from tests.providers.asking import SAID, Scripted, eventually, listen, prompt
from tests.upstream import Upstream, answer_text, mock_model

GONE = UpstreamUnavailable("gone")
CUT = UpstreamTruncated("cut")
END = Finished("complete", "stop", Usage(3, 2))
WHOLE: Sequence[Sequence[ProviderEvent]] = [[Delta("all ")], [Delta("of it"), END]]
PATIENT_SECONDS = 60.0
SHORT_SECONDS = 0.05
TEXT = "Nobody is there."


def route(
    *models: Scripted | OpenAIProvider,
    patience_seconds: float = PATIENT_SECONDS,
    waits_for_last: bool = True,
) -> Fallback:
    """Models a/x, b/x, c/x."""
    choices = [Choice(f"{id}/x", model, "x") for id, model in zip("abc", models, strict=False)]
    return Fallback(choices, patience_seconds=patience_seconds, waits_for_last=waits_for_last)


@pytest.mark.parametrize(
    "error",
    [
        GONE,
        CUT,
        CircuitOpen("open"),
        UpstreamRateLimited("slower"),
        UpstreamRejected("what?"),
        UpstreamMalformed("html"),
        UpstreamUnauthorized("your key"),
    ],
)
@pytest.mark.parametrize("before", [[], [[]], [[Delta("", mark="m1")]]])
async def test_before_anything_is_shown_the_next_one_answers_silently(
    error: ProviderError, before: list[list[ProviderEvent]]
) -> None:
    bad, good = Scripted([*before, error]), Scripted(WHOLE)
    heard = await listen(route(bad, good), prompt())

    assert (heard.text, heard.restarts) == ("all of it", 0)
    assert heard.finished == replace(END, model="b/x")
    assert (bad.open, good.open) == (0, 0)


@pytest.mark.parametrize(
    "shown", [Delta("half "), Delta("hm", "reasoning"), ToolCall(0, "c1", "look", "")]
)
async def test_what_was_shown_is_void_before_the_next_ones_text(shown: ProviderEvent) -> None:
    heard = await listen(route(Scripted([[shown], CUT]), Scripted(WHOLE)), prompt())

    assert heard.events[:2] == [shown, Restarted("a/x broke off; b/x answers.")]
    assert (heard.text, heard.restarts) == ("all of it", 1)


async def test_every_model_gets_its_own_name_and_key_and_no_foreign_mark() -> None:
    one, two = Scripted([GONE]), Scripted(WHOLE)
    models = [Choice("a/big", one, "big"), Choice("b/small", two, "small")]
    asked = replace(prompt("smart"), key="gen_1", mark="m7")
    await listen(Fallback(models, patience_seconds=1), asked)

    assert one.prompts == [replace(asked, model="big", key="gen_1-0", mark=None, alone=False)]
    assert two.prompts == [replace(asked, model="small", key="gen_1-1", mark=None, alone=False)]


async def test_nothing_is_asked_of_the_next_one_while_the_first_answers() -> None:
    one, two = Scripted(WHOLE), Scripted(WHOLE)
    heard = await listen(route(one, two), prompt())
    assert heard.finished == replace(END, model="a/x")
    assert two.calls == 0


async def test_a_restart_of_a_model_itself_is_passed_on_and_not_doubled() -> None:
    restarted = Scripted([[Delta("half")], [Restarted("again")], GONE])
    heard = await listen(route(restarted, Scripted(WHOLE)), prompt())
    assert (heard.text, heard.restarts) == ("all of it", 1)


class TestAllFailed:
    async def test_what_each_said_is_said(self) -> None:
        heard = await listen(route(Scripted([CUT]), Scripted([UpstreamRejected("no")])), prompt())
        assert isinstance(heard.error, UpstreamRejected)
        assert heard.error.detail == "None of the route's 2 models answered. a/x: cut b/x: no"

    async def test_the_only_one_speaks_for_itself(self) -> None:
        assert (await listen(route(Scripted([GONE])), prompt())).error is GONE

    async def test_it_may_be_retried_when_one_of_them_may(self) -> None:
        slow = UpstreamRateLimited("slower", retry_after_seconds=7)
        later = UpstreamUnavailable("later", retry_after_seconds=30)
        models = route(Scripted([later]), Scripted([slow]), Scripted([UpstreamRejected("no")]))
        error = (await listen(models, prompt())).error
        assert isinstance(error, UpstreamRateLimited)
        assert (error.retryable, error.retry_after_seconds) == (True, 7)

    @pytest.mark.parametrize(("other", "wait"), [(GONE, None), (UpstreamRejected("no"), 90)])
    async def test_an_open_circuit_keeps_nobody_from_asking_the_other(
        self, other: ProviderError, wait: float | None
    ) -> None:
        shut = CircuitOpen("open", retry_after_seconds=90)
        error = (await listen(route(Scripted([shut]), Scripted([other])), prompt())).error
        assert error is not None
        assert error.retry_after_seconds == wait

    async def test_the_sentence_is_bounded(self) -> None:
        long = [Choice(f"a/{n}", Scripted([UpstreamRejected("x" * 9999)]), "x") for n in range(16)]
        error = (await listen(Fallback(long, patience_seconds=1), prompt())).error
        assert error is not None
        assert len(error.detail) < 2500

    async def test_the_text_of_the_last_one_is_kept(self) -> None:
        models = route(Scripted([GONE]), Scripted([[Delta("half ")], CUT]))
        heard = await listen(models, prompt())
        assert (heard.text, heard.restarts) == ("half ", 0)
        assert isinstance(heard.error, UpstreamUnavailable)


class TestSilence:
    async def test_a_model_without_a_first_token_is_left(self) -> None:
        silent = Scripted([asyncio.Event()])
        models = route(silent, Scripted(WHOLE), patience_seconds=SHORT_SECONDS)
        heard = await listen(models, prompt())
        assert (heard.text, heard.restarts, silent.open) == ("all of it", 0, 0)

    async def test_a_model_that_falls_silent_is_left(self) -> None:
        silent = Scripted([[Delta("half ")], asyncio.Event()])
        models = route(silent, Scripted(WHOLE), patience_seconds=SHORT_SECONDS)
        heard = await listen(models, prompt())
        assert (heard.text, heard.restarts, silent.open) == ("all of it", 1, 0)

    async def test_a_mark_is_no_sign_of_life_and_an_empty_batch_is(self) -> None:
        async def marking() -> None:
            for event in steps:
                await asyncio.sleep(SHORT_SECONDS / 2)
                event.set()

        steps = [asyncio.Event() for _ in range(10)]
        marks = [part for step in steps for part in (step, [Delta("", mark="m")])]
        works = [part for step in steps for part in (step, list[ProviderEvent]())]
        for script, who in ((marks, "b/x"), ([*works, *WHOLE], "a/x")):
            for step in steps:
                step.clear()
            pace = asyncio.create_task(marking())
            one, two = Scripted(script), Scripted(WHOLE)
            heard = await listen(route(one, two, patience_seconds=4 * SHORT_SECONDS), prompt())
            await cancel(pace)
            assert heard.finished == replace(END, model=who)

    async def test_the_last_one_is_waited_for(self) -> None:
        late = asyncio.Event()
        last = Scripted([late, *WHOLE])
        models = route(Scripted([GONE]), last, patience_seconds=0.01)
        listening = asyncio.create_task(listen(models, prompt()))
        done, _ = await asyncio.wait([listening], timeout=SHORT_SECONDS)
        assert not done
        late.set()
        assert (await listening).text == "all of it"

    async def test_unless_something_comes_behind_it(self) -> None:
        last = Scripted([asyncio.Event()])
        models = route(last, patience_seconds=0.01, waits_for_last=False)
        assert isinstance((await listen(models, prompt())).error, UpstreamTimeout)
        assert last.open == 0

    async def test_the_readers_time_is_not_the_models(self) -> None:
        models = route(Scripted(WHOLE), Scripted([]), patience_seconds=0.01)
        events: list[ProviderEvent] = []
        async with aclosing(models.stream(prompt())) as batches:
            async for batch in batches:
                events += batch
                await asyncio.sleep(SHORT_SECONDS)
        assert events[-1] == replace(END, model="a/x")

    @pytest.mark.parametrize("kind", ["no-headers", "silence-before", "silence", "pings"])
    async def test_a_silent_server_is_left_and_its_connection_closed(
        self, kind: str, upstream: Upstream, provider: OpenAIProvider
    ) -> None:
        choices = [
            Choice("a/silent", provider, mock_model(fail=kind, after=2)),
            Choice("b/story", provider, mock_model(tokens=5)),
        ]
        heard = await listen(Fallback(choices, patience_seconds=0.3), prompt())
        assert heard.text == answer_text(tokens=5)
        await upstream.until(lambda: all(record.ended_at for record in upstream.completions))


class TestMarks:
    MARKED: Sequence[Sequence[ProviderEvent]] = [
        [Delta("", mark="m0")],
        [Delta("ha", mark="m1"), Delta("lf ", mark="m2")],
    ]

    async def test_they_are_taken_off(self) -> None:
        kept = Scripted([*self.MARKED, [END]], resumes=True)
        models = route(kept)
        heard = await listen(models, prompt())
        assert heard.events == [Delta("ha"), Delta("lf "), replace(END, model="a/x")]
        assert kept.cancelled == []
        assert (models.resumes, models.prefills) == (False, False)

    async def test_whoever_goes_on_with_another_ends_the_first_answer(self) -> None:
        kept = Scripted([*self.MARKED, CUT], resumes=True)
        await listen(route(kept, Scripted(WHOLE)), prompt())
        assert kept.cancelled == ["m2"]

    async def test_whoever_closes_the_stream_ends_the_answer(self) -> None:
        kept = Scripted([*self.MARKED, asyncio.Event()], resumes=True)
        async with aclosing(route(kept).stream(prompt())) as batches:
            await anext(batches)
        assert (kept.cancelled, kept.open) == (["m2"], 0)

    async def test_whoever_is_cancelled_before_the_first_token_ends_the_answer(self) -> None:
        kept = Scripted([self.MARKED[0], asyncio.Event()], resumes=True)
        reader = asyncio.create_task(listen(route(kept), prompt()))
        await eventually(lambda: kept.open == 1)
        await cancel(reader)
        assert (kept.cancelled, kept.open) == (["m0"], 0)


class TestLastResort:
    async def test_the_text_answers_when_nobody_does(self) -> None:
        heard = await listen(LastResort(route(Scripted([GONE]), Scripted([CUT])), TEXT), prompt())
        assert heard.events == [
            Delta(TEXT),
            Finished("complete", "fallback_text", Usage(0, 0), None),
        ]

    async def test_it_is_no_continuation_of_what_was_shown(self) -> None:
        broken = Scripted([[Delta("half ")], CUT])
        heard = await listen(LastResort(route(broken), TEXT), prompt())
        assert (heard.text, heard.restarts) == (TEXT, 1)

    async def test_void_text_is_not_void_twice(self) -> None:
        models = route(Scripted([[Delta("half ")], CUT]), Scripted([GONE]))
        heard = await listen(LastResort(models, TEXT), prompt())
        assert (heard.text, heard.restarts) == (TEXT, 1)

    async def test_it_is_silent_when_a_model_answers(self) -> None:
        heard = await listen(LastResort(route(Scripted(WHOLE)), TEXT), prompt())
        assert heard.text == "all of it"

    async def test_it_is_fit_to_be_stored(self) -> None:
        heard = await listen(LastResort(route(Scripted([GONE])), "a\x00b"), prompt())
        assert heard.text == "a�b"


async def test_closing_in_the_middle_closes_what_is_inside() -> None:
    model = Scripted(WHOLE)
    async with aclosing(LastResort(route(model), TEXT).stream(prompt())) as batches:
        await anext(batches)
        assert model.open == 1
    assert model.open == 0


@pytest.mark.parametrize("kind", ["cut", "reset", "truncate", "error-frame"])
async def test_a_server_that_dies_in_mid_answer_leaves_no_word_behind(
    kind: str, upstream: Upstream, provider: OpenAIProvider
) -> None:
    choices = [
        Choice("a/story", provider, mock_model(tokens=30, fail=kind, after=10)),
        Choice("b/echo", provider, mock_model("echo")),
    ]
    heard = await listen(Fallback(choices, patience_seconds=PATIENT_SECONDS), prompt())
    assert heard.text == SAID
    assert heard.finished is not None
    assert (heard.restarts, heard.finished.model) == (1, "b/echo")
    assert len(upstream.completions) == 2
