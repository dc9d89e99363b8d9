"""One conversation through every door: the page, MQTT, a second person's WebSocket, the TypeScript
client. What each of them reads is the same, in one process and in two."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.chat_tab import flat, paced
from tests.browser.test_page_rooms import Person
from tests.client import Json
from tests.clients import node, typescript
from tests.cluster import Cluster
from tests.mosquitto import Mosquitto
from tests.mqtt.device import Device, until
from tests.service import PATIENCE_SECONDS, Service
from tests.sockets import joined
from tests.web.locked import SECRET, bearer

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOCKED: Mapping[str, str] = {
    "LLMCHAT_AUTH": "keys",
    "LLMCHAT_SECRET_KEY": "one for all processes, of 32 characters and more",
    "LLM_MODEL": "demo/echo",
}


class Calls:
    """What a user asks one process over HTTP."""

    def __init__(self, base_url: str, secret: str) -> None:
        self.base_url = base_url
        self.secret = secret

    def __call__(self, method: str, path: str, body: Any = None) -> Json:
        answer = httpx2.request(
            method, f"{self.base_url}{path}", json=body, headers=bearer(self.secret)
        )
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found


class World:
    """Processes on the same data, `here` and `there`, a broker, and two people with their keys."""

    def __init__(self, services: list[Service], broker: Mosquitto) -> None:
        self.services = services
        self.broker = broker
        self.here, self.there = services[0].base_url, services[-1].base_url
        self.keys: dict[str, Json] = {}

    async def begin(self) -> None:
        """Two people; the broker's devices speak for the first one."""
        [admin] = {found for it in self.services for found in SECRET.findall(it.log)}
        for user in ("ann", "bob"):
            body = {"name": user, "user": user}
            self.keys[user] = Calls(self.here, admin)("POST", "/api/keys", body)
        for service in self.services:
            assert await service.terminate() == 0
            service.settings["LLMCHAT_MQTT_URL"] = self.broker.url
            service.settings["LLMCHAT_MQTT_KEY_ID"] = self.keys["ann"]["id"]
            await service.start()

    def calls(self, user: str, base_url: str) -> Calls:
        return Calls(base_url, self.keys[user]["secret"])

    def histories(self, id: str) -> list[list[list[str]]]:
        """What each of the two reads, of each process."""
        path = f"/api/conversations/{id}/messages"
        found = [
            self.calls(user, base_url)("GET", path)["items"]
            for base_url in (self.here, self.there)
            for user in self.keys
        ]
        return [[[it["role"], it["content"], it["status"]] for it in items] for items in found]


@pytest_asyncio.fixture(params=["one process", "two processes"], loop_scope="session")
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(tmp_path / "mosquitto").running())
        if request.param == "one process":
            service = Service(tmp_path / "service", **LOCKED)
            services = [await stack.enter_async_context(service.running())]
        else:
            cluster = Cluster(tmp_path / "cluster", LOCKED)
            services = [*(await stack.enter_async_context(cluster.running())).services]
        world = World(services, broker)
        await world.begin()
        yield world


@asynccontextmanager
async def at_the_page(browser: Browser, world: World) -> AsyncIterator[Person]:
    profile = await browser.new_context()
    profile.set_default_timeout(PATIENCE_SECONDS * 1000)
    signed_in = await profile.request.post(
        f"{world.here}/api/session",
        data={"key": world.keys["ann"]["secret"]},
        headers={"Origin": world.here},
    )
    assert signed_in.ok
    yield await Person.open(profile, world.here)
    await profile.close()


async def test_it_goes_on_through_every_door_and_reads_the_same(
    browser: Browser, world: World, tmp_path: Path
) -> None:
    ann_there = world.calls("ann", world.there)
    with Device(world.broker) as device:
        async with at_the_page(browser, world) as ann:
            await ann.ask("the quick brown fox")
            await ann.ends("complete")
            id = ann.conversation_id

            await device.listening()
            device.say(id, "said by a lamp")
            assert (await device.answer(id)).text == "You said: said by a lamp"
            await expect(ann.answers).to_have_count(2)
            await expect(ann.answer).to_contain_text("You said: said by a lamp")

            members = f"/api/conversations/{id}/members"
            ann_there("POST", members, {"user": "bob", "role": "editor"})
            told = {"model": "demo/story", "params": paced(5000, 50)}
            ann_there("PATCH", f"/api/conversations/{id}", told)
            bob_key = world.keys["bob"]["secret"]
            async with joined(world.there, id, bearer(bob_key)) as bob:
                await ann.sees("you", "bob")
                await ann.composer.press_sequentially("tell us")
                await bob.until("typing", user="ann")
                await ann.composer.press("Enter")
                started = await bob.until("started")
                generation = started["generation_id"]
                await bob.until("delta", where=lambda _: " t20 " in bob.texts[generation])
                await ann.shows_token(20)

                project = typescript.project(tmp_path)
                said = await node.run_node(project, "conversation.mjs", world.there, bob_key, id)
                stopped = json.loads(said)
                assert stopped["stopped"] == ["stopped"]
                await bob.until("finished", generation_id=generation)
                await ann.ends("stopped")

            [*_, (_, text, status)] = stopped["texts"]
            assert status == "stopped"
            assert bob.texts[generation] == text
            assert await ann.text() == flat(text)
            await until(lambda: ends_with(device, id, text), "the stopped answer", device)
            assert world.histories(id) == [stopped["texts"]] * 4
            await ann.page.reload()
            await ann.ends("stopped")
            assert await ann.text() == flat(text)


def ends_with(device: Device, id: str, text: str) -> bool:
    told = [heard.json for heard in device.on(f"{id}/response")]
    return bool(told) and told[-1]["text"] == text
