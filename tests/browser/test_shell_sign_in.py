"""A locked service: the page asks for a key, keeps it nowhere, and loses nothing by that."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from tests.browser.chat_tab import paced, story
from tests.browser.complaints import Complaints
from tests.browser.shell_tab import ShellTab
from tests.service import Service
from tests.web.locked import SECRET, bearer

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS = 120


class Locked:
    """A service that asks for keys; its first key is the admin's."""

    def __init__(self, service: Service) -> None:
        self.base_url = service.base_url
        self._service = service
        [self._admin] = set(SECRET.findall(service.log))

    async def key(self, user: str) -> dict[str, Any]:
        return await self._call("POST", "/api/keys", {"name": user, "user": user})

    async def revoke(self, id: str) -> None:
        async with self._service.client() as client:
            done = await client.http.delete(f"/api/keys/{id}", headers=bearer(self._admin))
            assert done.status_code == 204

    async def messages(self, secret: str, id: str) -> list[str]:
        async with self._service.client() as client:
            url = f"/api/conversations/{id}/messages"
            found = (await client.http.get(url, headers=bearer(secret))).json()
        return [message["content"] for message in found["items"]]

    async def _call(self, method: str, path: str, body: Any) -> dict[str, Any]:
        async with self._service.client() as client:
            done = await client.http.request(method, path, json=body, headers=bearer(self._admin))
        assert done.is_success, done.text
        found: dict[str, Any] = done.json()
        return found

    async def told_slowly(self, secret: str) -> str:
        async with self._service.client() as client:
            body = {"params": paced(TOKENS, 30), "model": "demo/story"}
            made = await client.http.post("/api/conversations", json=body, headers=bearer(secret))
        return str(made.json()["id"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def locked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Locked]:
    folder = tmp_path_factory.mktemp("locked")
    async with Service(folder, LLMCHAT_AUTH="keys", LLM_MODEL="demo/echo").running() as running:
        yield Locked(running)


async def _try(tab: ShellTab, secret: str) -> None:
    await tab.page.get_by_label("API key").fill(secret)
    await tab.press("Enter")


async def _sign_in(tab: ShellTab, secret: str) -> None:
    await _try(tab, secret)
    await expect(tab.dialog).to_have_count(0)


async def test_a_key_opens_the_page_and_is_kept_where_no_script_finds_it(
    profile: BrowserContext, locked: Locked, complaints: Complaints
) -> None:
    secret = (await locked.key("ann"))["secret"]
    tab = await ShellTab.open(profile, locked.base_url)
    field = tab.page.get_by_label("API key")
    await expect(field).to_be_focused()
    await expect(field).to_have_attribute("type", "password")
    await expect(field).to_have_attribute("autocomplete", "current-password")
    await tab.press("Escape")
    await tab.press("Escape")
    await _try(tab, "sk-llmchat-no")
    await expect(tab.dialog.get_by_role("alert")).to_contain_text("This key is not known here")
    await _sign_in(tab, secret)
    await expect(tab.button("ann")).to_be_visible()
    await expect(tab.model).to_contain_text("demo/echo")
    await tab.page.reload()
    await expect(tab.button("ann")).to_be_visible()
    await expect(tab.dialog).to_have_count(0)
    stored = "JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])"
    assert secret not in await tab.page.evaluate(stored)
    [cookie] = await profile.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert secret not in cookie["value"]
    assert [one for one in complaints.but_network if "refused" not in one.lower()] == []


async def test_signing_out_leaves_nothing_in_any_tab(
    profile: BrowserContext, locked: Locked
) -> None:
    secret = (await locked.key("bea"))["secret"]
    tab = await ShellTab.open(profile, locked.base_url)
    await _sign_in(tab, secret)
    await tab.composer.fill("a question of bea")
    await tab.composer.press("Enter")
    await expect(tab.rows).to_have_count(1)
    await tab.composer.fill("what bea has not sent")
    other = await ShellTab.open(profile, locked.base_url)
    await expect(other.rows).to_have_count(1)
    await tab.page.bring_to_front()
    await tab.button("bea").click()
    await tab.page.get_by_role("menuitem", name="Sign out").click()
    for one in (tab, other):
        await expect(one.page.get_by_label("API key")).to_be_visible()
        await expect(one.rows).to_have_count(0)
        await expect(one.composer).to_have_value("")
        assert "bea" not in await one.page.evaluate("JSON.stringify(localStorage)")
        assert "bea" not in await one.page.content()
    assert await profile.cookies() == []
    await _sign_in(tab, (await locked.key("cid"))["secret"])
    await expect(tab.button("cid")).to_be_visible()
    await expect(other.button("cid")).to_be_visible()
    await expect(tab.rows).to_have_count(0)


async def test_a_session_that_ends_in_mid_answer_asks_again_and_loses_nothing(
    profile: BrowserContext, locked: Locked
) -> None:
    first, second = [await locked.key("dan") for _ in range(2)]
    id = await locked.told_slowly(first["secret"])
    tab = await ShellTab.open(profile, locked.base_url, id)
    await _sign_in(tab, first["secret"])
    answer = tab.page.get_by_label("Answer", exact=True)
    await expect(tab.model).to_contain_text("demo/story")
    await tab.composer.fill("go on")
    await tab.composer.press("Enter")
    await expect(answer).to_contain_text("t10 ")
    await tab.composer.fill("what I was about to say")
    await locked.revoke(first["id"])
    await tab.page.evaluate("dispatchEvent(new Event('focus'))")
    await expect(tab.dialog).to_contain_text("Your session has ended")
    await _sign_in(tab, second["secret"])
    await expect(tab.composer).to_have_value("what I was about to say")
    await expect(answer).to_contain_text(f"t{TOKENS - 1}")
    [_, stored] = await locked.messages(second["secret"], id)
    shown = await answer.locator(".answer").text_content() or ""
    assert shown.split() == stored.split() == story(TOKENS).split()


async def test_somebody_else_who_signs_in_finds_an_empty_page(
    profile: BrowserContext, locked: Locked
) -> None:
    hers, his = await locked.key("eve"), await locked.key("fox")
    tab = await ShellTab.open(profile, locked.base_url)
    await _sign_in(tab, hers["secret"])
    await tab.composer.fill("a question of eve")
    await tab.composer.press("Enter")
    await expect(tab.rows).to_have_count(1)
    await tab.composer.fill("what eve has not sent")
    await locked.revoke(hers["id"])
    await tab.page.evaluate("dispatchEvent(new Event('focus'))")
    await _sign_in(tab, his["secret"])
    await expect(tab.button("fox")).to_be_visible()
    await expect(tab.rows).to_have_count(0)
    await expect(tab.composer).to_have_value("")
    assert "eve" not in await tab.page.evaluate("JSON.stringify([localStorage, sessionStorage])")
