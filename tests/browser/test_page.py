"""The page at /, when nothing goes wrong but the reader's patience."""

import random

import pytest
from playwright.async_api import BrowserContext, expect

from tests.browser.chat_tab import ChatTab, flat, paced, story, story_conversation
from tests.browser.complaints import Complaints
from tests.client import Client
from tests.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS = 120


async def test_an_answer_streams_in_and_is_there_after_a_reload(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    tab = await ChatTab.open(profile, service.base_url)
    await tab.ask("the quick brown fox")
    await tab.ends("complete")
    assert await tab.text() == "You said: the quick brown fox"
    await expect(tab.page.locator("#spoken")).to_have_text("Answer finished.")
    await tab.page.reload()
    await expect(tab.questions).to_have_text(["the quick brown fox"])
    await tab.ends("complete")
    stored = await client.messages(tab.conversation_id)
    assert await tab.text() == stored[-1]["content"]
    assert not complaints.all


async def test_reloads_in_mid_answer_end_with_the_stored_text(
    profile: BrowserContext, service: Service, client: Client, chaos: random.Random
) -> None:
    id = await story_conversation(client, paced(TOKENS, 60))
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ends("complete")
    await tab.ask("go on")
    for token in sorted(chaos.sample(range(1, TOKENS - 20), 10)):
        await tab.shows_token(token)
        await tab.page.reload()
    await tab.shows_token(TOKENS - 1)
    await tab.ends("complete")
    stored = await client.messages(id)
    assert await tab.text() == flat(stored[-1]["content"]) == flat(story(TOKENS))


async def test_stop_keeps_what_came(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await story_conversation(client)
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ends("complete")
    await tab.ask("go on")
    await tab.shows_token(20)
    await tab.press("Stop")
    await tab.ends("stopped")
    reply = (await client.messages(id))[-1]
    assert (await tab.text(), "stopped") == (flat(reply["content"]), reply["status"])
    await expect(tab.page.get_by_role("button", name="Send")).to_be_visible()
    assert not complaints.all


async def test_two_tabs_show_the_same(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    id = await story_conversation(client, paced(TOKENS, 60))
    one = await ChatTab.open(profile, service.base_url, id)
    waiting = await ChatTab.open(profile, service.base_url, id)
    for tab in (one, waiting):
        await tab.ends("complete")
    await one.ask("go on")
    await one.shows_token(20)
    other = await ChatTab.open(profile, service.base_url, one.conversation_id)
    for tab in (one, other, waiting):
        await expect(tab.answers).to_have_count(2)
        await tab.shows_token(TOKENS - 1)
        await tab.ends("complete")
    assert await one.text() == await other.text() == await waiting.text() == flat(story(TOKENS))


async def test_a_new_conversation_leaves_the_old_one_running(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await story_conversation(client, paced(40, 40))
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ends("complete")
    await tab.ask("go on")
    await tab.shows_token(5)
    await tab.page.get_by_role("link", name="New chat").click()
    await expect(tab.answers).to_have_count(0)
    await tab.ask("hello")
    await expect(tab.answers).to_have_count(1)
    await tab.ends("complete")
    assert tab.conversation_id != id
    await tab.page.go_back()
    await expect(tab.answers).to_have_count(2)
    await tab.ends("complete")
    assert await tab.text() == flat(story(40))
    assert not complaints.all


async def test_enter_sends_unless_it_chooses_a_word_or_breaks_the_line(
    profile: BrowserContext, service: Service
) -> None:
    tab = await ChatTab.open(profile, service.base_url)
    await tab.composer.fill("ni hao")
    for event in ({"isComposing": True}, {"keyCode": 229}):
        await tab.composer.dispatch_event("keydown", {"key": "Enter", **event})
    await tab.composer.press("Shift+Enter")
    await tab.composer.press_sequentially("fox")
    await expect(tab.questions).to_have_count(0)
    await tab.composer.press("Enter")
    await tab.ends("complete")
    assert await tab.answer.locator(".answer").inner_text() == "You said: ni hao\nfox"
    await expect(tab.composer).to_have_value("")


async def test_the_end_stays_in_view_until_the_reader_scrolls_up(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    id = await story_conversation(client, paced(tokens=20_000, tokens_per_second=1000))
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ends("complete")
    await tab.ask("go on")
    await tab.shows_token(1500)
    await tab.shows_the_end()
    await tab.scroller.hover()
    await tab.page.mouse.wheel(0, -100_000)
    await tab.shows_the_beginning()
    await tab.shows_token(3000)
    await tab.press("Stop")
    await tab.ends("stopped")
    await tab.shows_the_beginning()
    await tab.ask("and on")
    await tab.shows_the_end()
    await tab.press("Stop")
    await tab.ends("stopped")


async def test_the_api_console_needs_nobody_else(
    profile: BrowserContext, complaints: Complaints, service: Service
) -> None:
    page = await profile.new_page()
    await page.goto(f"{service.base_url}/docs")
    await expect(page.locator(".opblock").first).to_be_visible()
    assert not complaints.all
