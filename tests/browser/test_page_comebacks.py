"""The page at /, when somebody comes back to it: nothing was lost, and nothing is there twice."""

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    FilePayload,
    Route,
    async_playwright,
    expect,
)

from tests.browser.chat_tab import ChatTab, flat, paced, story, story_conversation
from tests.browser.complaints import Complaints
from tests.browser.waiting import until
from tests.client import Client
from tests.service import PATIENCE_SECONDS, Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS = 120
DOT = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_what_was_being_written_is_there_after_a_reload(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await client.conversation(model="demo/echo")
    tab = await ChatTab.open(profile, service.base_url)
    await tab.composer.fill("for a new one")
    await tab.page.goto(f"{service.base_url}/#/c/{id}")
    await expect(tab.composer).to_have_value("")
    await tab.composer.fill("for this one\nin two lines")
    await tab.page.reload()
    await expect(tab.composer).to_have_value("for this one\nin two lines")
    await tab.page.get_by_role("link", name="New chat").click()
    await expect(tab.composer).to_have_value("for a new one")
    await tab.composer.press("Enter")
    await tab.ends("complete")
    await tab.page.reload()
    await expect(tab.composer).to_have_value("")
    assert complaints.all == []


async def test_what_was_not_sent_goes_out_after_a_reload_and_once(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    id = await client.conversation(model="demo/echo")
    tab = await ChatTab.open(profile, service.base_url, id)
    asked: list[str] = []

    async def lose_the_answer(route: Route) -> None:
        if route.request.method == "POST":
            asked.append(await route.request.header_value("idempotency-key") or "")
            if len(asked) == 1:
                await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    await tab.page.route("**/messages", lose_the_answer)
    await tab.ask("are you there?")
    await expect(tab.waiting).to_be_visible()
    await tab.page.unroute("**/messages")
    await tab.page.reload()
    await tab.ends("complete")
    await expect(tab.questions).to_have_count(1)
    await expect(tab.waiting).to_have_count(0)
    contents = [message["content"] for message in await client.messages(id)]
    assert contents == ["are you there?", "You said: are you there?"]
    assert len(set(asked)) == 1


async def test_what_waits_can_be_taken_back(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    id = await client.conversation(model="demo/echo")
    tab = await ChatTab.open(profile, service.base_url, id)
    await profile.set_offline(True)
    await tab.ask("never mind")
    await tab.press("Take it back")
    await expect(tab.composer).to_have_value("never mind")
    await expect(tab.questions).to_have_count(0)
    await profile.set_offline(False)
    await expect(tab.status).to_have_text("")
    assert await client.messages(id) == []


async def test_a_tab_in_the_background_has_all_of_it_when_it_is_looked_at(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    id = await story_conversation(client, paced(TOKENS, 60))
    await profile.clock.install()
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ends("complete")
    # As a browser does when another tab is looked at; it then gives its connection back.
    await tab.page.evaluate(HIDE)
    await profile.clock.fast_forward(70_000)
    sent = await client.send(id, "go on", model="demo/story", params=paced(TOKENS, 60))
    await client.read(sent.generation_id)
    await expect(tab.answers).to_have_count(1)
    await tab.page.evaluate(SHOW)
    await expect(tab.answers).to_have_count(2)
    await tab.ends("complete")
    assert await tab.text() == flat(story(TOKENS))


HIDE = """() => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
SHOW = """() => {
  delete document.hidden;
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def keeping(chromium: Path) -> AsyncIterator[Browser]:
    """A browser that keeps pages whole when somebody leaves them, which Playwright turns off."""
    async with async_playwright() as playwright:
        yield await playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--no-proxy-server"],
            ignore_default_args=["--disable-back-forward-cache"],
        )


async def test_a_page_that_comes_back_whole_goes_on(
    keeping: Browser, service: Service, client: Client
) -> None:
    id = await story_conversation(client, paced(TOKENS, 40))
    profile = await keeping.new_context()
    profile.set_default_timeout(PATIENCE_SECONDS * 1000)
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ends("complete")
    await tab.page.evaluate("window.whole = true")
    await tab.ask("go on")
    await tab.shows_token(20)
    await tab.page.goto(f"{service.base_url}/health/live")
    await tab.page.go_back(wait_until="commit")
    await until(tab.page, "document.querySelectorAll('article.assistant').length === 2")
    assert await tab.page.evaluate("window.whole") is True
    await tab.shows_token(TOKENS - 1)
    await tab.ends("complete")
    assert await tab.text() == flat(story(TOKENS))
    await profile.close()


async def test_an_image_is_shown_sent_and_can_be_left_out(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await client.conversation(model="demo/echo")
    tab = await ChatTab.open(profile, service.base_url, id)
    image = FilePayload(name="dot.png", mimeType="image/png", buffer=DOT)
    await tab.page.locator("#files").set_input_files([image, image])
    await expect(tab.page.get_by_role("img", name="Image 2")).to_be_visible()
    await tab.press("Remove image 2")
    await tab.ask("what is this?")
    await tab.ends("complete")
    assert await tab.text() == "You said: what is this? (1 image)"
    await tab.page.reload()
    await expect(tab.questions.get_by_role("img")).to_have_count(1)
    await tab.page.locator("#files").set_input_files(
        FilePayload(name="x.svg", mimeType="image/svg+xml", buffer=b"<svg/>")
    )
    await expect(tab.notice).to_contain_text("no PNG, JPEG, WebP or GIF")
    assert complaints.all == []
