"""When its writers are let go."""

import asyncio

from llmchat.events import Delta, Finished, Started
from llmchat.ids import GenerationId
from llmchat.tokenlog.crowded import _LIVE_AT_EASE, CrowdedTokenLog
from llmchat.tokenlog.memory import MemoryTokenLog

MANY = _LIVE_AT_EASE + 1


async def begun(count: int) -> CrowdedTokenLog:
    log = CrowdedTokenLog(MemoryTokenLog())
    for number in range(count):
        id = GenerationId(f"gen_{number}")
        await log.append(id, [Started(id, "", "demo/echo", 1)], at=1)
        await log.append(id, [Delta("first")], at=2)
    return log


async def is_held(log: CrowdedTokenLog, id: str = "gen_0") -> bool:
    """Whether a writer waits behind an append; what it appended is there in any case."""
    writing = asyncio.create_task(log.append(GenerationId(id), [Delta("x")], at=3))
    await asyncio.sleep(0)
    held = not writing.done()
    assert (await log.head(GenerationId(id))).last == 3
    await writing
    return held


async def test_a_few_are_let_go_at_once_and_many_a_little_later() -> None:
    assert not await is_held(await begun(_LIVE_AT_EASE))
    assert await is_held(await begun(MANY))


async def test_those_that_have_ended_are_no_crowd() -> None:
    log = await begun(MANY)
    await log.append(GenerationId("gen_1"), [Finished("complete", "stop")], at=3)
    assert not await is_held(log)

    log = await begun(MANY)
    await log.delete([GenerationId("gen_1")])
    assert not await is_held(log)


async def test_one_that_is_cancelled_leaves_the_others_alone() -> None:
    log = await begun(MANY)
    cancelled, other = (
        asyncio.create_task(log.append(GenerationId(f"gen_{n}"), [Delta("x")], at=3))
        for n in range(2)
    )
    await asyncio.sleep(0)
    cancelled.cancel()
    await other

    assert cancelled.cancelled()
