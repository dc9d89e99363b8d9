"""Streams that are spelt oddly and yet say the whole answer."""

import re

import pytest

from llmchat.mock.quirks import QUIRKS
from tests.raw_http import ask
from tests.upstream import Upstream, answer_text, mock_model

SPELLINGS = {
    "split-utf8": "é漢😀".encode(),
    "surrogates": rb"\ud83d\ude00",
    "u2028": "\u2028\u0085".encode(),
    "nul": rb"\u0000",
    "crlf": b"}\r\n\r\n",
    "cr-only": b"}\r\r",
    "no-space": b"data:{",
    "multi-data": b",\ndata: ",
    "bom": b"\xef\xbb\xbfdata",
    "wrong-content-type": b"data: ",
    "usage-null-choices": b'"choices":null,"usage":{"prompt_tokens":2,',
    "usage-in-finish": b'"finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":2,',
}


def test_every_quirk_is_tested() -> None:
    elsewhere = {"no-done", "done-only", "tool-calls", "reasoning-field"}
    assert set(QUIRKS) == {*SPELLINGS, *elsewhere}


@pytest.mark.parametrize("kind", SPELLINGS)
@pytest.mark.parametrize("split", [0, 1, 7])
async def test_a_quirk_keeps_the_answer_whole(upstream: Upstream, kind: str, split: int) -> None:
    reply = await ask(upstream.base_url, mock_model(tokens=8, fail=kind, split=split))

    assert SPELLINGS[kind] in reply.body
    assert reply.text == answer_text(tokens=8, fail=kind)
    assert re.findall(r"t(\d+)", reply.text) == [str(number) for number in range(8)]
    assert (reply.finish_reason, reply.done, reply.complete) == ("stop", True, True)
    wrong = kind == "wrong-content-type"
    assert reply.headers["content-type"].startswith("text/plain" if wrong else "text/event-stream")


async def test_split_utf8_cuts_inside_every_character(upstream: Upstream) -> None:
    reply = await ask(upstream.base_url, mock_model(tokens=1, fail="split-utf8"))

    broken = [chunk for chunk in reply.chunks if not decodes(chunk)]
    assert [chunk[-1:] for chunk in broken[:3]] == [b"\xc3", b"\xe6", b"\xf0"]


def decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


async def test_surrogates_come_as_pairs_in_halves_and_alone(upstream: Upstream) -> None:
    reply = await ask(upstream.base_url, mock_model(tokens=4, fail="surrogates"))

    contents = [choice["delta"].get("content") for choice in reply.choices]
    assert contents[1:5] == ["t0 😀 ", "t1 \ud83d", "\ude00 t2 ", "t3 \ud800 "]
    assert reply.text == "t0 😀 t1 😀 t2 t3 \ufffd "


async def test_the_ends_that_are_only_half_an_end(upstream: Upstream) -> None:
    no_done = await ask(upstream.base_url, mock_model(tokens=2, fail="no-done"))
    done_only = await ask(upstream.base_url, mock_model(tokens=2, fail="done-only"))

    assert (no_done.finish_reason, no_done.done) == ("stop", False)
    assert (done_only.finish_reason, done_only.done) == (None, True)
    assert no_done.text == done_only.text == answer_text(tokens=2)


async def test_reasoning_under_its_other_name(upstream: Upstream) -> None:
    reply = await ask(upstream.base_url, mock_model(tokens=1, reasoning=1, fail="reasoning-field"))

    assert reply.choices[1]["delta"] == {"reasoning": "r0 "}
