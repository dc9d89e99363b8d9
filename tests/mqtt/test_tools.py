"""Images and tools over MQTT, as over HTTP."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client import Client, connect
from tests.mosquitto import Mosquitto
from tests.mqtt.conftest import open_service
from tests.mqtt.device import Device, until
from tests.upstream import Upstream, mock_model, mock_upstream

CALLING = f"openai/{mock_model(fail='tool-calls')}"
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 64).decode()
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}}


@pytest.fixture
async def world(
    broker: Mosquitto, tmp_path: Path
) -> AsyncIterator[tuple[Device, Client, Upstream]]:
    # Its own: what a service before this one was sent waits for its return.
    prefix = tmp_path.name
    async with mock_upstream() as upstream:
        provider = {"base_url": upstream.base_url, "api_key": "sk-none"}
        settings = {"mqtt_prefix": prefix, "providers": {"openai": provider}}
        with open_service(tmp_path, broker, **settings) as url, Device(broker, prefix=prefix) as it:
            async with connect(url) as client:
                await until(lambda: bool(it.online()), "online", it)
                yield it, client, upstream


async def test_a_model_calls_and_a_device_gives_what_came_of_it(
    world: tuple[Device, Client, Upstream],
) -> None:
    device, client, upstream = world
    question = {"content": "How warm is it?", "model": CALLING, "params": {"tools": TOOLS}}
    device.say("kitchen", question)
    answer = await device.answer("kitchen")
    calls = answer.end["tool_calls"]
    assert [call["name"] for call in calls] == ["weather", "clock"]
    assert answer.end["finish_reason"] == "tool_calls"
    assert {it["index"] for it in answer.pieces if it["type"] == "tool_call"} == {0, 1}
    results = [{"tool_call_id": call["id"], "content": f"{call['name']} says"} for call in calls]

    device.say("kitchen", {"tool_results": results[:1], "id": "half"})
    refused = (await device.one("kitchen/error")).json
    assert (refused["status"], refused["id"]) == (422, "half")
    device.say("kitchen", {"tool_results": results, "model": "openai/echo"})
    assert (await device.answer("kitchen", 2)).end["status"] == "complete"
    messages = await client.messages(answer.end["conversation_id"])
    assert [it["role"] for it in messages] == ["user", "assistant", "tool", "tool", "assistant"]
    assert upstream.completions[0].body["tools"] == TOOLS


async def test_a_device_shows_an_image(world: tuple[Device, Client, Upstream]) -> None:
    device, client, upstream = world
    parts = [{"type": "text", "text": "What is this?"}, IMAGE]
    device.say("door", {"content": parts, "model": "openai/echo"})
    answer = await device.answer("door")
    assert answer.end["status"] == "complete"
    shown = (await client.messages(answer.end["conversation_id"]))[0]
    assert shown["content"] == parts
    (asked,) = upstream.completions
    assert PNG in str(asked.body)
    told = {
        "https://example.org/a.png": "fetches no addresses",
        "data:image/png;base64,AAAA": "do not begin",
    }
    for number, (url, says) in enumerate(told.items(), 1):
        device.say("door", {"content": [{"type": "image_url", "image_url": {"url": url}}]})
        refused = (await device.one("door/error", number)).json
        assert says in refused["detail"]
        assert refused["errors"][0]["location"] == ["content", "0", "image_url", "url"]
