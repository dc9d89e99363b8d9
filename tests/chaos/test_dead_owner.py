"""P1, P2, P3, P5 and P6 over several processes: one is killed, and others see its answers end."""

import asyncio
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chaos.agreement import agreed
from tests.chaos.tally import Round, Tally, doubled, lost
from tests.chaos.waiting import until_shown
from tests.client import Client, Json, Sent
from tests.cluster import Cluster
from tests.e2e.conftest import upstream_settings
from tests.reader import Reader
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS
from tests.upstream import Upstream, answer_text, mock_model

TOKENS = 200
STORY = answer_text(tokens=TOKENS)
READERS = 3
LEASE_SECONDS = 1.5
MOST_SECONDS_ALIVE = 1.0
MOST_DEATHS = 10
ENDS = {
    "mark": {"interrupted", "complete"},
    "continue": {"complete"},
    "restart": {"complete"},
}
"""By what becomes of an answer whose owner died; some are complete before that."""


def answers() -> dict[str, Json]:
    """What is being written when the kill comes, each in a conversation of its own."""
    return {
        "paced": {"model": f"local/{mock_model(tokens=TOKENS, rate=200)}"},
        "unpaced": {"model": f"local/{mock_model(tokens=TOKENS)}"},
        "slow": {"model": f"local/{mock_model(tokens=TOKENS, rate=100)}"},
        "not begun": {
            "model": f"local/{mock_model(tokens=TOKENS, rate=1000, first_token_delay=1.5)}"
        },
    }


@dataclass
class Following:
    """One answer of the process that dies, and its readers, none of whom is connected to it."""

    sent: Sent
    conversation: str
    readers: list[Reader]
    shown: list[str] = field(default_factory=list)


async def begin(owner: Client, others: list[Client]) -> list[Following]:
    begun = []
    for name, choice in answers().items():
        conversation = await owner.conversation(title=name)
        sent = await owner.send(conversation, f"tell me, {name}", **choice)
        readers = [
            others[number % len(others)].reader(sent.generation_id) for number in range(READERS)
        ]
        begun.append(Following(sent, conversation, readers))
    return begun


async def kill_while_reading(
    cluster: Cluster, victim: int, begun: list[Following], dice: random.Random
) -> None:
    """Everybody reads on one connection, over the death of the owner, to the terminal."""
    readers = [reader for following in begun for reader in following.readers]
    reading = [asyncio.create_task(reader.read_on()) for reader in readers]
    await until_shown(readers)
    await asyncio.sleep(dice.uniform(0, MOST_SECONDS_ALIVE))
    await cluster.services[victim].kill()
    for following in begun:
        following.shown = [reader.text for reader in following.readers]
    await asyncio.gather(*reading)
    assert [reader.no_server for reader in readers] == [False] * len(readers)
    assert None not in {reader.status for reader in readers}


async def look(others: list[Client], following: Following, round_: Round, on_crash: str) -> None:
    """The processes that live, the readers and the history say the same, and all that was shown."""
    replay = await agreed(others, following.conversation, following.sent, following.readers)
    round_.shown += max(len(text.split()) for text in following.shown)
    round_.lost += max(lost(text, replay.text) for text in following.shown)
    round_.doubled += doubled([replay.text, *(reader.text for reader in following.readers)])
    round_.ends[str(replay.status)] += 1
    assert replay.status in ENDS[on_crash]
    assert replay.status == "interrupted" or replay.text == STORY
    assert STORY.startswith(replay.text)
    await check_resets(others[0], following, on_crash)


async def check_resets(client: Client, following: Following, on_crash: str) -> None:
    """Only another attempt from the beginning takes text back, and it says so in the stream."""
    attempt = (await client.generation(following.sent.generation_id))["attempt"]
    for reader, shown in zip(following.readers, following.shown, strict=True):
        resets = sum(event.name == "reset" for event in reader.events)
        if on_crash != "restart" or attempt == 1:
            assert resets == 0
        elif shown:
            assert resets == 1


async def one_round(
    cluster: Cluster, victim: int, round_: Round, dice: random.Random, on_crash: str
) -> None:
    async with cluster.clients() as clients:
        others = [client for number, client in enumerate(clients) if number != victim]
        begun = await begin(clients[victim], others)
        await kill_while_reading(cluster, victim, begun, dice)
        await asyncio.gather(*[look(others, it, round_, on_crash) for it in begun])
        # The one that died comes back, and changes nothing of that.
        await cluster.mend()
        for following in begun:
            await agreed(clients, following.conversation, following.sent, following.readers)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("on_crash", "share_of_rounds"),
    [
        ("continue", 0.25),
        pytest.param("mark", 0.5, marks=pytest.mark.thorough),
        pytest.param("restart", 0.15, marks=pytest.mark.thorough),
    ],
)
async def test_kill_9_of_the_owner_loses_and_doubles_nothing_elsewhere(
    tmp_path: Path,
    upstream: Upstream,
    chaos: random.Random,
    chaos_rounds: int,
    capsys: pytest.CaptureFixture[str],
    on_crash: str,
    share_of_rounds: float,
) -> None:
    settings = upstream_settings(upstream) | {
        "LLMCHAT_LEASE_SECONDS": LEASE_SECONDS,
        "LLMCHAT_ON_CRASH": on_crash,
    }
    tally = Tally()
    try:
        async with Cluster(tmp_path, settings).running() as cluster:
            for number in range(max(1, round(chaos_rounds * share_of_rounds))):
                victim = number % len(cluster.services)
                await one_round(cluster, victim, tally.next(), chaos, on_crash)
    finally:
        with capsys.disabled():
            sys.stdout.write(f"\nkill -9 of the owner, {on_crash}, in tokens:\n{tally.table()}\n")
    assert tally.shown > 0
    assert (tally.lost, tally.doubled) == (0, 0)


@pytest.mark.thorough
async def test_an_answer_goes_on_where_its_owner_died(tmp_path: Path, upstream: Upstream) -> None:
    """`continue`, and the upstream is told what was already there."""
    settings = upstream_settings(upstream) | {
        "LLMCHAT_LEASE_SECONDS": LEASE_SECONDS,
        "LLMCHAT_ON_CRASH": "continue",
    }
    async with Cluster(tmp_path, settings).running() as cluster, cluster.clients() as (a, b):
        conversation = await a.conversation()
        model = f"local/{mock_model(tokens=TOKENS, rate=100)}"
        sent = await a.send(conversation, model=model)
        reader = b.reader(sent.generation_id)
        reading = asyncio.create_task(reader.read_on())
        await upstream.tokens_sent(TOKENS // 4)
        await cluster.services[0].kill()
        await reading
        assert (reader.status, reader.text, reader.no_server) == ("complete", STORY, False)
        await agreed([b], conversation, sent, [reader])
        first, second = upstream.completions
        [*asked, prefill] = second.body["messages"]
        assert asked == first.body["messages"]
        assert prefill["role"] == "assistant"
        assert prefill["content"]
        assert STORY.startswith(prefill["content"])


@pytest.mark.thorough
async def test_an_answer_that_kills_its_owners_has_a_budget(
    tmp_path: Path, upstream: Upstream
) -> None:
    """Process after process takes it over and dies of it, and then it ends as interrupted."""
    settings = upstream_settings(upstream) | {
        "LLMCHAT_LEASE_SECONDS": LEASE_SECONDS,
        "LLMCHAT_ON_CRASH": "restart",
    }
    async with Cluster(tmp_path, settings).running() as cluster:
        async with cluster.services[0].client() as client:
            conversation = await client.conversation()
            silent = f"openai/{mock_model(fail='silence-before')}"
            sent = await client.send(conversation, model=silent)
        await upstream.until(lambda: len(upstream.completions) == 1)
        deaths = 0
        while len(upstream.completions) > deaths:
            assert deaths < MOST_DEATHS
            await cluster.services[deaths % 2].kill()
            deaths += 1
            async with cluster.services[deaths % 2].client() as client:
                await another_attempt_or_the_end(client, upstream, sent, deaths)
            await cluster.mend()
        assert deaths > 1
        async with cluster.clients() as clients:
            assert (await agreed(clients, conversation, sent)).status == "interrupted"


async def another_attempt_or_the_end(
    client: Client, upstream: Upstream, sent: Sent, attempts: int
) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(upstream.completions) == attempts:
            if (await client.generation(sent.generation_id))["status"] == "interrupted":
                return
            await asyncio.sleep(LOOK_SECONDS)
