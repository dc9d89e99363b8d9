"""A broker that ends the connection at what it does not take: nothing is tried for ever."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmchat.mqtt.passage import Passage
from tests.mosquitto import Mosquitto
from tests.mqtt.conftest import open_service
from tests.mqtt.device import Device, until

MOST_BYTES = 900


@pytest.fixture
async def device(tmp_path: Path) -> AsyncIterator[Device]:
    lines = ("allow_anonymous true", f"max_packet_size {MOST_BYTES}")
    async with Mosquitto(tmp_path / "mosquitto", lines).running() as broker:
        with open_service(tmp_path, broker), Device(broker) as device:
            await until(lambda: bool(device.online()), "online", device)
            yield device


async def test_what_the_broker_refuses_is_left_out_and_the_rest_is_told(device: Device) -> None:
    reply = f"llmchat/kitchen/{'r' * 600}"
    device.say("kitchen", "hello", response_topic=reply)
    assert (await device.answer("kitchen")).end["text"] == "You said: hello"

    device.say("garden", "x" * 800)
    told = (await device.answer("garden")).end
    assert (told["text"], told["status"]) == ("", "complete")

    # Its pieces have room, its end has not, even without a text.
    device.say("attic", {"content": "hello", "id": "\U0001f9ea" * 128})
    await device.one("attic/delta", 2)
    device.say("fence", "hello")
    assert (await device.answer("fence")).text == "You said: hello"
    device.say("attic", "hello")
    assert (await device.answer("attic")).text == "You said: hello"
    assert len(device.on("attic/response")) == 1
    assert not [heard for heard in device.heard if heard.topic == reply]


async def test_who_is_alone_is_alone_and_nobody_waits_for_ever() -> None:
    passage = Passage()
    inside: list[str] = []
    seen: list[list[str]] = []

    async def go(name: str) -> None:
        async with passage.alone() if name.startswith("a") else passage.together():
            inside.append(name)
            await asyncio.sleep(0)
            seen.append(sorted(inside))
            inside.remove(name)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for name in ("t1", "t2", "a1", "t3", "a2", "t4", "t5"):
            tasks.create_task(go(name))
    assert len(seen) == 7
    assert ["t1", "t2"] in seen
    assert all(len(them) == 1 for them in seen if any(name.startswith("a") for name in them))
