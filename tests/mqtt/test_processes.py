"""Two processes behind one broker: each input is answered once, whichever of them dies."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.mosquitto import Mosquitto
from tests.mqtt.device import Device, until

SLOW = {"model": "demo/story", "params": {"extra": {"tokens": 150, "tokens_per_second": 50}}}


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[tuple[Cluster, Mosquitto]]:
    async with Mosquitto(tmp_path / "mosquitto").running() as broker:
        settings: dict[str, str | float] = {
            "LLMCHAT_MQTT_URL": broker.url,
            "LLMCHAT_LEASE_SECONDS": 1.5,
            "LLMCHAT_ON_CRASH": "restart",
            "LLM_MODEL": "demo/echo",
        }
        async with Cluster(tmp_path / "cluster", settings).running() as cluster:
            yield cluster, broker


async def test_two_processes_share_the_work_and_take_over_from_each_other(
    cluster: tuple[Cluster, Mosquitto],
) -> None:
    processes, broker = cluster
    async with processes.clients() as clients:
        with Device(broker) as device:
            first, second = processes.services
            await until(lambda: both_connected(processes), "both", device)
            for number in range(20):
                device.say(f"room-{number}", f"message {number}")
            for number in range(20):
                answer = await device.answer(f"room-{number}")
                assert answer.text == f"You said: message {number}"
                assert len(device.on(f"room-{number}/response")) == 1
                messages = await clients[number % 2].messages(answer.end["conversation_id"])
                assert len(messages) == 2
            shares = [service.log.count("A generation ended") for service in (first, second)]
            assert sum(shares) == 20
            assert all(shares)

            # One dies in mid-answer: the other goes on with its answers, and tells them.
            for number in range(4):
                device.say(f"slow-{number}", {"content": "Go", **SLOW})
            for number in range(4):
                await device.one(f"slow-{number}/delta", 3)
            await first.kill()
            for number in range(4):
                answer = await device.answer(f"slow-{number}")
                assert answer.text == answer.end["text"]
                assert answer.end["usage"]["output_tokens"] == 150
            await until(lambda: last_status(device) == "online", "somebody", device)

            # What the broker still sends to the dead one is answered after its start.
            for number in range(4):
                device.say(f"late-{number}", "hello")
            await first.start()
            for number in range(4):
                assert (await device.answer(f"late-{number}")).text == "You said: hello"

            # One that goes leaves the group: nothing waits for its return.
            assert await first.terminate() == 0
            for number in range(4):
                device.say(f"alone-{number}", "hello")
            for number in range(4):
                await device.answer(f"alone-{number}")
            assert last_status(device) == "online"


def both_connected(processes: Cluster) -> bool:
    return all("Connected to the MQTT broker" in it.log for it in processes.services)


def last_status(device: Device) -> str:
    return str(device.on("status")[-1].json["status"])
