"""Who is told by webhooks hears how each answer ends, once, whatever happens meanwhile."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.receiver import SECRET, Receiver, free_port, receiving
from tests.service import Service

pytestmark = pytest.mark.embedded


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def told(url: str, **settings: str) -> Mapping[str, str]:
    return {
        "LLMCHAT_WEBHOOK_URL": url,
        "LLMCHAT_WEBHOOK_SECRET": SECRET,
        "LLMCHAT_WEBHOOK_PRIVATE_ADDRESSES": "true",
        **settings,
    }


async def test_each_end_is_told_once_and_without_a_word_of_it(
    tmp_path: Path, receiver: Receiver
) -> None:
    nowhere = {"OPENAI_BASE_URL": f"http://127.0.0.1:{free_port()}/v1", "OPENAI_API_KEY": "x"}
    settings = told(receiver.url, LLM_MAX_RETRIES="1", **nowhere)
    async with Service(tmp_path, **settings).running() as service:
        async with service.client() as client:
            conversation = await client.conversation()
            done = await client.send(conversation, "the quick brown fox", model="demo/echo")
            await client.read(done.generation_id)
            extra = {"tokens": 100_000, "tokens_per_second": 50}
            stopped = await client.send(conversation, model="demo/story", params={"extra": extra})
            await client.stop(stopped.generation_id)
            lost = await client.send(conversation, model="openai/none")
            await client.read(lost.generation_id)
        messages = await asyncio.to_thread(receiver.until, 3)
    ends: dict[str, Any] = {it["data"]["generation_id"]: it for it in messages}
    assert {id: (it["type"], it["data"]["status"]) for id, it in ends.items()} == {
        done.generation_id: ("generation.finished", "complete"),
        stopped.generation_id: ("generation.finished", "stopped"),
        lost.generation_id: ("generation.failed", "failed"),
    }
    first = ends[done.generation_id]["data"]
    assert (first["conversation_id"], first["message_id"]) == (conversation, done.reply_id)
    assert first["usage"]["output_tokens"] > 0
    assert "quick" not in json.dumps(messages)


async def test_what_a_killed_process_could_not_tell_the_next_one_does(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answers = [(503, {})]
    service = Service(tmp_path, **told(receiver.url))
    async with service.running(), service.client() as client:
        conversation = await client.conversation()
        done = await client.send(conversation, model="demo/echo")
        await asyncio.to_thread(receiver.asked, 1)
        extra = {"tokens": 100_000, "tokens_per_second": 50}
        cut = await client.send(conversation, model="demo/story", params={"extra": extra})
        await service.kill()
        await service.start()
        messages = await asyncio.to_thread(receiver.until, 2)
    assert {it["data"]["generation_id"]: it["data"]["status"] for it in messages} == {
        done.generation_id: "complete",
        cut.generation_id: "interrupted",
    }


async def test_an_allowance_that_is_used_up_is_told_once(
    tmp_path: Path, receiver: Receiver
) -> None:
    settings = told(receiver.url, LLMCHAT_WEBHOOK_EVENTS="budget.reached")
    async with Service(tmp_path, **settings, LLMCHAT_TOKENS_PER_DAY="1000").running() as service:
        async with service.client() as client:
            too_much = {"prompt": "hi", "params": {"max_tokens": 2000}}
            assert (await client.http.post("/api/llm/generate", json=too_much)).status_code == 429
            asked = {"prompt": "a " * 15}
            while (await client.http.post("/api/llm/generate", json=asked)).status_code == 200:
                assert receiver.ids == []
            conversation = await client.conversation()
            for _ in range(3):
                refused = await client.try_send(conversation, "a " * 50)
                assert refused.status_code == 429
        (message,) = await asyncio.to_thread(receiver.until, 1)
    assert message["type"] == "budget.reached"
    assert {name: message["data"][name] for name in ("limit", "period", "key_id")} == {
        "limit": "tokens",
        "period": "day",
        "key_id": None,
    }
    assert receiver.ids == list(receiver.taken)
