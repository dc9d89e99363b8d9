"""The page at /: versions of a message, and what can be done with an answer."""

import asyncio

import pytest
from playwright.async_api import BrowserContext, expect

from tests.browser.chat_tab import SLOW, ChatTab, flat, paced, story
from tests.browser.complaints import Complaints
from tests.client import Client
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS, Service

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_versions_can_be_made_and_switched_and_every_tab_follows(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await client.conversation(model="demo/echo")
    one = await ChatTab.open(profile, service.base_url, id)
    other = await ChatTab.open(profile, service.base_url, id)
    await one.ask("fox")
    await one.ends("complete")
    await one.edit("fox", "dog")
    for tab in (one, other):
        await expect(tab.questions.locator(".text")).to_have_text(["dog"])
        await expect(tab.answer.locator(".answer")).to_have_text("You said: dog")
        await expect(tab.questions.locator(".count")).to_have_text("2/2")
    await one.questions.last.get_by_role("button", name="Previous version").click()
    for tab in (one, other):
        await expect(tab.questions.locator(".text")).to_have_text(["fox"])
        await expect(tab.answer.locator(".answer")).to_have_text("You said: fox")
    await one.answer.get_by_role("button", name="Regenerate").click()
    for tab in (one, other):
        await expect(tab.answer.locator(".count")).to_have_text("2/2")
        await tab.ends("complete")
    await other.answer.get_by_role("button", name="Previous version").click()
    await expect(one.answer.locator(".count")).to_have_text("1/2")
    await one.page.reload()
    await expect(one.answer.locator(".count")).to_have_text("1/2")
    await expect(one.questions.locator(".count")).to_have_text("1/2")
    assert complaints.all == []


async def test_an_answer_that_was_stopped_goes_on(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    id = await client.conversation(model="demo/story", params=SLOW)
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ask("once upon a time")
    await tab.shows_token(20)
    await tab.press("Stop")
    await tab.ends("stopped")
    so_far = await tab.text()
    await tab.answer.get_by_role("button", name="Continue").click()
    await expect(tab.answer.locator(".answer")).not_to_have_text(so_far)
    await tab.shows_token(30)
    await tab.press("Stop")
    await tab.ends("stopped")
    text = await tab.text()
    assert text == flat((await client.messages(id))[-1]["content"])
    assert text == flat(story(len(text.split())))
    assert text.startswith(so_far)


async def test_what_somebody_thinks_of_an_answer_is_kept(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    id = await client.conversation(model="demo/echo")
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ask("fox")
    await tab.ends("complete")
    good = tab.answer.get_by_role("button", name="Good answer")
    await good.click()
    await expect(good).to_have_attribute("aria-pressed", "true")
    await tab.page.reload()
    await expect(good).to_have_attribute("aria-pressed", "true")
    await good.click()
    await expect(good).to_have_attribute("aria-pressed", "false")
    # The page shows it at once, and then says it.
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await client.messages(id))[-1]["feedback"] is not None:  # noqa: ASYNC110 - another process sets no Event here
            await asyncio.sleep(LOOK_SECONDS)


async def test_a_long_conversation_opens_at_its_end_and_the_rest_comes_when_it_is_looked_for(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    id = await client.conversation(model="demo/story", params=paced(900, 0))
    for number in range(60):
        sent = await client.send(id, f"question {number}")
        await client.read(sent.generation_id)
    tab = await ChatTab.open(profile, service.base_url, id)
    await expect(tab.questions.last).to_contain_text("question 59")
    await tab.shows_the_end()
    await expect(tab.questions).to_have_count(25)
    await tab.scroller.hover()
    for number in (34, 9, 0):
        await tab.page.mouse.wheel(0, -1_000_000)
        await expect(tab.questions.filter(has_text=f"question {number}").first).to_be_attached()
    texts = await tab.questions.locator(".text").all_text_contents()
    assert texts == [f"question {number}" for number in range(60)]
