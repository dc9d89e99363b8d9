"""P1, P2 and P6: kill -9 at any moment loses nothing that was shown, and nothing stays live."""

import asyncio
import random
import sys
from dataclasses import dataclass, field

import pytest

from tests.chaos.tally import Round, Tally, doubled, lost
from tests.chaos.waiting import until_shown
from tests.client import Client, Json, Sent
from tests.reader import Reader, cut_point
from tests.service import Service
from tests.upstream import answer_text, mock_model

STORY_TOKENS = 5_000
STORY = answer_text(tokens=STORY_TOKENS)
READERS = 3
MOST_SECONDS_ALIVE = 0.6
MOST_SECONDS_OF_RECOVERY = 1.5


def answers() -> dict[str, Json]:
    """What is being written when the kill comes, each in a conversation of its own."""

    def demo(rate: float) -> Json:
        extra = {"tokens": STORY_TOKENS, "tokens_per_second": rate}
        return {"model": "demo/story", "params": {"extra": extra}}

    return {
        "paced": {"model": f"openai/{mock_model(tokens=STORY_TOKENS, rate=200)}"},
        "unpaced": {"model": f"openai/{mock_model(tokens=STORY_TOKENS)}"},
        "short": {"model": f"openai/{mock_model(tokens=60, rate=200)}"},
        "paced demo": demo(300),
        "unpaced demo": demo(0),
    }


@dataclass
class Writing:
    """One generation, those who read it, and what they had seen when the server died."""

    sent: Sent
    conversation: str
    readers: list[Reader]
    shown: list[str] = field(default_factory=list)

    async def read(self, dice: random.Random) -> None:
        """Everybody reads, is cut anywhere and comes back, until the end or the kill."""
        await asyncio.gather(*[self._read(reader, dice) for reader in self.readers])

    async def _read(self, reader: Reader, dice: random.Random) -> None:
        while reader.terminal is None and not reader.no_server:
            await reader.read_on(most_bytes=cut_point(dice, 5000))


async def begin(client: Client, conversations: dict[str, str]) -> list[Writing]:
    """A generation in every conversation, and in one of them another that is queued."""
    writings = []
    queue: list[Json] = [{"on_busy": "queue"}]
    for name, choice in answers().items():
        conversation = conversations[name]
        for more in [{}, *(queue if name == "paced" else [])]:
            sent = await client.send(conversation, f"tell me, {name}", **choice, **more)
            readers = [client.reader(sent.generation_id) for _ in range(READERS)]
            writings.append(Writing(sent, conversation, readers))
    return writings


async def kill_while_reading(
    service: Service, writings: list[Writing], dice: random.Random, *, shown: bool
) -> None:
    """At any moment; with `shown` at one at which there is something to lose."""
    reading = [asyncio.create_task(writing.read(dice)) for writing in writings]
    if shown:
        await until_shown([reader for writing in writings for reader in writing.readers])
    await asyncio.sleep(dice.uniform(0, MOST_SECONDS_ALIVE))
    await service.kill()
    await asyncio.gather(*reading)
    for writing in writings:
        writing.shown = [reader.text for reader in writing.readers]


async def restart(service: Service, dice: random.Random) -> None:
    """Sometimes killed again while it cleans up."""
    if dice.random() < 0.2:
        service.launch()
        await asyncio.sleep(dice.uniform(0.3, MOST_SECONDS_OF_RECOVERY))
        await service.kill()
    await service.start()


async def look(client: Client, writing: Writing, round_: Round) -> None:
    """Everybody who comes back gets exactly the rest, and everything says the same."""
    sent = writing.sent
    for reader in writing.readers:
        await reader.read_to_end()
    replay = await client.read(sent.generation_id)
    generation = await client.generation(sent.generation_id)
    message = await client.message(writing.conversation, sent.reply_id)
    everywhere = [reader.text for reader in [*writing.readers, replay]]
    everywhere += [generation["text"], message["content"]]
    round_.shown += max(len(text.split()) for text in writing.shown)
    round_.lost += max(lost(text, kept) for text in writing.shown for kept in everywhere)
    round_.doubled += doubled(everywhere)
    round_.ends[str(replay.status)] += 1
    assert set(everywhere) == {replay.text}
    assert STORY.startswith(replay.text)
    ends = {reader.status for reader in [*writing.readers, replay]}
    assert ends | {generation["status"], message["status"]} == {replay.status}
    assert replay.status in ("interrupted", "complete")
    assert replay.status == "interrupted" or replay.text == whole(sent)
    round_.kept[sent.reply_id] = replay.text


def whole(sent: Sent) -> str:
    return answer_text(tokens=60) if "tokens=60" in str(sent.generation["model"]) else STORY


async def nothing_is_live(client: Client, conversations: dict[str, str]) -> None:
    """What the kill cut off has its end before the restarted process is ready."""
    for conversation in conversations.values():
        assert (await client.show(conversation))["active_generations"] == []


async def still_works(client: Client, conversations: dict[str, str]) -> None:
    """The next send is answered, and begins at once."""
    sent = await client.send(conversations["paced"], "still there?", model="demo/echo")
    assert (await client.read(sent.generation_id)).text == "You said: still there?"


async def check_history(client: Client, conversation: str, tally: Tally) -> int:
    """What one round kept, no later kill has changed."""
    kept = tally.kept
    found = {message["id"]: message["content"] for message in await client.messages(conversation)}
    assert found.items() >= {id_: text for id_, text in kept.items() if id_ in found}.items()
    return len(found.keys() & kept.keys())


@pytest.mark.timeout(600)
async def test_kill_9_loses_nothing_that_was_shown(
    service: Service,
    chaos: random.Random,
    chaos_rounds: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tally = Tally()
    async with service.client() as client:
        conversations = {name: await client.conversation(title=name) for name in answers()}
    try:
        for number in range(chaos_rounds):
            async with service.client() as client:
                writings = await begin(client, conversations)
                await kill_while_reading(service, writings, chaos, shown=number % 2 == 0)
                await restart(service, chaos)
                await nothing_is_live(client, conversations)
                round_ = tally.next()
                await asyncio.gather(*[look(client, writing, round_) for writing in writings])
                await still_works(client, conversations)
    finally:
        with capsys.disabled():
            sys.stdout.write(f"\nkill -9, in tokens:\n{tally.table()}\n")
    async with service.client() as client:
        in_history = [await check_history(client, id_, tally) for id_ in conversations.values()]
    assert sum(in_history) == len(tally.kept)
    assert tally.shown > 0
    assert (tally.lost, tally.doubled) == (0, 0)


async def test_a_thousand_tokens_survive_cuts_and_a_kill_9(
    service: Service, chaos: random.Random
) -> None:
    async with service.client() as client:
        conversation = await client.conversation()
        # It falls silent before its end, so that no machine is too slow to kill in the middle.
        model = f"openai/{mock_model(tokens=1000, rate=800, fail='silence', after=950)}"
        sent = await client.send(conversation, "a thousand", model=model)
        reader = client.reader(sent.generation_id)
        until = chaos.randrange(50, 950)
        while len(reader.text.split()) < until:
            await reader.read_on(most_bytes=cut_point(chaos, 1000))
        await service.kill()
        shown = reader.text
        await service.start()
        await reader.read_to_end()
        assert reader.status == "interrupted"
        assert reader.text.startswith(shown)
        assert answer_text(tokens=1000).startswith(reader.text)
        message = await client.message(conversation, sent.reply_id)
        assert (message["status"], message["content"]) == ("interrupted", reader.text)
