"""A provider that begins anew: the log says so, and its message is what the last attempt wrote."""

import asyncio
from collections.abc import Sequence

import pytest

from llmchat.chat.clocks import Clocks
from llmchat.chat.flow import Flow
from llmchat.events import Delta, Event, Finished, Reset, Started, ToolCall, Transcript, fold
from llmchat.ids import GenerationId
from llmchat.providers.base import Restarted
from llmchat.tokenlog.memory import MemoryTokenLog
from tests.providers.asking import Script, Scripted, prompt

ID = GenerationId("gen_1")
STARTED = Started(ID, "msg_1", "route/smart", 1)
END = Finished("complete", "stop", model="b/x")
PATIENT = Clocks(first_token_seconds=60, token_gap_seconds=60, generation_seconds=60)
AGAIN = Restarted("a/x broke off")


async def log_of(script: Script, clocks: Clocks = PATIENT) -> tuple[Sequence[Event], Transcript]:
    """The events that a flow of this script leaves, and what they say."""
    log = MemoryTokenLog(asyncio.get_running_loop().time)
    await log.append(ID, [STARTED], at=1)
    flow = Flow(log, ID, said=Transcript(last=1), clocks=clocks, keeps_text=True)
    ending = await flow.run(Scripted(script).stream(prompt()))
    entries = await log.snapshot(ID)
    transcript = fold(entries)
    transcript.terminal = ending
    kept = flow.checkpoint()
    assert (kept.last, kept.answer, kept.reasoning) == (
        transcript.last,
        transcript.answer,
        transcript.reasoning,
    )
    return [entry.event for entry in entries], transcript


@pytest.mark.parametrize(
    "script",
    [
        [[Delta("half ")], [AGAIN], [Delta("whole"), END]],
        [[Delta("half ")], [AGAIN, Delta("whole"), END]],
        [[Delta("half "), AGAIN, Delta("whole")], [END]],
        [[Delta("hm", "reasoning"), ToolCall(0, "c", "f", "")], [AGAIN], [Delta("whole"), END]],
    ],
)
async def test_what_came_before_is_void(script: Script) -> None:
    events, transcript = await log_of(script)
    assert Reset(2, "a/x broke off", "") in events
    assert (transcript.answer, transcript.reasoning, transcript.tool_calls) == ("whole", "", [])
    assert (transcript.attempt, transcript.terminal) == (2, END)


async def test_each_restart_is_the_next_attempt() -> None:
    script: Script = [[Delta("1")], [AGAIN], [Delta("2")], [AGAIN], [Delta("3"), END]]
    events, transcript = await log_of(script)
    assert [event.attempt for event in events if isinstance(event, Reset)] == [2, 3]
    assert (transcript.answer, transcript.attempt) == ("3", 3)


async def test_void_text_does_not_count_towards_the_bound() -> None:
    most = "x" * (4 * 1024 * 1024)
    _, transcript = await log_of([[Delta(most)], [AGAIN, Delta(most)], [END]])
    assert (len(transcript.answer), transcript.terminal) == (len(most), END)


async def test_the_clock_of_the_first_token_begins_anew() -> None:
    """The gap between two tokens would be over long before the next model's first one."""
    late = asyncio.Event()
    clocks = Clocks(first_token_seconds=60, token_gap_seconds=0.05, generation_seconds=60)
    asyncio.get_running_loop().call_later(0.2, late.set)
    _, transcript = await log_of([[Delta("half ")], [AGAIN], late, [Delta("whole"), END]], clocks)
    assert (transcript.answer, transcript.terminal) == ("whole", END)
