"""The same answer to the same question of the same caller, and to no other."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from llmchat.domain import Image, Params, Role
from llmchat.errors import UpstreamTruncated
from llmchat.events import Delta, Finished, ToolCall, Usage
from llmchat.ids import OwnerId
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.base import ProviderEvent, Restarted
from llmchat.providers.cached import AnswerCache, Cached
from llmchat.tasks import cancel
from tests.providers.asking import Scripted, eventually, listen, prompt

ME, YOU = OwnerId("me"), OwnerId("you")
MINE = replace(prompt(), owner=ME)
END = Finished("complete", "stop", Usage(7, 3, cost_usd=0.1), "a/x")
SPENT_NOTHING = replace(END, usage=Usage(0, 0))
WHOLE: Sequence[Sequence[ProviderEvent]] = [
    [Delta("hm ", "reasoning")],
    [Delta("hm.", "reasoning"), Delta("a 😀")],
    [],
    [Delta(" b"), END],
]


@dataclass(slots=True)
class Time:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def cached(inner: Scripted, cache: AnswerCache | None = None, provider: str = "p") -> Cached:
    kept = AnswerCache(seconds=60, clock=Time()) if cache is None else cache
    return Cached(inner, kept, provider=provider)


async def asked_twice(script: Sequence[Sequence[ProviderEvent]]) -> Scripted:
    inner = Scripted(script, repeats=True)
    provider = cached(inner)
    await listen(provider, MINE)
    await listen(provider, MINE)
    return inner


async def test_the_same_question_has_the_same_answer_which_costs_nothing() -> None:
    inner = Scripted(WHOLE)
    provider = cached(inner)
    first = await listen(provider, MINE)
    again = await listen(provider, MINE)

    assert first.finished == END
    assert again.events == [Delta("hm hm.", "reasoning"), Delta("a 😀 b"), SPENT_NOTHING]
    assert (again.text, again.reasoning) == (first.text, first.reasoning)
    assert inner.calls == 1


async def test_another_attempt_of_the_same_generation_is_the_same_question() -> None:
    inner = Scripted(WHOLE)
    provider = cached(inner)
    await listen(provider, replace(MINE, key="gen_1"))
    assert (await listen(provider, replace(MINE, key="gen_2", mark="m"))).text == "a 😀 b"


async def test_whoever_asks_anew_gets_a_new_answer_which_is_kept_instead() -> None:
    inner = Scripted(WHOLE, [[Delta("another")], [END]])
    provider = cached(inner)
    await listen(provider, MINE)
    assert (await listen(provider, replace(MINE, anew=True))).text == "another"
    assert (await listen(provider, MINE)).text == "another"
    assert inner.calls == 2


def said(*messages: PromptMessage) -> Prompt:
    return replace(MINE, messages=messages)


HELLO = PromptMessage(Role.USER, "hello")
CALL = ToolCall(0, "c1", "look", "{}")
QUESTIONS = [
    MINE,
    replace(MINE, owner=YOU),
    replace(MINE, model="other"),
    *(
        replace(MINE, params=params)
        for params in [
            Params(temperature=0),
            Params(temperature=0.5),
            Params(top_p=0.5),
            Params(max_tokens=5),
            Params(stop=["x"]),
            Params(stop=["x", "y"]),
            Params(seed=1),
            Params(skip_thinking=True),
            Params(response_format={"type": "json_object"}),
            Params(tools=[{"type": "function", "function": {"name": "look"}}]),
            Params(tool_choice="none"),
            Params(extra={"tokens": 5}),
            Params(extra={"tokens": 6}),
        ]
    ),
    said(HELLO),
    said(HELLO, HELLO),
    said(replace(HELLO, role=Role.SYSTEM)),
    said(replace(HELLO, parts=["hello", Image("data:image/png;base64,AA==")])),
    said(replace(HELLO, parts=["hello", Image("data:image/png;base64,AB==")])),
    said(replace(HELLO, parts=["hello", Image("data:image/png;base64,AB==", "low")])),
    said(HELLO, PromptMessage(Role.ASSISTANT, "", tool_calls=[CALL])),
    said(HELLO, PromptMessage(Role.ASSISTANT, "", tool_calls=[replace(CALL, id="c2")])),
    said(HELLO, PromptMessage(Role.TOOL, "1", tool_call_id="c1")),
    said(HELLO, PromptMessage(Role.TOOL, "1", tool_call_id="c2")),
]


async def test_whatever_differs_is_another_question() -> None:
    inner = Scripted(WHOLE, repeats=True)
    provider = cached(inner)
    for question in QUESTIONS:
        await listen(provider, question)
    assert inner.calls == len(QUESTIONS)
    for question in QUESTIONS:
        assert (await listen(provider, question)).finished == SPENT_NOTHING
    assert inner.calls == len(QUESTIONS)


async def test_providers_that_share_a_cache_share_no_answer() -> None:
    cache = AnswerCache(seconds=60, clock=Time())
    one, two = Scripted(WHOLE), Scripted(WHOLE)
    await listen(cached(one, cache, "one"), MINE)
    await listen(cached(two, cache, "two"), MINE)
    assert (one.calls, two.calls, len(cache)) == (1, 1, 2)


async def test_nobodys_question_is_never_remembered() -> None:
    inner = Scripted(WHOLE, WHOLE)
    provider = cached(inner)
    for _ in range(2):
        await listen(provider, prompt())
    assert inner.calls == 2


@pytest.mark.parametrize("reason", ["stop", "tool_calls"])
async def test_tool_calls_are_remembered(reason: str) -> None:
    calls = [ToolCall(0, "c1", "look", ""), ToolCall(0, None, None, "{}")]
    inner = Scripted([calls, [Finished("complete", reason)]])
    provider = cached(inner)
    first = await listen(provider, MINE)
    again = await listen(provider, MINE)
    assert again.calls == first.calls == [ToolCall(0, "c1", "look", "{}")]
    assert (again.finish_reason, inner.calls) == (reason, 1)


@pytest.mark.parametrize(
    "script",
    [
        [[Delta("a"), Finished("complete", "length")]],
        [[Delta("a"), Finished("complete", "content_filter")]],
        [[Delta("a"), Finished("complete", None)]],
        [[Delta("a"), Finished("complete", "fallback_text")]],
        [[Delta("half")], [Restarted("again")], *WHOLE],
        [[Delta("half")], [Restarted("again"), Delta("whole"), END]],
        [[Delta("x" * (1024 * 1024)), Delta("x"), END]],
    ],
)
async def test_an_answer_that_may_be_another_next_time_is_not(
    script: Sequence[Sequence[ProviderEvent]],
) -> None:
    assert (await asked_twice(script)).calls == 2


async def test_an_answer_that_failed_or_was_left_is_not() -> None:
    inner = Scripted([*WHOLE[:2], UpstreamTruncated("cut")], [*WHOLE[:2], asyncio.Event()], WHOLE)
    provider = cached(inner)
    await listen(provider, MINE)
    reader = asyncio.create_task(listen(provider, MINE))
    await eventually(lambda: inner.open == 1)
    await cancel(reader)
    await listen(provider, MINE)
    assert (inner.calls, inner.open) == (3, 0)


async def test_one_that_its_server_keeps_has_marks_and_is_left_to_it() -> None:
    inner = Scripted([[Delta("a", mark="m1")], [END]], repeats=True, resumes=True)
    provider = cached(inner)
    for _ in range(2):
        assert (await listen(provider, MINE)).events == [Delta("a", mark="m1"), END]
    assert inner.calls == 2


async def test_a_long_answer_comes_in_pieces() -> None:
    text = "".join(f"t{n} " for n in range(20_000))
    inner = Scripted([[Delta(word)] for word in text.split(" ")] + [[END]])
    provider = cached(inner)
    first = await listen(provider, MINE)
    again = await listen(provider, MINE)
    assert again.text == first.text
    assert max(len(event.text) for event in again.events if isinstance(event, Delta)) <= 4096


class TestAnswerCache:
    def test_it_forgets_after_its_time(self) -> None:
        time = Time()
        cache = AnswerCache(seconds=10, clock=time)
        cache.put(b"a", [END])
        time.seconds = 9.9
        assert cache.get(b"a") == [END]
        time.seconds = 10
        assert cache.get(b"a") is None
        assert (len(cache), cache.bytes) == (0, 0)

    def test_a_thousand_answers_stay_in_bounds(self) -> None:
        cache = AnswerCache(seconds=10, clock=Time(), most_answers=100, most_bytes=50_000)
        for number in range(1000):
            cache.put(b"%d" % number, [Delta("x" * (number % 2000)), END])
            assert len(cache) <= 100
            assert cache.bytes <= 50_000
        assert cache.get(b"999") is not None
        assert cache.get(b"0") is None

    def test_what_is_asked_for_stays(self) -> None:
        cache = AnswerCache(seconds=10, clock=Time(), most_answers=3)
        for number in range(10):
            cache.put(b"%d" % number, [END])
            assert cache.get(b"0") == [END]

    def test_one_that_is_too_big_pushes_out_no_other(self) -> None:
        cache = AnswerCache(seconds=10, clock=Time(), most_bytes=1000)
        cache.put(b"small", [END])
        cache.put(b"big", [Delta("é" * 500), END])
        assert cache.get(b"small") == [END]
        assert cache.get(b"big") is None

    def test_another_answer_to_the_same_counts_once(self) -> None:
        cache = AnswerCache(seconds=10, clock=Time())
        for _ in range(3):
            cache.put(b"a", [Delta("abc"), END])
        size = cache.bytes
        cache.put(b"b", [Delta("abc"), END])
        assert cache.bytes == 2 * size
