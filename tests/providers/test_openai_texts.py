"""Every server's own place for what its model thinks, as those servers send it."""

import asyncio
from typing import Any

import orjson
import pytest

from llmchat.domain import Params
from llmchat.errors import UpstreamMalformed
from llmchat.events import Delta, Finished
from llmchat.providers.thinking import Thinking
from tests.providers.asking import Heard, listen, openai_at, prompt
from tests.providers.wire import DONE, JSON, delta, finish, http, wire
from tests.raw_http import PATIENCE_SECONDS

GOOGLE = {"extra_content": {"google": {"thought": True}}}


def detail(text: str) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}


def part(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], "closed": True}


SERVERS: dict[str, list[dict[str, Any]]] = {
    "DeepSeek, llama.cpp, xAI": [
        {"role": "assistant", "content": None, "reasoning_content": "hm "},
        {"content": None, "reasoning_content": "so"},
        {"content": "yes", "reasoning_content": None},
    ],
    "Groq, Together, Ollama": [
        {"content": "", "reasoning": "hm ", "channel": "analysis"},
        {"content": "", "reasoning": "so"},
        {"content": "yes"},
    ],
    "vLLM between its two names": [
        {"reasoning": "hm ", "reasoning_content": "hm "},
        {"reasoning": "so", "reasoning_content": "so"},
        {"content": "yes"},
    ],
    "OpenRouter": [
        {"content": "", "reasoning": "hm ", "reasoning_details": [detail("hm ")]},
        {"content": "", "reasoning": "so", "reasoning_details": [detail("so")]},
        {"content": "yes", "reasoning": None, "reasoning_details": []},
    ],
    "OpenRouter, details only": [
        {"content": "", "reasoning": None, "reasoning_details": [detail("hm ")]},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "so"}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x9"}]},
        {"content": "yes", "reasoning_details": [{"type": "reasoning.text", "signature": "x"}]},
    ],
    "Mistral": [
        {"content": [part("hm ")]},
        {"content": [part("so"), {"type": "text", "text": "y"}]},
        {"content": [{"type": "text", "text": "es"}, {"type": "reference", "reference_ids": [1]}]},
    ],
    "Mistral, plainly": [
        {"content": [{"type": "thinking", "thinking": "hm so"}, {"type": "text", "text": "yes"}]},
        {"content": []},
    ],
    "Gemini": [
        {"content": "<thought>hm ", **GOOGLE},
        {"content": "so", **GOOGLE},
        {"content": "</thought>yes"},
    ],
    "Qwen with no parser for it": [
        {"content": "<thi"}, {"content": "nk>\nhm "}, {"content": "so\n</think"},
        {"content": ">\n\nyes"},
    ],
}  # fmt: skip


def stream(deltas: list[dict[str, Any]]) -> bytes:
    return http("".join(delta(**members) for members in deltas) + finish() + DONE)


async def hear(answer: bytes, params: Params | None = None) -> Heard:
    async with wire(answer) as upstream:
        provider = openai_at(upstream.base_url)
        heard = await listen(Thinking(provider), prompt(params=params))
        await provider.aclose()
    return heard


@pytest.mark.parametrize("server", SERVERS)
async def test_what_it_thinks_has_its_channel_and_comes_once(server: str) -> None:
    heard = await hear(stream(SERVERS[server]))

    assert (heard.reasoning, heard.text) == ("hm so", "yes")
    assert heard.finished == Finished("complete", "stop")


@pytest.mark.parametrize("server", SERVERS)
async def test_and_it_is_left_out_when_nobody_wants_it(server: str) -> None:
    heard = await hear(stream(SERVERS[server]), Params(skip_thinking=True))

    assert (heard.reasoning, heard.text) == ("", "yes")
    assert heard.finished == Finished("complete", "stop")


@pytest.mark.parametrize(
    "message",
    [
        {"content": "yes", "reasoning_content": "hm so"},
        {"content": "yes", "reasoning": "hm so", "reasoning_details": [detail("hm so")]},
        {"content": "yes", "reasoning_details": [detail("hm "), detail("so")]},
        {"content": [part("hm so"), {"type": "text", "text": "yes"}]},
        {"content": "<thought>hm so</thought>yes", **GOOGLE},
        {"content": "<think>\nhm so\n</think>\n\nyes"},
    ],
    ids=str,
)
async def test_a_whole_answer_has_it_in_the_same_places(message: dict[str, Any]) -> None:
    choice = {"message": message, "finish_reason": "stop"}
    heard = await hear(http(orjson.dumps({"choices": [choice]}), content_type=JSON))

    assert (heard.reasoning, heard.text) == ("hm so", "yes")


async def test_reasoning_that_is_hidden_shows_that_the_model_works() -> None:
    async with wire(http(delta(reasoning="hm ")), then_close=False) as upstream:
        provider = openai_at(upstream.base_url)
        batches = provider.stream(prompt(params=Params(skip_thinking=True)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            first = await anext(batches)
        await batches.aclose()
        await provider.aclose()

    assert first == []


@pytest.mark.parametrize(
    "members",
    [
        {"content": [1]},
        {"content": {"type": "text"}},
        {"content": [{"type": "text", "text": 1}]},
        {"content": [{"type": "thinking", "thinking": [1]}]},
        {"content": [{"type": "thinking", "thinking": {"a": 1}}]},
        {"reasoning": 1},
        {"reasoning_details": ["x"]},
        {"reasoning_details": 1},
        {"reasoning_details": [{"text": [1]}]},
    ],
    ids=str,
)
async def test_what_is_in_such_a_place_and_no_text_is_no_chunk(members: dict[str, Any]) -> None:
    heard = await hear(stream([{"content": "one"}, members]))

    assert isinstance(heard.error, UpstreamMalformed)
    assert heard.events == [Delta("one")]
