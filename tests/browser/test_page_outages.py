"""The page at /, when the network, the server or a reader in between does its worst."""

import re
import signal
from collections.abc import Mapping

import orjson
import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.browser.chat_tab import ChatTab, flat, story, story_conversation
from tests.browser.complaints import Complaints
from tests.browser.wire import wire_to
from tests.client import Client
from tests.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOST = re.compile("reconnecting|You are offline")


async def test_a_killed_server_leaves_what_was_shown(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await story_conversation(client)
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ends("complete")
    await tab.ask("go on")
    await tab.shows_token(30)
    await service.kill()
    await expect(tab.status).to_contain_text(LOST)
    shown = await tab.text()
    await service.start()
    await tab.ends("interrupted")
    await expect(tab.answer).to_contain_text("The generation was interrupted")
    await shows_what_is_stored(tab, client)
    assert (await tab.text()).startswith(shown)
    assert not complaints.but_network


@pytest.mark.thorough
async def test_an_answer_goes_on_in_the_page_after_kill_9(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    service.settings["LLMCHAT_ON_CRASH"] = "continue"
    id = await story_conversation(client)
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ends("complete")
    # From now on it is a server that goes on with what it did not finish.
    await service.kill()
    await service.start()
    await tab.ask("go on")
    await tab.shows_token(30)
    await service.kill()
    await expect(tab.status).to_contain_text(LOST)
    shown = await tab.text()
    await service.start()
    await tab.ends("complete")
    await shows_what_is_stored(tab, client)
    assert (await tab.text()).startswith(shown)
    assert not complaints.but_network


@pytest.mark.thorough
async def test_a_server_that_refuses_readers_is_asked_again(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await story_conversation(client)
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ends("complete")
    await tab.ask("go on")
    await tab.shows_token(30)
    # It drains: the generation goes on, and readers get 503, at which EventSource gives up.
    async with tab.page.expect_response(
        lambda response: (
            response.status == 503 and response.url.partition("?")[0].endswith("/stream")
        )
    ):
        service.signal(signal.SIGTERM)
    await tab.press("Stop")
    assert await service.exit_code() == 0
    await service.start()
    await tab.ends("stopped")
    await shows_what_is_stored(tab, client)
    assert not complaints.but_network


async def test_a_cut_network_costs_nothing(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await story_conversation(client)
    async with wire_to(service.port) as (wire, url):
        tab = await ChatTab.open(profile, url, id)
        await tab.ends("complete")
        await tab.ask("go on")
        for token in (20, 60):
            await tab.shows_token(token)
            # It keeps new connections from being made, and leaves those that are there.
            await profile.set_offline(True)
            wire.cut()
            await expect(tab.status).to_contain_text(LOST)
            await profile.set_offline(False)
        await tab.shows_token(120)
        await tab.press("Stop")
        await tab.ends("stopped")
        await shows_what_is_stored(tab, client)
    assert not complaints.but_network


async def test_a_connection_that_is_dead_but_open_is_noticed(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await story_conversation(client)
    await profile.clock.install()
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ends("complete")
    await tab.ask("go on")
    await tab.shows_token(30)
    service.signal(signal.SIGSTOP)
    await profile.clock.fast_forward(30_000)
    await expect(tab.status).to_contain_text(LOST)
    service.signal(signal.SIGCONT)
    await tab.shows_token(60)
    await tab.press("Stop")
    await tab.ends("stopped")
    await shows_what_is_stored(tab, client)
    assert not complaints.all


async def test_offsets_are_checked_and_a_reset_is_heeded(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    id = await story_conversation(client)
    sent = await client.send(id, model="demo/story")
    generation = {"generation_id": sent.generation_id}
    live = {"id": sent.generation_id, "message_id": sent.reply_id, "model": "demo/story"}
    before = {**live, "text": "one ", "reasoning": "hm ", "tool_calls": [], "offset": 3}
    missing = frames(
        ("snapshot", {"conversation": await client.show(id), "generations": [before]}),
        ("delta", {**generation, "offset": [5, 5], "channel": "answer", "text": "three "}),
    )
    doubled = frames(
        ("snapshot", {"conversation": await client.show(id), "generations": [before]}),
        ("delta", {**generation, "offset": [4, 4], "channel": "answer", "text": "two "}),
        *[("reset", {**generation, "offset": [5, 5], "attempt": 2, "text": "new "})] * 2,
        *[("delta", {**generation, "offset": [6, 9], "channel": "answer", "text": "text"})] * 2,
        *[("no such event", {})],
        *[("heartbeat", {})],
    )
    asked: list[str] = []

    async def stream(route: Route) -> None:
        asked.append(route.request.url)
        body = missing if len(asked) == 1 else doubled
        await route.fulfill(content_type="text/event-stream", body=body)

    await profile.route("**/api/conversations/*/stream", stream)
    tab = await ChatTab.open(profile, service.base_url, id)
    await expect(tab.answer.locator(".answer")).to_have_text("new text")
    assert len(asked) >= 2
    await profile.unroute("**/api/conversations/*/stream")
    await client.stop(sent.generation_id)
    await tab.ends("stopped")
    await shows_what_is_stored(tab, client)


async def shows_what_is_stored(tab: ChatTab, client: Client) -> None:
    """Every token once, in order, and what the history has of them."""
    reply = (await client.messages(tab.conversation_id))[-1]
    text = await tab.text()
    assert text == flat(reply["content"]) == flat(story(len(text.split())))
    await expect(tab.answer).to_have_attribute("data-status", reply["status"])


def frames(*events: tuple[str, Mapping[str, object]]) -> bytes:
    """A conversation's stream as the service would send it; it ends, and is asked for again."""
    lines = [f"event: {name}\ndata: {orjson.dumps(data).decode()}" for name, data in events]
    return "\n\n".join(["retry: 100", *lines, ""]).encode() + b"\n"
