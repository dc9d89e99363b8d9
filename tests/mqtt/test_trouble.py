"""A broker that dies, a service that dies: each input answered once, each text whole."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from llmchat import Chat
from llmchat.settings import Settings
from tests.client import Client
from tests.mosquitto import Mosquitto
from tests.mqtt.device import Answer, Device, until
from tests.service import Service

FROZEN_SECONDS = 26
"""Longer than anybody waits for its answers."""
PACE = {"tokens_per_second": 60}


def story(tokens: int) -> dict[str, object]:
    return {"model": "demo/story", "params": {"extra": {"tokens": tokens, **PACE}}}


@asynccontextmanager
async def behind(
    broker: Mosquitto, folder: Path, **settings: str | float
) -> AsyncIterator[tuple[Service, Client]]:
    service = Service(folder, LLMCHAT_MQTT_URL=broker.url, **settings)
    async with service.running(), service.client() as client:
        yield service, client


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with Mosquitto(tmp_path / "mosquitto").running() as broker:
        yield broker


async def whole(device: Device, name: str, client: Client, number: int = 1) -> Answer:
    """The answer, asked for again where the broker has lost a piece; the same as in the history."""
    answer = await device.answer(name, number)
    if answer.text != answer.end["text"]:
        after = {"generation_id": answer.generation_id, "after": answer.last}
        told = len(answer.ends)
        device.publish(f"llmchat/{name}/resume", after)
        await until(lambda: len(device.answers(name)[number - 1].ends) > told, "it again", device)
        answer = device.answers(name)[number - 1]
    messages = await client.messages(answer.end["conversation_id"])
    [message] = [it for it in messages if it["id"] == answer.end["message_id"]]
    assert answer.text == answer.end["text"] == message["content"]
    return answer


async def test_a_broker_that_is_killed_in_mid_answer_misses_nothing(
    broker: Mosquitto, tmp_path: Path, chaos: random.Random
) -> None:
    async with behind(broker, tmp_path) as (service, client):
        with Device(broker) as device:
            await until(lambda: bool(device.online()), "online", device)
            device.say("kitchen", {"content": "Go", **story(120)})
            await device.one("kitchen/delta", 5)
            before = service.footprint.file_descriptors
            await broker.kill()
            await asyncio.sleep(chaos.uniform(0, 0.5))
            await broker.start()
            answer = await whole(device, "kitchen", client)
            assert answer.end["status"] == "complete"
            assert answer.end["usage"]["output_tokens"] == 120
            messages = await client.messages(answer.end["conversation_id"])
            assert [it["role"] for it in messages] == ["user", "assistant"]
            # The log of the answer may have been closed by now, and nothing was opened twice.
            assert service.footprint.file_descriptors <= before + 2


@pytest.mark.thorough
async def test_what_is_answered_while_the_broker_is_away_is_told_when_it_is_back(
    broker: Mosquitto, tmp_path: Path
) -> None:
    async with behind(broker, tmp_path) as (_, client):
        with Device(broker) as device:
            await until(lambda: bool(device.online()), "online", device)
            device.say("kitchen", {"content": "Go", **story(5)})
            first = await device.answer("kitchen")
            await broker.stop()
            sent = await client.send(first.end["conversation_id"], "While it is away")
            await client.read(sent.generation_id)
            await broker.start()
            answer = await whole(device, "kitchen", client, 2)
            assert answer.generation_id == sent.generation_id


async def test_a_service_that_is_killed_in_mid_answer_tells_the_rest_after_its_start(
    broker: Mosquitto, tmp_path: Path
) -> None:
    async with behind(broker, tmp_path) as (service, client):
        with Device(broker) as device:
            await until(lambda: bool(device.online()), "online", device)
            for number in range(3):
                device.say(f"room-{number}", {"content": "Go", "id": "1", **story(2000)})
            for number in range(3):
                await device.one(f"room-{number}/delta", 5)
            await service.kill()
            await until(lambda: device.on("status")[-1].json["status"] == "offline", "offline")
            device.say("room-3", "said while it was away")
            await service.start()
            for number in range(3):
                answer = await whole(device, f"room-{number}", client)
                assert answer.end["generation_status"] == "interrupted"
                assert answer.end["id"] == "1"
                assert len(await client.messages(answer.end["conversation_id"])) == 2
            assert (await whole(device, "room-3", client)).end["status"] == "complete"


@pytest.mark.thorough
async def test_a_shutdown_leaves_what_it_has_not_done_to_the_next_start(
    broker: Mosquitto, tmp_path: Path
) -> None:
    settings: dict[str, str | float] = {
        "LLMCHAT_ON_CRASH": "restart",
        "LLMCHAT_SHUTDOWN_GRACE_SECONDS": 0,
    }
    async with behind(broker, tmp_path, **settings) as (service, client):
        with Device(broker) as device:
            await until(lambda: bool(device.online()), "online", device)
            device.say("kitchen", {"content": "Go", **story(100)})
            await device.one("kitchen/delta", 5)
            assert await service.terminate() == 0
            await until(lambda: device.on("status")[-1].json["status"] == "offline", "offline")
            device.say("kitchen", {"content": "And then?", **story(3)})
            await service.start()
            first = await whole(device, "kitchen", client)
            assert first.end["usage"]["output_tokens"] == 100
            await whole(device, "kitchen", client, 2)


async def test_what_is_answered_where_nobody_tells_it_is_told_by_the_next_start(
    broker: Mosquitto, tmp_path: Path
) -> None:
    """As by a process that dies between the turn and its publication."""
    async with behind(broker, tmp_path, LLM_MODEL="demo/echo") as (service, client):
        with Device(broker) as device:
            await until(lambda: bool(device.online()), "online", device)
            device.say("kitchen", "hello")
            id = (await device.answer("kitchen")).end["conversation_id"]
            assert await service.terminate() == 0
            settings = Settings(
                data_dir=service.data_dir, mqtt_url=broker.url, default_model="demo/echo"
            )
            async with Chat.open(settings) as chat:
                answer = await (await chat.conversation(id)).send("from a program")
                assert await answer == "You said: from a program"
            await service.start()
            told = await whole(device, "kitchen", client, 2)
            assert (told.generation_id, told.text) == (answer.id, "You said: from a program")


async def test_each_input_is_answered_once_whenever_the_service_is_killed(
    broker: Mosquitto, tmp_path: Path, chaos: random.Random, chaos_rounds: int
) -> None:
    """Texts without an id: only the broker's own marks tell a repetition."""
    async with behind(broker, tmp_path) as (service, client):
        with Device(broker) as device:
            await until(lambda: bool(device.online()), "online", device)
            sent = 0
            for _ in range(min(chaos_rounds, 2)):
                for _ in range(10):
                    device.say(f"room-{sent % 3}", f"message {sent}")
                    sent += 1
                await asyncio.sleep(chaos.uniform(0, 0.15))
                await service.kill()
                await service.start()
            device.say("fence", "fence")
            await device.answer("fence")

            async def asked() -> list[str]:
                found = (await client.http.get("/api/conversations")).json()["items"]
                branches = [await client.messages(it["id"]) for it in found]
                texts = [it["content"] for b in branches for it in b if it["role"] == "user"]
                return sorted(text for text in texts if text != "fence")

            wanted = sorted(f"message {number}" for number in range(sent))
            for _ in range(500):
                if len(await asked()) >= sent:
                    break
                await asyncio.sleep(0.05)
            assert await asked() == wanted
            ended = [f"room-{number}" for number in range(3)]
            await until(
                lambda: sum(len(device.answers(it)) for it in ended) == sent, "all answers", device
            )


@pytest.mark.thorough
async def test_a_broker_that_comes_later_is_found(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "mosquitto")
    async with behind(broker, tmp_path, LLM_MODEL="demo/echo") as (service, client):
        await client.conversation()
        async with broker.running():
            with Device(broker) as device:
                await until(lambda: bool(device.online()), "online", device)
                device.say("kitchen", "hello")
                assert (await whole(device, "kitchen", client)).text == "You said: hello"
        assert "The MQTT broker is away" in service.log


@pytest.mark.thorough
async def test_a_flood_is_bounded_and_what_is_sent_with_qos_1_is_not_lost(tmp_path: Path) -> None:
    # By default this broker itself drops what comes behind a thousand messages.
    lines = ("allow_anonymous true", "max_queued_messages 0")
    async with (
        Mosquitto(tmp_path / "mosquitto", lines).running() as broker,
        behind(broker, tmp_path, LLM_MODEL="demo/echo") as (service, client),
    ):
        with Device(broker, topics="llmchat/+/response") as device:
            await until(lambda: device.subscriptions > 0, "its subscription")
            device.say("kitchen", "first")
            await device.one("kitchen/response")
            before = service.footprint.rss_bytes
            for _ in range(1500):
                device.say("flood", "x" * 20_000, qos=0)
            for number in range(20):
                device.say(f"careful-{number}", "y")
            for number in range(20):
                await device.one(f"careful-{number}/response")
            assert service.footprint.rss_bytes - before < 150 * 1024 * 1024
            assert "faster than can be stored" in service.log
            await client.conversation()


@pytest.mark.thorough
async def test_a_frozen_broker_is_left_and_found_again(broker: Mosquitto, tmp_path: Path) -> None:
    async with behind(broker, tmp_path) as (_, client):
        with Device(broker) as device:
            await until(lambda: bool(device.online()), "online", device)
            device.say("kitchen", {"content": "Go", **story(100)})
            await device.one("kitchen/delta", 5)
            await broker.pause()
            await asyncio.sleep(FROZEN_SECONDS)
            broker.resume()
            await whole(device, "kitchen", client)
