"""The circuit of one endpoint: as a state machine, around a provider, and before a dead server."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from itertools import repeat

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from llmchat.errors import (
    CircuitOpen,
    ProviderError,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTruncated,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from llmchat.events import Delta, Finished
from llmchat.prompts import Prompt
from llmchat.providers.base import ProviderEvent
from llmchat.providers.breaker import (
    PAUSE_SECONDS_FIRST,
    PAUSE_SECONDS_MOST,
    THRESHOLD,
    Attempt,
    Breaker,
)
from llmchat.providers.breaking import Breaking
from llmchat.tasks import cancel
from tests.providers.asking import Scripted, eventually, listen, prompt

GONE = UpstreamUnavailable("gone")
END = Finished("complete", "stop")
WHOLE: Sequence[Sequence[ProviderEvent]] = [[Delta("all of it")], [END]]
FOREVER = asyncio.Event
MANY = 50


@dataclass(slots=True)
class Time:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


def without_jitter(time: Time) -> Breaker:
    return Breaker(time, jitter=lambda: 0.0)


class BreakerMachine(RuleBasedStateMachine):
    """Against a plain account of the same: what failed in a row, when it may be asked again."""

    attempts: Bundle[Attempt] = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.time = Time()
        self.breaker = without_jitter(self.time)
        self.in_a_row = 0
        self.trusted = False
        self.asked_again_at: float | None = None
        self.pause = PAUSE_SECONDS_FIRST
        self.probe: Attempt | None = None
        self.undecided: list[Attempt] = []

    @rule(target=attempts)
    def ask(self) -> Attempt:
        attempt = self.breaker.admit()
        if self.asked_again_at is not None:
            allowed = self.time.seconds >= self.asked_again_at and self.probe is None
        elif self.trusted and self.in_a_row == 0:
            allowed = True
        else:
            allowed = self.in_a_row + len(self.undecided) < THRESHOLD
        assert (attempt is not None) == allowed
        if attempt is None:
            return Attempt(decided=True)
        self.undecided.append(attempt)
        if self.asked_again_at is not None:
            self.probe = attempt
        return attempt

    @rule(attempt=attempts)
    def succeed(self, attempt: Attempt) -> None:
        self.breaker.succeeded(attempt)
        if self.first_outcome(attempt):
            self.in_a_row = 0
            self.trusted = True
            self.asked_again_at = self.probe = None
            self.pause = PAUSE_SECONDS_FIRST

    @rule(attempt=attempts)
    def fail(self, attempt: Attempt) -> None:
        self.breaker.failed(attempt)
        if not self.first_outcome(attempt):
            return
        if self.asked_again_at is None:
            self.in_a_row += 1
            if self.in_a_row == THRESHOLD:
                self.shut()
        elif attempt is self.probe:
            self.pause = min(self.pause * 2, PAUSE_SECONDS_MOST)
            self.shut()

    @rule(attempt=consumes(attempts))
    def leave(self, attempt: Attempt) -> None:
        self.breaker.left(attempt)
        if self.first_outcome(attempt) and attempt is self.probe:
            self.probe = None

    @rule(seconds=st.sampled_from([0.5, 5, 10, 20, 119, 120]))
    def wait(self, seconds: float) -> None:
        self.time.seconds += seconds

    @invariant()
    def it_says_how_it_stands(self) -> None:
        if self.asked_again_at is None:
            expected = "closed"
        elif self.time.seconds < self.asked_again_at:
            expected = "open"
            assert self.breaker.wait_seconds == self.asked_again_at - self.time.seconds
        else:
            expected = "half_open"
        assert self.breaker.circuit == expected
        assert (self.breaker.wait_seconds == 0) == (expected != "open" and self.probe is None)

    def first_outcome(self, attempt: Attempt) -> bool:
        if attempt not in self.undecided:
            return False
        self.undecided.remove(attempt)
        return True

    def shut(self) -> None:
        self.asked_again_at = self.time.seconds + self.pause
        self.probe = None
        self.trusted = False


def test_any_order_of_outcomes_gives_what_a_plain_account_says() -> None:
    run_state_machine_as_test(
        BreakerMachine,
        settings=settings(max_examples=150, stateful_step_count=60, deadline=None),
    )


def test_the_pause_grows_to_its_bound_and_is_shorter_by_chance() -> None:
    for chance in (0.0, 0.5, 1.0):
        time = Time()
        breaker = Breaker(time, jitter=repeat(chance).__next__)
        for _ in range(THRESHOLD):
            breaker.failed(breaker.admit() or Attempt())
        waits = []
        for _ in range(6):
            waits.append(breaker.wait_seconds)
            time.seconds += breaker.wait_seconds
            breaker.failed(breaker.admit() or Attempt())
        assert waits == [
            pytest.approx(seconds * (1 - 0.2 * chance)) for seconds in (10, 20, 40, 80, 120, 120)
        ]


def breaking(inner: Scripted, time: Time | None = None, given_up_seconds: float = 60.0) -> Breaking:
    breaker = without_jitter(time or Time())
    return Breaking(inner, breaker, where="it", given_up_seconds=given_up_seconds)


def circuit_of(provider: Breaking) -> str:
    return provider.circuit


def among_others() -> Prompt:
    """What somebody else could answer, too."""
    return replace(prompt(), alone=False)


class TestBreaking:
    @pytest.mark.parametrize("error", [GONE, UpstreamMalformed("html"), UpstreamTruncated("cut")])
    async def test_failures_in_a_row_open_it(self, error: ProviderError) -> None:
        inner = Scripted([error], repeats=True)
        provider = breaking(inner)
        for _ in range(THRESHOLD):
            assert provider.circuit == "closed"
            assert (await listen(provider, among_others())).error is error

        refused = (await listen(provider, among_others())).error
        assert isinstance(refused, CircuitOpen)
        assert refused.detail == (
            "it failed 5 times in a row and is not asked now. It is tried again in 10 s."
        )
        assert (refused.retryable, refused.retry_after_seconds) == (True, 10)
        assert (inner.calls, provider.circuit) == (THRESHOLD, "open")

    @pytest.mark.parametrize(
        "error", [UpstreamRateLimited("429"), UpstreamRejected("422"), UpstreamUnauthorized("401")]
    )
    async def test_a_server_that_says_no_is_there(self, error: ProviderError) -> None:
        inner = Scripted([error], repeats=True)
        provider = breaking(inner)
        for _ in range(3 * THRESHOLD):
            await listen(provider, among_others())
        assert (inner.calls, provider.circuit) == (3 * THRESHOLD, "closed")

    async def test_what_breaks_behind_the_first_token_is_no_failure(self) -> None:
        provider = breaking(Scripted([[Delta("x")], GONE], repeats=True))
        for _ in range(3 * THRESHOLD):
            await listen(provider, among_others())
        assert provider.circuit == "closed"

    async def test_a_mark_is_no_success(self) -> None:
        provider = breaking(Scripted([[Delta("", mark="m")], GONE], repeats=True))
        for _ in range(THRESHOLD):
            await listen(provider, among_others())
        assert provider.circuit == "open"

    async def test_a_success_begins_the_count_anew(self) -> None:
        inner = Scripted(*([GONE],) * 4, WHOLE, *([GONE],) * 4, WHOLE)
        provider = breaking(inner)
        for _ in range(10):
            await listen(provider, among_others())
        assert (inner.calls, provider.circuit) == (10, "closed")

    async def test_one_probe_at_a_time_decides(self) -> None:
        time, answers = Time(), asyncio.Event()
        inner = Scripted(*([GONE],) * THRESHOLD, [answers, *WHOLE], WHOLE)
        provider = breaking(inner, time)
        for _ in range(THRESHOLD):
            await listen(provider, among_others())
        time.seconds += 10
        assert circuit_of(provider) == "half_open"
        probe = asyncio.create_task(listen(provider, among_others()))
        await eventually(lambda: inner.open == 1)
        assert isinstance((await listen(provider, among_others())).error, CircuitOpen)
        answers.set()
        assert (await probe).text == "all of it"
        assert circuit_of(provider) == "closed"
        assert (await listen(provider, among_others())).text == "all of it"

    async def test_a_probe_that_its_caller_leaves_gives_its_place_back(self) -> None:
        time = Time()
        inner = Scripted(*([GONE],) * THRESHOLD, [FOREVER()], WHOLE)
        provider = breaking(inner, time)
        for _ in range(THRESHOLD):
            await listen(provider, among_others())
        time.seconds += 10
        probe = asyncio.create_task(listen(provider, among_others()))
        await eventually(lambda: inner.open == 1)
        await cancel(probe)
        assert (inner.open, provider.circuit) == (0, "half_open")
        assert (await listen(provider, among_others())).text == "all of it"

    async def test_whoever_loses_patience_with_it_has_seen_it_fail(self) -> None:
        inner = Scripted([FOREVER()], repeats=True)
        for given_up_seconds, circuit in ((60.0, "closed"), (0.0, "open")):
            provider = breaking(inner, given_up_seconds=given_up_seconds)
            for _ in range(THRESHOLD):
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await listen(provider, among_others())
            assert provider.circuit == circuit

    async def test_many_at_once_do_not_all_find_out_for_themselves(self) -> None:
        fails = asyncio.Event()
        inner = Scripted([fails, GONE], repeats=True)
        provider = breaking(inner)
        asking = [asyncio.create_task(listen(provider, among_others())) for _ in range(MANY)]
        await eventually(lambda: inner.open == THRESHOLD)
        fails.set()
        errors = [(await each).error for each in asking]
        assert inner.calls == THRESHOLD
        assert sum(isinstance(error, CircuitOpen) for error in errors) == MANY - THRESHOLD

    async def test_many_at_once_are_let_through_by_the_first_token(self) -> None:
        begins = asyncio.Event()
        inner = Scripted([begins, [Delta("x")], FOREVER()], repeats=True)
        provider = breaking(inner)
        asking = [asyncio.create_task(listen(provider, among_others())) for _ in range(MANY)]
        await eventually(lambda: inner.open == THRESHOLD)
        begins.set()
        await eventually(lambda: inner.open == MANY)
        for task in asking:
            await cancel(task)
        assert inner.open == 0

    async def test_whoever_waits_may_leave(self) -> None:
        inner = Scripted([FOREVER()], repeats=True)
        provider = breaking(inner)
        asking = [
            asyncio.create_task(listen(provider, among_others())) for _ in range(THRESHOLD + 2)
        ]
        await eventually(lambda: inner.open == THRESHOLD)
        await cancel(asking[-1])
        assert inner.calls == THRESHOLD
        await cancel(asking[0])
        # The place that was given back is taken by the next.
        await eventually(lambda: inner.calls == THRESHOLD + 1)
        for task in asking:
            await cancel(task)

    async def test_its_models_are_always_asked_for(self) -> None:
        inner = Scripted([GONE], repeats=True, models=["a"])
        provider = breaking(inner)
        for _ in range(THRESHOLD):
            await listen(provider, among_others())
        assert [model.id for model in await provider.models()] == ["a"]
        assert provider.circuit == "open"

    async def test_closing_in_the_middle_closes_what_is_inside(self) -> None:
        inner = Scripted(WHOLE)
        async with aclosing(breaking(inner).stream(among_others())) as batches:
            await anext(batches)
            assert inner.open == 1
        assert inner.open == 0

    async def test_where_nobody_else_could_answer_it_is_always_asked(self) -> None:
        inner = Scripted(*[[GONE]] * (THRESHOLD + 2), WHOLE)
        provider = breaking(inner)
        for _ in range(THRESHOLD + 2):
            assert (await listen(provider, prompt())).error is GONE
        assert circuit_of(provider) == "open"

        assert (await listen(provider, prompt())).text == "all of it"
        assert circuit_of(provider) == "closed"
