"""The page in docs/frontend.md, as it is in the document, on an origin of its own."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.chat_tab import paced, story
from tests.browser.complaints import Complaints
from tests.browser.served import served
from tests.browser.wire import wire_to
from tests.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

DOCUMENT = Path(__file__).parents[2] / "docs/frontend.md"
TOKENS = 90


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def origin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("example")
    with served(folder) as url:
        yield url, folder


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def open_service(
    origin: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("cors")
    settings = {"LLMCHAT_CORS_ORIGINS": origin[0], "LLM_MODEL": "demo/story"}
    async with Service(folder, **settings).running() as running:
        yield running


def _page_for(server: str) -> str:
    [html] = re.findall(r"```html\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    page, changed = re.subn(r'(const SERVER = )"[^"]*"', rf'\1"{server}"', html)
    assert changed == 1
    return page


async def _opened(profile: BrowserContext, origin: tuple[str, Path], server: str) -> Page:
    url, folder = origin
    (folder / "chat.html").write_text(_page_for(server), "utf-8")
    page = await profile.new_page()
    await page.goto(f"{url}/chat.html")
    return page


async def _told_slowly(page: Page, service: Service) -> str:
    """A conversation in which demo/story takes its time, opened in the page."""
    async with service.client() as client:
        id = await client.conversation(params=paced(TOKENS, 60))
    await page.evaluate("(id) => { location.hash = id }", id)
    await page.reload()
    return id


async def _ask(page: Page, text: str) -> None:
    await page.get_by_label("Message").fill(text)
    await page.get_by_role("button", name="Send").click()


async def _stored(service: Service, id: str) -> list[str]:
    async with service.client() as client:
        return [message["content"] for message in await client.messages(id)]


async def test_it_asks_reloads_and_shows_what_is_stored(
    profile: BrowserContext,
    complaints: Complaints,
    origin: tuple[str, Path],
    open_service: Service,
) -> None:
    page = await _opened(profile, origin, open_service.base_url)
    id = await _told_slowly(page, open_service)
    await _ask(page, "once upon a time")
    answer = page.locator("#log .assistant")
    for token in (10, 30):
        await expect(answer).to_contain_text(f"t{token} ")
        await page.reload()
    await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    await expect(answer).to_contain_text(f"t{TOKENS - 1} ")
    shown = await page.locator("#log p").all_text_contents()
    assert shown == await _stored(open_service, id) == ["once upon a time", story(TOKENS)]
    assert [complaint for complaint in complaints.but_network if "origin" in complaint] == []


async def test_a_stop_keeps_what_came(
    profile: BrowserContext, origin: tuple[str, Path], open_service: Service
) -> None:
    page = await _opened(profile, origin, open_service.base_url)
    id = await _told_slowly(page, open_service)
    await _ask(page, "once upon a time")
    answer = page.locator("#log .assistant")
    await expect(answer).to_contain_text("t5 ")
    await page.get_by_role("button", name="Stop").click()
    await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    await expect(answer).to_have_text((await _stored(open_service, id))[-1])
    assert story(TOKENS).startswith(await answer.text_content() or "nothing")


async def test_a_cut_network_loses_and_doubles_nothing(
    profile: BrowserContext, origin: tuple[str, Path], open_service: Service
) -> None:
    async with wire_to(open_service.port) as (wire, server):
        page = await _opened(profile, origin, server)
        await _told_slowly(page, open_service)
        await _ask(page, "once upon a time")
        answer = page.locator("#log .assistant")
        await expect(answer).to_contain_text("t10 ")
        wire.cut()
        await expect(answer).to_contain_text(f"t{TOKENS - 1} ")
        assert await answer.text_content() == story(TOKENS)


async def test_a_killed_server_leaves_what_is_stored(
    profile: BrowserContext, origin: tuple[str, Path], open_service: Service
) -> None:
    page = await _opened(profile, origin, open_service.base_url)
    id = await _told_slowly(page, open_service)
    await _ask(page, "once upon a time")
    await expect(page.locator("#log .assistant")).to_contain_text("t10 ")
    await open_service.kill()
    await open_service.start()
    await expect(page.locator("#note")).to_contain_text("interrupted")
    assert await page.locator("#log p").all_text_contents() == await _stored(open_service, id)
