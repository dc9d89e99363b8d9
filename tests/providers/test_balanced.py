"""Several endpoints: the least busy one answers, ties in turn, and a dead one is left out."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from llmchat.errors import (
    CircuitOpen,
    ProviderError,
    UpstreamRejected,
    UpstreamTruncated,
    UpstreamUnavailable,
)
from llmchat.events import Delta, Finished
from llmchat.providers.balanced import Balanced
from llmchat.providers.base import ProviderEvent
from llmchat.providers.breaker import THRESHOLD, Breaker
from llmchat.providers.breaking import Breaking
from llmchat.providers.wrapper import Batches
from llmchat.tasks import cancel
from tests.providers.asking import Scripted, eventually, listen, prompt

GONE = UpstreamUnavailable("gone")
OTHER = UpstreamUnavailable("gone, too")
WHOLE: Sequence[Sequence[ProviderEvent]] = [[Delta("all of it")], [Finished("complete", "stop")]]


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def endpoint(inner: Scripted, clock: Clock | None = None) -> Breaking:
    return Breaking(inner, Breaker(clock or Clock(), jitter=lambda: 0.0), where="it")


def balanced(*inner: Scripted) -> Balanced:
    return Balanced([endpoint(each) for each in inner])


def answering(count: int) -> list[Scripted]:
    return [Scripted(WHOLE, repeats=True) for _ in range(count)]


async def test_ties_go_in_turn() -> None:
    servers = answering(3)
    provider = balanced(*servers)
    for _ in range(9):
        await listen(provider, prompt())
    assert [server.calls for server in servers] == [3, 3, 3]


async def test_running_answers_are_spread_evenly() -> None:
    servers = [Scripted([[Delta("x")], asyncio.Event()], repeats=True) for _ in range(3)]
    provider = balanced(*servers)
    readers = [asyncio.create_task(listen(provider, prompt())) for _ in range(30)]
    await eventually(lambda: sum(server.open for server in servers) == 30)
    assert [server.open for server in servers] == [10, 10, 10]
    for reader in readers:
        await cancel(reader)
    assert [server.open for server in servers] == [0, 0, 0]


async def test_the_least_busy_one_answers() -> None:
    servers = [Scripted([[Delta("x")], asyncio.Event()], repeats=True) for _ in range(2)]
    provider = balanced(*servers)
    readers = [asyncio.create_task(listen(provider, prompt())) for _ in range(4)]
    await eventually(lambda: sum(server.open for server in servers) == 4)
    for reader in (readers[0], readers[2]):
        await cancel(reader)
    readers += [asyncio.create_task(listen(provider, prompt())) for _ in range(2)]
    await eventually(lambda: sum(server.open for server in servers) == 4)
    assert [server.open for server in servers] == [2, 2]
    for reader in readers:
        await cancel(reader)


@pytest.mark.parametrize("before", [[], [[]]])
async def test_what_may_work_later_is_tried_elsewhere_now(
    before: list[list[ProviderEvent]],
) -> None:
    dead = Scripted([*before, GONE])
    heard = await listen(balanced(dead, *answering(1)), prompt())
    assert (heard.text, heard.restarts, dead.calls) == ("all of it", 0, 1)


@pytest.mark.parametrize(
    "script", [[UpstreamRejected("no")], [UpstreamTruncated("cut")], [[Delta("half")], GONE]]
)
async def test_what_is_refused_or_was_begun_is_not(
    script: list[ProviderError | list[ProviderEvent]],
) -> None:
    other = Scripted(WHOLE)
    heard = await listen(balanced(Scripted(script), other), prompt())
    assert heard.error is script[-1]
    assert other.calls == 0


async def test_each_is_tried_once_and_the_last_error_stands() -> None:
    servers = [Scripted([GONE]), Scripted([GONE]), Scripted([OTHER])]
    heard = await listen(balanced(*servers), prompt())
    assert heard.error is OTHER
    assert [server.calls for server in servers] == [1, 1, 1]


async def test_a_dead_one_costs_a_few_attempts_and_no_answer() -> None:
    dead, alive = Scripted([GONE], repeats=True), Scripted(WHOLE, repeats=True)
    provider = balanced(dead, alive)
    for _ in range(50):
        assert (await listen(provider, prompt())).text == "all of it"
    assert (dead.calls, alive.calls) == (THRESHOLD, 50)


async def test_when_every_circuit_is_open_the_soonest_says_when() -> None:
    clock = Clock()
    servers = [Scripted([GONE], repeats=True) for _ in range(2)]
    endpoints = [endpoint(server, clock) for server in servers]
    for each in endpoints:
        for _ in range(THRESHOLD):
            await listen(each, prompt())
        clock.seconds += 4
    provider = Balanced(list(reversed(endpoints)))
    error = (await listen(provider, prompt())).error
    assert isinstance(error, CircuitOpen)
    assert error.retry_after_seconds == 2
    assert [server.calls for server in servers] == [THRESHOLD, THRESHOLD]


async def test_what_a_server_said_is_worth_more_than_an_open_circuit() -> None:
    shut, failing = Scripted([GONE], repeats=True), Scripted([OTHER], repeats=True)
    endpoints = [endpoint(shut), endpoint(failing)]
    for _ in range(THRESHOLD):
        await listen(endpoints[0], prompt())
    assert (await listen(Balanced(endpoints), prompt())).error is OTHER


async def test_its_models_are_those_of_all_that_answer() -> None:
    one, two = Scripted(models=["a", "b"]), Scripted(models=["b", "c"])
    provider = balanced(one, Scripted(models=GONE), two)
    assert [model.id for model in await provider.models()] == ["a", "b", "c"]
    with pytest.raises(UpstreamUnavailable, match="gone"):
        await balanced(Scripted(models=GONE), Scripted(models=GONE)).models()


async def test_it_prefills_when_all_do_and_never_resumes() -> None:
    assert balanced(Scripted(prefills=True), Scripted(prefills=True)).prefills
    assert not balanced(Scripted(prefills=True), Scripted()).prefills
    kept = Scripted([[Delta("x", mark="m1")], asyncio.Event()], resumes=True)
    provider = balanced(kept, Scripted())
    assert not provider.resumes
    async with aclosing(provider.stream(prompt())) as batches:
        assert await anext(batches) == [Delta("x")]
    assert kept.cancelled == ["m1"]


async def test_closing_closes_all() -> None:
    servers = answering(3)
    await balanced(*servers).aclose()
    assert all(server.closed for server in servers)


class BalancedMachine(RuleBasedStateMachine):
    """Answers begin and end in any order: no endpoint ever runs two more than another begins
    with, and nothing stays counted."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.running: list[tuple[int, Batches]] = []

    @initialize(count=st.integers(2, 5))
    def open(self, count: int) -> None:
        script: Sequence[Sequence[ProviderEvent]] = [[Delta(f"t{n} ")] for n in range(1000)]
        self.servers = [Scripted(script, repeats=True) for _ in range(count)]
        self.provider = balanced(*self.servers)

    @rule()
    def begin(self) -> None:
        before = [server.open for server in self.servers]
        batches = self.provider.stream(prompt())
        self.loop.run(self.read(batches))
        [chosen] = [n for n, it in enumerate(self.servers) if it.open != before[n]]
        assert before[chosen] == min(before)
        self.running.append((chosen, batches))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        which = data.draw(st.integers(0, len(self.running) - 1))
        _, batches = self.running.pop(which)
        self.loop.run(self.close(batches))

    @invariant()
    def what_runs_is_what_was_begun(self) -> None:
        for number, server in enumerate(getattr(self, "servers", ())):
            assert server.open == sum(chosen == number for chosen, _ in self.running)

    async def read(self, batches: Batches) -> None:
        await anext(batches)

    async def close(self, batches: Batches) -> None:
        await batches.aclose()

    def teardown(self) -> None:
        for _, batches in self.running:
            self.loop.run(self.close(batches))
        self.loop.close()


def test_in_any_order_the_least_busy_one_answers() -> None:
    run_state_machine_as_test(
        BalancedMachine, settings=settings(max_examples=30, stateful_step_count=30, deadline=None)
    )
