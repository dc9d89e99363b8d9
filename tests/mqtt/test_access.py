"""Who speaks for whom: names of conversations, keys, and what a key may."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llmchat.chat.admission import ASK_SECONDS
from llmchat.config.mqtt import AllowSettings, MqttTable
from tests.mosquitto import Mosquitto
from tests.mqtt.device import Device, until
from tests.web.locked import Locked, bearer, locked_service

UNPACED = {"extra": {"tokens_per_second": 0}}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A data directory with keys in it: of ann, bob, a reader, and one that has a tiny budget."""
    folder = tmp_path_factory.mktemp("locked")
    with locked_service(folder) as first:
        made = {
            "ann": first.key("ann"),
            "bob": first.key("bob"),
            "reader": first.key("rita", "read"),
            "late": first.key("lena"),
            "poor": first.key("paul", tokens_per_day=5),
        }
        return folder, {"admin": first.admin, **made}


@pytest.fixture(scope="module")
def locked(keys: tuple[Path, dict[str, Any]], broker: Mosquitto) -> Iterator[Locked]:
    folder, made = keys
    allow = tuple(
        AllowSettings(topics=topics, key=made[who]["id"], responses=responses)
        for topics, who, responses in (
            ("ann-*", "ann", ("replies/ann/#",)),
            ("bob-*", "bob", ()),
            ("conv_*", "ann", ()),
            ("reader", "reader", ()),
            ("late", "late", ()),
            ("poor", "poor", ()),
        )
    )
    with locked_service(
        folder,
        mqtt_url=broker.url,
        mqtt=MqttTable(allow=allow),
        mqtt_prefix="locked",
        default_model="demo/echo",
        requests_per_minute=20,
        shutdown_grace_seconds=0,
    ) as service:
        yield replace(service, admin=made["admin"])


@pytest.fixture
async def device(broker: Mosquitto, locked: Locked) -> Any:
    with Device(broker, prefix="locked", topics="#") as device:
        await device.listening()
        await until(lambda: bool(device.online()), "online", device)
        yield device


async def sessions(locked: Locked, secret: str) -> list[dict[str, Any]]:
    async with httpx2.AsyncClient(base_url=locked.base_url, headers=bearer(secret)) as http:
        found = (await http.get("/api/conversations")).json()
        return list(found["items"])


async def test_a_device_speaks_for_the_key_of_its_name(
    device: Device, locked: Locked, keys: tuple[Path, dict[str, Any]]
) -> None:
    made = keys[1]
    device.say("ann-lamp", {"content": "hello", "params": UNPACED})
    device.say("bob-lamp", {"content": "hello", "params": UNPACED})
    anns, bobs = await device.answer("ann-lamp"), await device.answer("bob-lamp")
    assert [it["id"] for it in await sessions(locked, made["ann"]["secret"])] == [
        anns.end["conversation_id"]
    ]
    assert [it["id"] for it in await sessions(locked, made["bob"]["secret"])] == [
        bobs.end["conversation_id"]
    ]
    used = httpx2.get(
        f"{locked.base_url}/api/usage?group_by=key", headers=bearer(made["ann"]["secret"])
    )
    assert made["ann"]["id"] in used.text


async def test_nobody_speaks_where_the_settings_have_no_key(device: Device) -> None:
    device.say("garage", "hello")
    assert (await device.one("garage/error")).json["type"] == "unauthenticated"
    for command in ("stop", "resume"):
        device.publish(f"locked/cellar/{command}", "{}")
    assert (await device.one("cellar/error", 2)).json["type"] == "unauthenticated"


async def test_a_foreign_conversation_is_none(
    device: Device, locked: Locked, keys: tuple[Path, dict[str, Any]]
) -> None:
    made = keys[1]
    bearer_of_bob = bearer(made["bob"]["secret"])
    async with httpx2.AsyncClient(base_url=locked.base_url, headers=bearer_of_bob) as http:
        bobs = (await http.post("/api/conversations", json={})).json()["id"]
        sent = (
            await http.post(
                f"/api/conversations/{bobs}/messages",
                json={"content": "secret", "model": "demo/echo", "params": UNPACED},
            )
        ).json()
        # `conv_*` speaks for ann.
        device.say(bobs, "hello")
        device.publish(f"locked/{bobs}/stop", "")
        resume = {"generation_id": sent["generation"]["id"]}
        device.publish(f"locked/{bobs}/resume", resume)
        device.say("ann-thief", "mine")
        await device.answer("ann-thief")
        device.publish("locked/ann-thief/resume", resume)
        assert (await device.one(f"{bobs}/error", 3)).json["type"] == "not_found"
        assert (await device.one("ann-thief/error")).json["type"] == "not_found"
        page = (await http.get(f"/api/conversations/{bobs}/messages")).json()
        assert len(page["items"]) == 2
    assert not any(b"secret" in heard.payload for heard in device.heard)


async def test_a_reader_writes_nothing(device: Device) -> None:
    device.say("reader", "hello")
    refused = (await device.one("reader/error")).json
    assert (refused["type"], refused["status"]) == ("forbidden", 403)


async def test_a_key_that_is_revoked_speaks_no_more_and_hears_no_more(
    device: Device, locked: Locked, keys: tuple[Path, dict[str, Any]]
) -> None:
    params = {"extra": {"tokens": 2000, "tokens_per_second": 50}}
    device.say("late", {"content": "Go", "model": "demo/story", "params": params})
    await device.one("late/delta", 3)
    locked.revoke(keys[1]["late"]["id"])
    device.say("late", "hello")
    assert (await device.one("late/error")).json["type"] == "unauthenticated"
    count = -1
    for _ in range(30):
        if count == (count := len(device.on("late/delta"))):
            break
        await asyncio.sleep(ASK_SECONDS / 2)
    assert len(device.on("late/response")) == 0
    assert count < 1000


async def test_a_budget_holds_over_mqtt(device: Device) -> None:
    device.say("poor", {"content": "word " * 200, "params": UNPACED})
    assert (await device.one("poor/error")).json["status"] == 429


async def test_responses_leave_the_prefix_where_the_settings_say_so(device: Device) -> None:
    device.say("ann-fan", "hello", response_topic="replies/ann/1")
    await until(lambda: any(it.topic == "replies/ann/1" for it in device.heard), "it", device)
    device.say("bob-fan", "hello", response_topic="replies/ann/2")
    assert (await device.one("bob-fan/error")).json["type"] == "forbidden"


async def test_a_caller_is_limited_as_over_http(device: Device) -> None:
    for number in range(40):
        device.say("bob-flood", {"content": "", "id": str(number)})

    def limited() -> bool:
        return any(it.json["type"] == "rate_limited" for it in device.on("bob-flood/error"))

    await until(limited, "a limit", device)
