"""The UI message stream, frame by frame; tests/clients/test_aisdk.py lets the client read it."""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from llmchat.domain import Role, Status
from llmchat.errors import Interrupted
from llmchat.events import Entry, Event
from llmchat.web.aisdk_frames import DONE as END
from llmchat.web.aisdk_frames import Encoder, stored_frames, ui_frames
from tests.web.golden_ui_streams import GOLDEN, STARTED, STEPS, USAGE, Golden, message


async def as_batches(batches: Sequence[Sequence[Event]]) -> AsyncGenerator[Sequence[Entry], None]:
    last = 0
    for events in batches:
        yield [Entry(last + place, last + place, event) for place, event in enumerate(events, 1)]
        last += len(events)


async def encoded(golden: Golden) -> bytes:
    encoder = Encoder("msg_1", {"conversationId": "conv_1"}, golden.before)
    return b"".join([frame async for frame in ui_frames(encoder, as_batches(golden.batches))])


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=GOLDEN)
async def test_a_log_becomes_this_stream(golden: Golden) -> None:
    # To make the files anew: golden.path.write_bytes(await encoded(golden))
    assert await encoded(golden) == golden.frames


async def test_silence_is_a_comment_and_a_server_that_stops_is_no_end() -> None:
    frames = [frame async for frame in ui_frames(Encoder("msg_1"), as_batches([[STARTED], []]))]
    assert frames[1] == b": heartbeat\n\n"
    assert json.loads(frames[-1].removeprefix(b"data: "))["type"] == "error"
    assert END not in b"".join(frames)


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (Status.COMPLETE, "finish"),
        (Status.STOPPED, "abort"),
        (Status.FAILED, "error"),
        (Status.INTERRUPTED, "error"),
    ],
)
async def test_an_answer_that_has_ended_is_shown_with_its_end(status: Status, end: str) -> None:
    problem = Interrupted("The server died.").problem() if end == "error" else None
    last = message(Role.ASSISTANT, "21 degrees.", status=status, error=problem, usage=USAGE)
    frames = b"".join([f async for f in stored_frames(Encoder("msg_0", {}, [*STEPS, last]))])
    *chunks, done = frames.decode().split("\n\n")[:-1]
    assert done == "data: [DONE]"
    types = [json.loads(chunk.removeprefix("data: "))["type"] for chunk in chunks]
    assert (types[0], types[-1]) == ("start", end)
    assert types.count("start-step") == types.count("finish-step") == 2
    assert types.count("tool-output-available") == 1


async def test_however_the_events_are_cut_the_chunks_are_the_same() -> None:
    events: list[Any] = [event for batch in GOLDEN["calls of tools"].batches for event in batch]
    at_once = list(Encoder("msg_1").chunks(events))
    one_by_one = Encoder("msg_1")
    assert [c for event in events for c in one_by_one.chunks([event])] == at_once
