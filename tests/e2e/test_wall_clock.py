"""P17: somebody sets the machine's clock, by an hour and back, and nobody notices."""

import asyncio
import json
from datetime import datetime, timedelta
from itertools import count, pairwise
from pathlib import Path

import pytest

from tests.client import Client
from tests.e2e.conftest import upstream_settings
from tests.service import Service
from tests.upstream import Upstream, answer_text, mock_model, mock_upstream

HOUR_LASTS_SECONDS = 3
PAUSE_SECONDS = 0.2
LIMITS: dict[str, str | float] = {
    # Shorter than the jump, or so short that they are looked at more than once during the answer.
    "LLMCHAT_LEASE_SECONDS": 2,
    "LLMCHAT_TOKEN_GAP_SECONDS": 30,
    "LLMCHAT_GENERATION_SECONDS": 600,
    "LLMCHAT_LOG_RETENTION_SECONDS": 1800,
}


@pytest.fixture
def library() -> Path:
    """Debian's libfaketime."""
    found = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if found is None:
        pytest.skip("libfaketime is missing: apt-get install libfaketime")
    return found


def jumping_clock(library: Path, after_seconds: float) -> dict[str, str | float]:
    """The environment of a process whose wall clock goes an hour forward and then back, counted
    from its start; its monotonic clock goes on as it was."""
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": "+3600",
        "FAKETIME_START_AFTER_SECONDS": round(after_seconds),
        "FAKETIME_STOP_AFTER_SECONDS": round(after_seconds + HOUR_LASTS_SECONDS),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


async def seconds_to_start(folder: Path) -> float:
    """How long this machine takes for it, today."""
    begun = asyncio.get_running_loop().time()
    async with Service(folder).running():
        return asyncio.get_running_loop().time() - begun


def jumps(service: Service) -> list[int]:
    """The hours between one line of the log and the next, as the service itself saw them."""
    lines = [line for line in service.log.splitlines() if line.startswith("{")]
    times = [datetime.fromisoformat(json.loads(line)["timestamp"]) for line in lines]
    hours = [round((other - one) / timedelta(hours=1)) for one, other in pairwise(times)]
    return [hour for hour in hours if hour]


async def ask(client: Client, conversation: str, question: str) -> str:
    """Its generation's id."""
    params = {"extra": {"tokens_per_second": 0}}
    sent = await client.send(conversation, question, model="demo/echo", params=params)
    reader = await client.read(sent.generation_id)
    assert (reader.status, reader.text) == ("complete", f"You said: {question}")
    return sent.generation_id


async def ask_while_it_jumps(
    client: Client, service: Service, conversation: str, until: float
) -> list[str]:
    """One question after another: before, between and after the jumps."""
    asked: list[str] = []
    while asyncio.get_running_loop().time() < until and -1 not in jumps(service):
        asked.append(await ask(client, conversation, f"question {len(asked)}"))
        await asyncio.sleep(PAUSE_SECONDS)
    return asked


async def live_through_an_hour(
    library: Path, folder: Path, upstream: Upstream, after_seconds: float
) -> bool:
    """Whether the service saw both jumps while it was writing; then all must be as ever. On a busy
    machine it may have been ready only after the first one, and then nothing was tested."""
    settings = upstream_settings(upstream) | LIMITS | jumping_clock(library, after_seconds)
    over_at = asyncio.get_running_loop().time() + after_seconds + HOUR_LASTS_SECONDS + 2
    async with Service(folder, **settings).running() as service, service.client() as client:
        model = f"openai/{mock_model(tokens=100_000, rate=50)}"
        sent = await client.send(await client.conversation(title="first"), model=model)
        conversation = await client.conversation(title="second")
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(client.read(sent.generation_id))
            asked = await ask_while_it_jumps(client, service, conversation, over_at)
            await client.conversation(title="third")
            assert not reading.done()
            await client.stop(sent.generation_id)
        reader = reading.result()

        assert reader.status == "stopped"
        assert answer_text(tokens=10_000).startswith(reader.text)
        questions = [m["content"] for m in (await client.messages(conversation))[::2]]
        assert questions == [f"question {number}" for number in range(len(asked))]
        assert asked == sorted(asked)
        generations = [await client.generation(id_) for id_ in asked]
        for one, other in pairwise(generations):
            assert one["ended_at"] <= other["started_at"]
        for id_ in asked:
            assert (await client.read(id_)).status == "complete"
        page = (await client.http.get("/api/conversations", params={"limit": "3"})).json()
        assert [item["title"] for item in page["items"]] == ["third", "second", "first"]
        return jumps(service) == [1, -1]


async def test_a_jump_of_the_wall_clock_changes_no_order_lease_limit_or_stream(
    library: Path, tmp_path: Path
) -> None:
    after_seconds = 2 + 2 * await seconds_to_start(tmp_path / "first")
    attempts = count(1)
    async with mock_upstream() as upstream:
        while not await live_through_an_hour(
            library, tmp_path / str(next(attempts)), upstream, after_seconds
        ):
            after_seconds *= 2
