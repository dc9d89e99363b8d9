"""Frames as clients read them, careless ones too."""

import json
from collections.abc import AsyncGenerator, Sequence

from llmchat.events import Delta, Entry, Failed, Finished, Started
from llmchat.problem import Problem
from llmchat.web.sse import generation_frames

ODD = 'one\u2028two\u2029three\u0085four\x0bfive\x1csix "seven" \\ 日本語 👩‍🚀'


async def framed(*batches: Sequence[Entry]) -> str:
    async def log() -> AsyncGenerator[Sequence[Entry], None]:
        for batch in batches:
            yield batch

    return b"".join([frame async for frame in generation_frames(log())]).decode()


async def test_a_frame_is_whole_for_who_splits_lines_wherever_unicode_can() -> None:
    text = await framed([Entry(1, 1, Delta(ODD))])
    data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert json.loads(data[0]) == {"offset": [1, 1], "channel": "answer", "text": ODD}


async def test_a_frame_names_its_event_its_offsets_and_the_cursor_to_come_back_with() -> None:
    text = await framed(
        [
            Entry(1, 1, Started("gen_1", "msg_1", "demo/echo", 1)),
            Entry(2, 9, Delta("hi", "reasoning")),
        ]
    )
    assert "\n\nid: 1\nevent: started\ndata: " in text
    assert (
        'id: 9\nevent: delta\ndata: {"offset":[2,9],"channel":"reasoning","text":"hi"}\n\n' in text
    )


async def test_silence_is_a_named_heartbeat_without_an_id() -> None:
    assert "event: heartbeat\ndata: {}\n\n" in await framed([])


async def test_who_is_sent_away_before_the_end_gets_a_hint_and_who_saw_it_none() -> None:
    sent_away = await framed([Entry(1, 1, Delta("hi"))])
    assert sent_away.count("retry: ") == 2
    finished = await framed([Entry(1, 1, Finished("complete", "stop"))])
    failed = await framed([Entry(1, 1, Failed("failed", Problem("t", "T", 503, "d")))])
    assert finished.count("retry: ") == failed.count("retry: ") == 1
