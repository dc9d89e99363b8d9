"""P22: whatever happens to answers, what is metered is what the model's server has in its books."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from llmchat.mock.ledger import RequestRecord
from tests.client import Client, Json, Sent
from tests.service import Service
from tests.upstream import Upstream, mock_model, mock_upstream

ROUNDS_OF_OTHERS = 5
GENERATIONS = 12
READERS = 3
CROWD = 100
MOST_SECONDS_ALIVE = 0.4
PRICES = """
[prices."openai/*"]
input = 3
output = 15

[routes.safe]
models = ["openai/{cut}", "openai/{whole}"]
"""


def models(dice: random.Random) -> Sequence[str]:
    """Of each generation of a round: whole, slow, failing, failing at first, a route."""
    return dice.choices(
        [
            f"openai/{mock_model(tokens=30)}",
            f"openai/{mock_model(tokens=300, rate=100)}",
            f"openai/{mock_model(tokens=40, reasoning=10)}",
            f"openai/{mock_model(tokens=20, fail='cut', after=7)}",
            f"openai/{mock_model(tokens=25, fail='503', fail_times=1)}",
            f"openai/{mock_model(tokens=25, fail='429', fail_times=2)}",
            "route/safe",
        ],
        k=GENERATIONS,
    )


async def one(client: Client, model: str) -> None:
    """Sent twice with one key, read by several, and again when it has ended."""
    conversation = await client.conversation()
    first, again = [
        await client.send(conversation, "tell me", key=conversation, model=model) for _ in "ab"
    ]
    assert again.generation_id == first.generation_id
    readers = [client.reader(first.generation_id) for _ in range(READERS)]
    await asyncio.gather(*(reader.read_to_end() for reader in readers))
    await client.read(first.generation_id)


async def usage(client: Client, **query: str) -> Json:
    answer = await client.http.get("/api/usage", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def total(client: Client) -> Json:
    return dict((await usage(client))["total"])


@pytest.fixture
def rounds(chaos_rounds: int) -> int:
    """One of these has what a few of another chaos test have."""
    return max(1, chaos_rounds // ROUNDS_OF_OTHERS)


async def test_usage_is_what_the_server_has_in_its_books(
    tmp_path: Path, chaos: random.Random, rounds: int
) -> None:
    """To the token: whole answers, failed first attempts, retries, resends, readers, replays."""
    async with serving(tmp_path) as (service, upstream), service.client() as client:
        for _ in range(rounds):
            chosen = [it for it in models(chaos) if "cut" not in it and it != "route/safe"]
            await asyncio.gather(*(one(client, model) for model in chosen))
            for _ in range(3):
                await plain_call(client)
        asked, answered = books(upstream.completions)
        metered = await total(client)

    assert (metered["input_tokens"], metered["output_tokens"]) == (asked, answered)
    assert not metered["estimated"]
    assert metered["cost_usd"] == pytest.approx(asked * 3e-6 + answered * 15e-6, abs=1e-12)


async def test_every_answer_is_there_once_whatever_became_of_it(
    tmp_path: Path, chaos: random.Random, rounds: int
) -> None:
    """Stops, kills, servers that break off, routes, and a hundred readers at once, over all that
    and again behind it. What no server said is counted, and says so."""
    sent: dict[str, Sent] = {}
    async with serving(tmp_path) as (service, upstream):
        for _ in range(max(1, rounds // 2)):
            sent |= await round_with_a_kill(service, chaos)
        async with service.client() as client:
            ended = [await client.generation(it.generation_id) for it in sent.values()]
            once = await total(client)
            again = [*sent.values()] * (CROWD // len(sent) + 1)
            await asyncio.gather(*(client.read(it.generation_id) for it in again))
            assert await total(client) == once
            found = await usage(client, group_by="conversation")
        records = [(question_of(it), it) for it in upstream.completions]

    assert once["generations"] == len(sent)
    assert {it["status"] for it in ended} <= {"complete", "stopped", "failed", "interrupted"}
    assert all(it["usage"] is not None for it in ended)
    sums = {item["conversation_id"]: item for item in found["items"]}
    assert len(sums) == len(sent)
    for question, it in sent.items():
        summed = sums[it.message["conversation_id"]]
        if not summed["estimated"]:
            its = [record for asked, record in records if asked == question]
            assert (summed["input_tokens"], summed["output_tokens"]) == books(its), question


def question_of(record: RequestRecord) -> str:
    return str(record.body["messages"][-1]["content"])


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[Service, Upstream]]:
    """A service with prices, and a route whose first model breaks off."""
    cut, whole = mock_model(tokens=20, fail="cut", after=7), mock_model(tokens=30)
    config = folder / "llmchat.toml"
    config.write_text(PRICES.format(cut=cut, whole=whole))
    async with mock_upstream() as upstream:
        settings = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "sk-test"}
        service = Service(folder, **settings, LLMCHAT_CONFIG=str(config))
        async with service.running():
            yield service, upstream


async def plain_call(client: Client) -> None:
    body = {"prompt": "just this once", "model": f"openai/{mock_model(tokens=9)}"}
    answer = await client.http.post("/api/llm/generate", json=body)
    assert answer.status_code == 200, answer.text


async def round_with_a_kill(service: Service, dice: random.Random) -> dict[str, Sent]:
    """By their questions, which no two have in common."""
    sent: dict[str, Sent] = {}
    async with service.client() as client:
        for model in models(dice):
            question = f"tell me a story about {dice.random()}"
            conversation = await client.conversation()
            sent[question] = await client.send(conversation, question, model=model)
        crowd = [client.reader(dice.choice([*sent.values()]).generation_id) for _ in range(CROWD)]
        reading = [asyncio.create_task(reader.read_on()) for reader in crowd]
        for it in dice.sample(list(sent.values()), GENERATIONS // 3):
            await client.stop(it.generation_id)
        await asyncio.sleep(dice.uniform(0, MOST_SECONDS_ALIVE))
        await service.kill()
        await asyncio.gather(*reading)
        await service.start()
        await asyncio.gather(*(reader.read_to_end() for reader in crowd))
    shown = {(reader.generation_id, reader.text) for reader in crowd}
    assert len(shown) == len({reader.generation_id for reader in crowd})
    return sent


def books(records: Sequence[RequestRecord]) -> tuple[int, int]:
    """What a whole answer was asked and has sent; who was refused was sent nothing."""
    return sum(it.tokens_asked for it in records), sum(it.tokens_sent for it in records)
