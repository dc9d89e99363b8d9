"""P10: the same Idempotency-Key makes one message and one generation, also across a kill -9."""

import asyncio
import random
from collections import Counter
from uuid import uuid4

import httpx2
import pytest

from tests.client import Client, Json
from tests.service import Service

SENDERS = 12
MOST_SECONDS_OF_SENDING = 0.3
ROUNDS_PER_CHAOS_ROUND = 4
PARAMS = {"extra": {"tokens_per_second": 50}}


class Sender:
    """A program that sends one message and does not give up until it knows that it was taken."""

    def __init__(self, client: Client, conversation: str) -> None:
        self.conversation = conversation
        self.answers: list[Json] = []
        self._client = client
        self._key = str(uuid4())
        self._content = f"only once, please, {self._key}"

    async def send(self) -> None:
        """One attempt; it may end without an answer, and then nobody knows what became of it."""
        try:
            response = await self._client.try_send(
                self.conversation, self._content, key=self._key, model="demo/echo", params=PARAMS
            )
        except httpx2.TransportError:
            return
        assert response.status_code == 202, response.text
        self.answers.append(response.json())

    async def check(self) -> str:
        """Whatever happened in between: the same answer, one message, one generation. How that
        generation ended."""
        assert all(answer == self.answers[0] for answer in self.answers)
        await self._client.read(self.answers[0]["generation"]["id"])
        question, reply = await self._client.messages(self.conversation)
        assert question["content"] == self._content
        assert question["id"] == self.answers[0]["message"]["id"]
        assert reply["generation_id"] == self.answers[0]["generation"]["id"]
        assert (question["siblings"], reply["siblings"]) == ([question["id"]], [reply["id"]])
        return str(reply["status"])


async def one_kill(service: Service, client: Client, dice: random.Random) -> list[str]:
    """Many send at moments around a kill, and again after the restart."""
    senders = [Sender(client, await client.conversation()) for _ in range(SENDERS)]

    async def send_at_some_moment(sender: Sender) -> None:
        await asyncio.sleep(dice.uniform(0, MOST_SECONDS_OF_SENDING))
        await sender.send()

    sending = [asyncio.create_task(send_at_some_moment(sender)) for sender in senders]
    await asyncio.sleep(dice.uniform(0, MOST_SECONDS_OF_SENDING))
    await service.kill()
    await asyncio.gather(*sending)
    await service.start()
    for _ in range(2):
        await asyncio.gather(*[sender.send() for sender in senders])
    return [await sender.check() for sender in senders]


@pytest.mark.timeout(300)
async def test_a_key_sends_once_across_kill_9(
    service: Service, chaos: random.Random, chaos_rounds: int
) -> None:
    ends: Counter[str] = Counter()
    async with service.client() as client:
        for _ in range(-(-chaos_rounds // ROUNDS_PER_CHAOS_ROUND)):
            ends.update(await one_kill(service, client, chaos))
    assert set(ends) <= {"complete", "interrupted"}
