"""The chunks of a streamed chat completion, event by event, as they stand in openai_frames/."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from llmchat.events import (
    Delta,
    Entry,
    Event,
    Failed,
    Finished,
    Reset,
    Started,
    ToolCall,
    Usage,
)
from llmchat.problem import Problem
from llmchat.web.openai.chunks import Chunks
from llmchat.web.openai.completion import completion_json
from llmchat.web.openai.frames import Head
from llmchat.web.openai.text_chunks import TextChunks

GOLDEN = Path(__file__).with_name("openai_frames")
TEXT_GOLDEN = Path(__file__).with_name("openai_text_frames")
HEAD = Head("chatcmpl-8Dm", "demo/echo", 1795250589)
BEGUN = Started("gen_8Dm", "", "demo/echo", 1)
USAGE = Usage(4, 6, reasoning_tokens=2, cached_tokens=1)
DONE = Finished("complete", "stop", USAGE)
FAILED = Problem("upstream_timeout", "T", 504, "The model sent no token for 60 seconds.")
LOGS: Mapping[str, Sequence[Event]] = {
    "text": [BEGUN, Delta("Hel"), Delta("lo\u2028\u0085"), Delta(""), DONE],
    "reasoning": [BEGUN, Delta("why", "reasoning"), Delta("because"), DONE],
    "logprobs": [
        BEGUN,
        Delta("hm", "reasoning", logprobs='{"token":"hm"}'),
        Delta("Hel", logprobs='{"token":"H"},{"token":"el\\ud83d"}'),
        Delta("", logprobs='{"token":""}'),
        Reset(2, "crash", "Hello"),
        Delta("!"),
        DONE,
    ],
    "tools": [
        BEGUN,
        ToolCall(0, "call_a", "weather", ""),
        ToolCall(0, None, None, '{"city":'),
        ToolCall(0, None, None, '"Bern"}'),
        ToolCall(1, "call_a", "clock", "{}"),
        ToolCall(2, None, None, "{}"),
        DONE,
    ],
    "length": [BEGUN, Delta("Hel"), Finished("complete", "length")],
    "stopped": [BEGUN, Delta("Hel"), Finished("stopped", "stopped")],
    "failed": [BEGUN, Delta("Hel"), Failed("failed", FAILED), Delta("never")],
    "reset-before-text": [BEGUN, Delta("hm", "reasoning"), Reset(2, "x", ""), Delta("Hi"), DONE],
    "reset-goes-on": [BEGUN, Delta("Hel"), Reset(2, "crash", "Hello"), Delta("!"), DONE],
    "reset-replaces": [BEGUN, Delta("Hel"), Reset(2, "fallback", ""), Delta("Bye"), DONE],
    "reset-of-calls": [BEGUN, ToolCall(0, "call_a", "x", ""), Reset(2, "fallback", ""), DONE],
}


def framed(events: Sequence[Event], *, with_usage: bool = False) -> bytes:
    chunks = Chunks(HEAD, with_usage=with_usage)
    return b"".join(chunks.frames([Entry(at, at, event)]) for at, event in enumerate(events, 1))


def framed_text(events: Sequence[Event], *, with_usage: bool = False) -> bytes:
    chunks = TextChunks(HEAD, with_usage=with_usage)
    return b"".join(chunks.frames([Entry(at, at, event)]) for at, event in enumerate(events, 1))


def data_of(frames: bytes) -> list[Any]:
    lines = [line for line in frames.decode().splitlines() if line]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line[6:]) for line in lines if line != "data: [DONE]"]


@pytest.mark.parametrize("with_usage", [False, True], ids=["plain", "with-usage"])
@pytest.mark.parametrize("name", LOGS)
def test_a_log_as_chunks(name: str, with_usage: bool, pytestconfig: pytest.Config) -> None:
    frames = framed(LOGS[name], with_usage=with_usage)
    golden = GOLDEN / f"{name}{'-with-usage' if with_usage else ''}.sse"

    assert frames == golden.read_bytes()


@pytest.mark.parametrize("with_usage", [False, True], ids=["plain", "with-usage"])
@pytest.mark.parametrize("name", LOGS)
def test_a_log_as_chunks_of_a_text(name: str, with_usage: bool) -> None:
    golden = TEXT_GOLDEN / f"{name}{'-with-usage' if with_usage else ''}.sse"

    assert framed_text(LOGS[name], with_usage=with_usage) == golden.read_bytes()


@pytest.mark.parametrize("name", LOGS)
def test_a_text_says_what_the_chat_says_as_its_answer(name: str) -> None:
    chat = [choice for chunk in data_of(framed(LOGS[name])) for choice in chunk.get("choices", ())]
    text = [c for chunk in data_of(framed_text(LOGS[name])) for c in chunk.get("choices", ())]
    said = "".join(choice["delta"].get("content") or "" for choice in chat)

    if name != "reset-of-calls":
        assert "".join(choice["text"] for choice in text) == said


@pytest.mark.parametrize("name", LOGS)
def test_however_a_log_is_cut_it_is_the_same(name: str) -> None:
    entries = [Entry(at, at, event) for at, event in enumerate(LOGS[name], 1)]

    assert Chunks(HEAD, with_usage=True).frames(entries) == framed(LOGS[name], with_usage=True)


def test_a_whole_answer_ends_with_done_and_a_broken_one_does_not() -> None:
    whole = {name for name, log in LOGS.items() if framed(log).endswith(b"data: [DONE]\n\n")}

    assert whole == {
        *("text", "reasoning", "logprobs", "tools", "length", "stopped"),
        *("reset-before-text", "reset-goes-on"),
    }


def test_the_text_is_whole_for_who_splits_lines_wherever_unicode_can() -> None:
    chunks = data_of(framed(LOGS["text"]))

    texts = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert "".join(texts) == "Hello\u2028\u0085"


def test_each_call_has_an_id_of_its_own() -> None:
    chunks = data_of(framed(LOGS["tools"]))
    calls = [call for c in chunks for call in c["choices"][0]["delta"].get("tool_calls", [])]

    ids = [call["id"] for call in calls if "id" in call]
    assert ids == ["call_a", "call_8Dm_1", "call_8Dm_2"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_stream_that_ends_before_its_answer_says_so() -> None:
    [error] = data_of(Chunks(HEAD, with_usage=False).broken_off())

    assert error["error"]["code"] == "broken_off"


def test_a_whole_completion() -> None:
    completion = completion_json(
        id=HEAD.id,
        model=HEAD.model,
        created=HEAD.created,
        text="",
        reasoning="hm",
        tool_calls=[ToolCall(0, "call_a", "weather", "{}")],
        finish_reason="stop",
        usage=USAGE,
    )

    [choice] = completion["choices"]
    function = {"name": "weather", "arguments": "{}"}
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "reasoning_content": "hm",
        "tool_calls": [{"id": "call_a", "type": "function", "function": function}],
    }
    assert completion["usage"]["total_tokens"] == 10
