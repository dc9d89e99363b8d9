"""A bounded number of answers at once, a fair queue, and no place that gets lost."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest

from llmchat.errors import ProviderBusy, UpstreamRateLimited, UpstreamUnavailable
from llmchat.events import Delta, Finished
from llmchat.ids import OwnerId
from llmchat.prompts import Prompt
from llmchat.providers.base import ProviderEvent
from llmchat.providers.limited import Limited
from llmchat.tasks import cancel
from tests.providers.asking import Heard, Script, Scripted, eventually, listen, prompt

END = Finished("complete", "stop")
WHOLE: Sequence[Sequence[ProviderEvent]] = [[Delta("all of it")], [END]]
LONG_SECONDS = 60.0


def limited(
    inner: Scripted, most: int = 1, *, queue_seconds: float = LONG_SECONDS, most_waiting: int = 1000
) -> Limited:
    return Limited(
        inner, most=most, queue_seconds=queue_seconds, where="it", most_waiting=most_waiting
    )


def asking(provider: Limited, count: int) -> list[asyncio.Task[Heard]]:
    return [asyncio.create_task(listen(provider, prompt(f"m{n}"))) for n in range(count)]


async def test_no_more_than_allowed_run_at_once_and_all_are_answered() -> None:
    goes = asyncio.Event()
    inner = Scripted([goes, *WHOLE], repeats=True)
    readers = asking(limited(inner, 3), 20)
    await eventually(lambda: inner.open == 3)
    assert inner.calls == 3
    goes.set()
    assert [(await reader).text for reader in readers] == ["all of it"] * 20
    assert (inner.calls, inner.open) == (20, 0)


async def test_first_come_first_served() -> None:
    goes = asyncio.Event()
    inner = Scripted([goes, *WHOLE], repeats=True)
    readers = asking(limited(inner), 10)
    await eventually(lambda: inner.open == 1)
    goes.set()
    await asyncio.gather(*readers)
    assert [asked.model for asked in inner.prompts] == [f"m{n}" for n in range(10)]


async def test_the_many_questions_of_one_caller_do_not_keep_anothers_waiting() -> None:
    goes = asyncio.Event()
    inner = Scripted([goes, *WHOLE], repeats=True)
    provider = limited(inner)
    readers = []
    for owner, count in (("ann", 6), ("bob", 2), ("eve", 1)):
        for number in range(count):
            asked = replace(prompt(f"{owner} {number}"), owner=OwnerId(owner))
            readers.append(asyncio.create_task(listen(provider, asked)))
    await eventually(lambda: inner.open == 1)
    # Whoever leaves takes no turn from the others.
    await cancel(readers[2])
    goes.set()
    await asyncio.gather(*readers, return_exceptions=True)
    assert [asked.model for asked in inner.prompts] == [
        *("ann 0", "ann 1", "bob 0", "eve 0", "ann 3", "bob 1", "ann 4", "ann 5")
    ]


async def test_what_is_in_the_background_makes_room_and_begins_again() -> None:
    endless = asyncio.Event()
    inner = Scripted([[Delta("A ti")], endless], WHOLE, WHOLE, [[Delta("A title")], [END]])
    provider = limited(inner)
    titles = replace(prompt("title"), background=True)
    title = asyncio.create_task(listen(provider, titles))
    await eventually(lambda: inner.open == 1)
    answers = await asyncio.gather(*asking(provider, 2))
    assert [answer.text for answer in answers] == ["all of it"] * 2
    assert [asked.model for asked in inner.prompts[:3]] == ["title", "m0", "m1"]
    assert ((await title).text, (await title).restarts) == ("A title", 1)
    assert inner.open == 0


class SlowToClose(Scripted):
    """One whose server takes its time to let go."""

    def __init__(self, *scripts: Script) -> None:
        super().__init__(*scripts)
        self.closes = asyncio.Event()

    async def stream(self, asked: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        try:
            async with aclosing(super().stream(asked)) as batches:
                async for batch in batches:
                    yield batch
        finally:
            await self.closes.wait()


async def test_no_place_is_lost_to_those_that_are_still_making_room() -> None:
    more, endless = asyncio.Event(), asyncio.Event()
    writing: Script = [[Delta("A ti")], more, [Delta("tle")], endless]
    inner = SlowToClose(writing, writing, WHOLE, WHOLE, WHOLE, WHOLE)
    provider = limited(inner, 2)
    titles = [replace(prompt("title"), background=True) for _ in range(2)]
    background = [asyncio.create_task(listen(provider, title)) for title in titles]
    await eventually(lambda: inner.open == 2)
    [first] = asking(provider, 1)
    await eventually(lambda: provider.waiting == 1)
    more.set()
    await eventually(lambda: inner.open == 0)
    [second] = asking(provider, 1)
    await eventually(lambda: provider.waiting == 2)
    inner.closes.set()
    assert [(await it).text for it in (first, second, *background)] == ["all of it"] * 4
    assert (provider.writing, provider.waiting) == (0, 0)


async def test_nobody_jumps_the_line_at_the_moment_of_a_change() -> None:
    inner = Scripted([[Delta("x")], [END]], repeats=True)
    provider = limited(inner)
    first = provider.stream(prompt("first"))
    await anext(first)
    [second] = asking(provider, 1)
    await asyncio.sleep(0)
    await first.aclose()
    # The place is given, and not yet taken.
    third = provider.stream(prompt("third"))
    assert await anext(third) == [Delta("x")]
    assert [asked.model for asked in inner.prompts] == ["first", "m0", "third"]
    await third.aclose()
    await second


async def test_whoever_leaves_the_line_gives_up_the_place_in_it() -> None:
    goes = asyncio.Event()
    inner = Scripted([goes, *WHOLE], repeats=True)
    provider = limited(inner)
    readers = asking(provider, 5)
    await eventually(lambda: inner.open == 1)
    for reader in readers[1:4]:
        await cancel(reader)
    goes.set()
    assert (await readers[4]).text == "all of it"
    assert inner.calls == 2


async def test_a_place_is_held_until_the_stream_is_closed() -> None:
    inner = Scripted([[Delta("x")], asyncio.Event()], WHOLE)
    provider = limited(inner)
    async with aclosing(provider.stream(prompt())) as batches:
        await anext(batches)
        [waiting] = asking(provider, 1)
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
    assert (await waiting).text == "all of it"


async def test_a_failure_gives_the_place_back() -> None:
    inner = Scripted([UpstreamUnavailable("gone")], WHOLE)
    provider = limited(inner)
    assert (await listen(provider, prompt())).error is not None
    assert (await listen(provider, prompt())).text == "all of it"


async def test_a_wait_that_is_too_long_ends_and_says_why() -> None:
    inner = Scripted([asyncio.Event()])
    provider = limited(inner, queue_seconds=0.05)
    [running] = asking(provider, 1)
    await eventually(lambda: inner.open == 1)
    error = (await listen(provider, prompt())).error
    assert isinstance(error, UpstreamRateLimited)
    assert error.detail == (
        "it writes 1 answers, no more at once are allowed (max_concurrency), and this one waited "
        "for 0.05 seconds. Try again later."
    )
    assert error.retry_after_seconds == 0.05
    assert inner.calls == 1
    await cancel(running)


async def test_a_full_line_takes_nobody_more() -> None:
    inner = Scripted([asyncio.Event()])
    provider = limited(inner, most_waiting=2)
    readers = asking(provider, 3)
    await eventually(lambda: inner.open == 1)
    error = (await listen(provider, prompt())).error
    assert isinstance(error, ProviderBusy)
    assert "2 more wait already" in error.detail
    for reader in readers:
        await cancel(reader)


@pytest.mark.parametrize("most", [1, 3])
async def test_a_storm_of_leavers_loses_no_place(most: int, chaos: random.Random) -> None:
    inner = Scripted([[Delta("x")], [Delta("y")], [END]], repeats=True)
    provider = limited(inner, most, queue_seconds=0.02)

    async def ask() -> None:
        for _ in range(chaos.randint(0, 3)):
            await asyncio.sleep(0)
        owner, behind = OwnerId(chaos.choice("abc")), chaos.random() < 0.3
        asked = replace(prompt(), owner=owner, background=behind)
        async with aclosing(provider.stream(asked)) as batches:
            async for _ in batches:
                assert inner.open <= most
                for _ in range(chaos.randint(0, 3)):
                    await asyncio.sleep(0)

    for _ in range(40):
        readers = [asyncio.create_task(ask()) for _ in range(10)]
        for _ in range(chaos.randint(0, 12)):
            await asyncio.sleep(0)
        for reader in chaos.sample(readers, 5):
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    held = [provider.stream(prompt()) for _ in range(most)]
    for stream in held:
        assert await anext(stream) == [Delta("x")]
    assert inner.open == most
    assert isinstance((await listen(provider, prompt())).error, ProviderBusy)
    for stream in held:
        await stream.aclose()
