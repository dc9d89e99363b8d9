"""P17: somebody sets the machine's clock, by an hour and back, and nobody notices."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.client import Client
from tests.e2e.conftest import upstream_settings
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS, Service
from tests.upstream import answer_text, mock_model, mock_upstream

HOUR_SECONDS = 3600
TOKENS = 300
LIMITS: dict[str, str | float] = {
    # All of them shorter than the jump, or so short that they are looked at during the answer.
    "LLMCHAT_LEASE_SECONDS": 2,
    "LLMCHAT_TOKEN_GAP_SECONDS": 30,
    "LLMCHAT_GENERATION_SECONDS": 600,
    "LLMCHAT_LOG_RETENTION_SECONDS": 1800,
}


class WallClock:
    """The time of day as one process sees it; its monotonic clock goes on as it was."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._file = folder / "faketime"
        self.settings: dict[str, str | float] = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        self.jump_to(0)

    def jump_to(self, offset_seconds: int) -> None:
        """Set it to the true time plus this."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset_seconds:+d}")
        new.rename(self._file)


@pytest.fixture
def wall_clock(tmp_path: Path) -> WallClock:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        pytest.skip("libfaketime is missing: apt-get install libfaketime")
    return WallClock(library, tmp_path)


async def until_it_has_jumped(service: Service, offset_seconds: int) -> None:
    """Wait until the service itself tells the other time, in its log: else nothing is tested."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while abs(_hours_off(service) * HOUR_SECONDS - offset_seconds) > HOUR_SECONDS / 2:
            assert "Traceback" not in service.log
            await asyncio.sleep(LOOK_SECONDS)


def _hours_off(service: Service) -> float:
    newest = [line for line in service.log.splitlines() if line.startswith("{")][-1]
    told = datetime.fromisoformat(json.loads(newest)["timestamp"])
    return (told - datetime.now(UTC)) / timedelta(hours=1)


async def ask(client: Client, conversation: str, question: str) -> str:
    """Its generation's id."""
    sent = await client.send(conversation, question, model="demo/echo")
    reader = await client.read(sent.generation_id)
    assert (reader.status, reader.text) == ("complete", f"You said: {question}")
    return sent.generation_id


async def test_a_jump_of_the_wall_clock_changes_no_order_lease_limit_or_stream(
    wall_clock: WallClock, tmp_path: Path
) -> None:
    async with mock_upstream() as upstream:
        settings = upstream_settings(upstream) | LIMITS | wall_clock.settings
        async with Service(tmp_path, **settings).running() as service, service.client() as client:
            model = f"openai/{mock_model(tokens=TOKENS, rate=60)}"
            sent = await client.send(await client.conversation(), model=model)
            reading = asyncio.create_task(client.read(sent.generation_id))
            conversation = await client.conversation()
            others, generations = [], []
            jumps = [0, HOUR_SECONDS, -HOUR_SECONDS, 0]
            for number, offset_seconds in enumerate(jumps):
                await upstream.tokens_sent(1 + number * TOKENS // len(jumps))
                wall_clock.jump_to(offset_seconds)
                generations.append(await ask(client, conversation, f"question {number}"))
                await until_it_has_jumped(service, offset_seconds)
                others.append(await client.conversation(title=f"{number}"))
            reader = await reading
            assert (reader.status, reader.text) == ("complete", answer_text(tokens=TOKENS))

            questions = [m["content"] for m in (await client.messages(conversation))[::2]]
            assert questions == [f"question {number}" for number in range(len(jumps))]
            assert generations == sorted(generations)
            page = (await client.http.get("/api/conversations")).json()
            newest_first = [item["id"] for item in page["items"] if item["id"] in others]
            assert newest_first == others[::-1]
            for id_ in [sent.generation_id, *generations]:
                replay = await client.read(id_)
                assert replay.status == "complete"
            times = [(await client.generation(id_))["created_at"] for id_ in generations]
            assert all(one <= other for one, other in pairwise(times))
