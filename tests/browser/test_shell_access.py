"""The page for everybody: axe, a phone, the keyboard alone, reduced motion."""

from typing import Any, Literal

import pytest
from playwright.async_api import Browser, expect

from tests.browser.chat_tab import SLOW
from tests.browser.shell_tab import ShellTab
from tests.client import Client
from tests.service import PATIENCE_SECONDS, Service
from tests.upstream import mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
UNPACED = {"tokens_per_second": 0}
SMALLEST = {"width": 320, "height": 568}
Theme = Literal["light", "dark"]
LOOKS: list[Any] = [
    pytest.param("light", PHONE, id="light-phone"),
    pytest.param("dark", WIDE, id="dark-wide"),
    pytest.param("dark", PHONE, id="dark-phone", marks=pytest.mark.thorough),
    pytest.param("light", WIDE, id="light-wide", marks=pytest.mark.thorough),
]


@pytest.mark.parametrize(("theme", "size"), LOOKS)
async def test_axe_finds_no_barrier(
    browser: Browser, service: Service, client: Client, theme: Theme, size: Any
) -> None:
    title = f"To look at {theme} on {size['width']}"
    id = await client.conversation(title=title, params=SLOW)
    shown = await client.send(id, "Show me", model="demo/markdown", params={"extra": UNPACED})
    await client.read(shown.generation_id)
    model = "openai/" + mock_model(tokens=20, fail="truncate", after=13)
    await client.read((await client.send(id, "Fail", model=model)).generation_id)
    profile = await browser.new_context(viewport=size, color_scheme=theme)
    profile.set_default_timeout(PATIENCE_SECONDS * 1000)
    tab = await ShellTab.open(profile, service.base_url)
    await expect(tab.model).to_contain_text("demo/echo")
    await tab.shows_no_barrier()
    await tab.go(id)
    await expect(tab.page.get_by_label("Answer", exact=True)).to_have_count(2)
    sent = await client.send(id, "go on", model="demo/story")
    await expect(tab.page.get_by_label("Answer", exact=True).last).to_contain_text("t3 ")
    await tab.shows_no_barrier()
    if size is PHONE:
        await tab.button("Open the sidebar").click()
    await tab.choose(title, "Rename")
    await tab.shows_no_barrier()
    await tab.press("Escape")
    await tab.row(title).hover()
    await tab.button(f"More about {title}").click()
    await tab.shows_no_barrier()
    await tab.press("Escape")
    if size is PHONE:
        await tab.button("Close the sidebar").click()
    for button in ("Settings of this chat", "Share this chat"):
        await tab.button(button).click()
        await expect(tab.dialog).to_be_visible()
        await tab.shows_no_barrier()
        await tab.press("Escape")
    await tab.model.click()
    await expect(tab.page.get_by_role("option").first).to_be_visible()
    await tab.shows_no_barrier()
    await client.stop(sent.generation_id)
    await profile.close()


@pytest.mark.parametrize("size", [PHONE, SMALLEST], ids=["phone", "smallest"])
async def test_on_a_phone_all_fits_and_the_drawer_keeps_the_focus(
    browser: Browser, service: Service, client: Client, size: Any
) -> None:
    id = await client.conversation(title="A rather long title for a small screen " * 3)
    shown = await client.send(id, "Show me", model="demo/markdown", params={"extra": UNPACED})
    await client.read(shown.generation_id)
    profile = await browser.new_context(viewport=size, has_touch=True, is_mobile=True)
    tab = await ShellTab.open(profile, service.base_url, id)
    await expect(tab.page.get_by_label("Answer", exact=True)).to_contain_text("Other scripts")
    assert await tab.is_as_wide_as_the_window()
    assert await tab.small_targets() == []
    opener = tab.button("Open the sidebar")
    await opener.tap()
    await expect(tab.button("Close the sidebar")).to_be_focused()
    assert await tab.page.evaluate("document.querySelector('#stage').inert")
    assert await tab.is_as_wide_as_the_window()
    assert await tab.small_targets() == []
    await tab.press("Escape")
    await expect(tab.sidebar).to_be_hidden()
    await expect(opener).to_be_focused()
    await tab.button("Settings of this chat").tap()
    assert await tab.is_as_wide_as_the_window()
    assert await tab.small_targets() == []
    await tab.press("Escape")
    await tab.model.tap()
    await expect(tab.page.get_by_role("option").first).to_be_visible()
    assert await tab.is_as_wide_as_the_window()
    await tab.page.mouse.click(5, 5)
    await opener.tap()
    await tab.page.get_by_role("link", name="New chat").tap()
    await expect(tab.sidebar).to_be_hidden()
    await expect(tab.page).to_have_url(f"{service.base_url}/#/")
    await profile.close()


async def test_who_wants_no_motion_gets_none(
    browser: Browser, service: Service, client: Client
) -> None:
    id = await client.conversation(title="Still", params=SLOW)
    sent = await client.send(id, "go on", model="demo/story")
    profile = await browser.new_context(reduced_motion="reduce", forced_colors="active")
    tab = await ShellTab.open(profile, service.base_url, id)
    await expect(tab.page.get_by_label("Answer", exact=True)).to_contain_text("t3 ")
    moving = """document.getAnimations().filter(({ effect, playState }) =>
      playState === "running" && effect.getComputedTiming().duration > 10).length"""
    assert await tab.page.evaluate(moving) == 0
    await client.stop(sent.generation_id)
    await profile.close()
