"""A conversation is shared: with members by their names, and by a link that needs no key."""

import re

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from tests.browser.complaints import Complaints
from tests.browser.shell_tab import ShellTab
from tests.client import Client
from tests.service import PATIENCE_SECONDS, Service

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_link_shows_the_conversation_until_it_is_revoked(
    browser: Browser,
    profile: BrowserContext,
    complaints: Complaints,
    service: Service,
    client: Client,
) -> None:
    id = await client.conversation(title="Foxes and hens")
    sent = await client.send(id, "the **quick** brown fox", model="demo/echo")
    await client.read(sent.generation_id)
    tab = await ShellTab.open(profile, service.base_url, id)
    await tab.button("Share this chat").click()
    await tab.button("Make a link").click()
    link = tab.page.get_by_label("Link", exact=True)
    await expect(link).to_have_value(re.compile(r"/shared#\S{20,}$"))
    stranger = await browser.new_context(color_scheme="dark")
    stranger.set_default_timeout(PATIENCE_SECONDS * 1000)
    said = Complaints(stranger)
    page = await stranger.new_page()
    answer = await page.goto(await link.input_value())
    assert answer
    assert "require-trusted-types-for 'script'" in answer.headers["content-security-policy"]
    await expect(page.get_by_role("heading", name="Foxes and hens")).to_be_visible()
    await expect(page.get_by_label("You", exact=True)).to_have_text("the **quick** brown fox")
    await expect(page.get_by_label("Answer", exact=True).locator("strong")).to_have_text("quick")
    await ShellTab(page, service.base_url).shows_no_barrier()
    assert not said.all
    await tab.button("Revoke").click()
    await expect(tab.toast).to_contain_text("opens nothing any more")
    await page.reload()
    await expect(page.get_by_role("status")).to_have_text("This link shows nothing, or no longer.")
    await stranger.close()
    assert not complaints.all


async def test_members_are_added_and_removed(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await client.conversation()
    tab = await ShellTab.open(profile, service.base_url, id)
    await tab.button("Share this chat").click()
    await tab.page.get_by_label("User").fill("bob")
    await tab.page.get_by_label("Role").select_option("may write")
    await tab.button("Add").click()
    member = tab.dialog.get_by_role("listitem")
    await expect(member).to_have_text("bobmay write")
    await tab.button("Remove bob").click()
    await expect(member).to_have_count(0)
    assert (await client.http.get(f"/api/conversations/{id}/members")).json() == {"items": []}
    assert not complaints.all
