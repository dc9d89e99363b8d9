"""How likely tokens were: as the server said it, beside the text that they are of."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from llmchat.events import Delta, Finished, ToolCall, fold
from llmchat.events import Entry as At
from llmchat.providers.base import ProviderEvent
from llmchat.providers.continuing import Continuing
from llmchat.providers.openai_chunks import ChunkReader
from llmchat.providers.thinking import Thinking
from tests.providers.asking import Scripted, listen, prompt

STOP = Finished("complete", "stop")
A, B = {"token": "a", "logprob": -0.5}, {"token": "b\ud83d", "bytes": [98], "top_logprobs": []}


def chunk(delta: Any, logprobs: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": logprobs}
    return b"data: %b\n\n" % json.dumps({"choices": [choice]}).encode()


def read(*fed: bytes, hide_reasoning: bool = False, asked: bool = True) -> list[ProviderEvent]:
    reader = ChunkReader(hide_reasoning=hide_reasoning, with_logprobs=asked)
    events = [event for data in fed for event in reader.feed(data)]
    assert reader.error is None
    return events


def tokens_of(events: Sequence[ProviderEvent]) -> list[Any]:
    deltas = [At(at, at, e) for at, e in enumerate(events, 1) if isinstance(e, Delta | ToolCall)]
    logprobs = fold(deltas).logprobs
    if logprobs is not None:
        assert logprobs.isascii()
    found: list[Any] = json.loads(f"[{logprobs or ''}]")
    return found


def test_they_come_with_their_text_in_order() -> None:
    events = read(
        chunk({"content": "a"}, {"content": [A]}) + chunk({"content": "b"}, {"content": [B]}),
        chunk({"refusal": "no"}, {"content": None, "refusal": [A]}),
    )

    assert [e.text for e in events if isinstance(e, Delta)] == ["a", "b", "no"]
    assert all(isinstance(event, Delta) and event.logprobs for event in events)
    assert tokens_of(events) == [A, B, A]


def test_without_a_text_they_are_there_as_well() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    events = read(
        chunk({"content": "\ud83d"}, {"content": [B]}),
        chunk({"tool_calls": [call]}, {"content": [A]}),
        chunk({}, {"content": [A, B]}),
        chunk(None, {"content": [A]}),
    )

    assert tokens_of(events) == [B, A, A, B, A]
    assert "".join(e.text for e in events if isinstance(e, Delta)) == ""


def test_they_are_left_where_nobody_asked_for_them() -> None:
    assert read(chunk({"content": "a"}, {"content": [A]}), asked=False) == [Delta("a")]


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        {},
        1,
        "x",
        [A],
        {"content": None},
        {"content": 1},
        {"content": []},
        {"content": [1, "x"]},
    ],
    ids=repr,
)
def test_what_has_another_shape_is_left_out(logprobs: Any) -> None:
    assert read(chunk({"content": "a"}, logprobs)) == [Delta("a")]


def test_numbers_that_json_has_not_are_left_out() -> None:
    said = chunk({"content": "a"}, {"content": [{"token": "a", "logprob": float("-inf")}]})
    assert read(said) == [Delta("a")]


def test_who_skips_thinking_gets_none_of_it() -> None:
    events = read(
        chunk({"reasoning_content": "hm"}, {"content": [A]}),
        chunk({"content": "b"}, {"content": [B]}),
        hide_reasoning=True,
    )

    assert tokens_of(events) == [B]


def pieces_of(*texts: str) -> list[Delta]:
    return [Delta(text, logprobs=json.dumps({"token": text})) for text in texts]


async def test_they_survive_tags() -> None:
    pieces = pieces_of("<think>", "hm", "</", "think>", "yes", "!")
    scripted = Scripted([*([piece] for piece in pieces), [STOP]])
    heard = await listen(Thinking(scripted), prompt())

    assert (heard.reasoning, heard.text) == ("hm", "yes!")
    assert [token["token"] for token in tokens_of(heard.events)] == [p.text for p in pieces]


async def test_of_a_repetition_they_are_left_out_with_the_text() -> None:
    scripted = Scripted([*([piece] for piece in pieces_of("a", "bc", "d")), [STOP]], prefills=True)
    heard = await listen(Continuing(scripted), prompt(begun="ab"))

    assert heard.text == "cd"
    assert [token["token"] for token in tokens_of(heard.events)] == ["bc", "d"]
