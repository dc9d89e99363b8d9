"""The views above the conversation: usage, admin, templates and experiments, as people use them."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.complaints import Complaints
from tests.browser.past import Past, service_with_past, try_templates
from tests.browser.shell_tab import ShellTab
from tests.browser.test_shell_access import PHONE, WIDE, Theme
from tests.browser.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

MARKUP = "<img src=x onerror=alert(1)>"
SOME = ("usage?all=true", "templates/support", "experiments/warmth")
VIEWS = (*SOME, "admin", "templates", "experiments")
LETTER = {
    "name": "letter",
    "description": "Writes letters",
    "system_prompt": "Write to {{who}} in {{language}}.",
    "model": "demo/echo",
    "variables": [
        {"name": "who", "description": "Who gets it"},
        {"name": "language", "default": "English"},
    ],
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def past(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Past]:
    async with service_with_past(tmp_path_factory.mktemp("past")) as past:
        await try_templates(past, conversations=4)
        yield past


class Signed:
    """Somebody in a browser of their own, at a view."""

    def __init__(self, past: Past, browser: Browser) -> None:
        self.past = past
        self._browser = browser
        self._profiles: list[Any] = []

    async def open(self, view: str, *, by: str | None = None, **look: Any) -> tuple[ShellTab, Page]:
        profile = await self.past.profile(self._browser, by=by, **look)
        self._profiles.append((profile, Complaints(profile)))
        page = await profile.new_page()
        await page.goto(f"{self.past.service.base_url}/#/{view}")
        return ShellTab(page, self.past.service.base_url), page

    async def close(self) -> None:
        for profile, _ in self._profiles:
            await profile.close()

    @property
    def complaints(self) -> list[str]:
        return [str(said) for _, complaints in self._profiles for said in complaints.all]


@pytest_asyncio.fixture(loop_scope="session")
async def signed(past: Past, browser: Browser) -> AsyncIterator[Signed]:
    signed = Signed(past, browser)
    yield signed
    await signed.close()


async def loaded(page: Page) -> None:
    """Nothing in the view waits for an answer any more."""
    await expect(page.locator("#view h1")).to_be_visible()
    await expect(page.locator("#view [aria-busy=true]")).to_have_count(0)


async def test_usage_is_what_the_service_counted(signed: Signed, past: Past) -> None:
    tab, page = await signed.open("", by="ann")
    await tab.button("ann").click()
    await page.get_by_role("menuitem", name="Usage").click()
    await expect(page.get_by_role("heading", name="Usage")).to_be_focused()
    await loaded(page)
    await page.get_by_label("90 days").check()
    await expect(page).to_have_url(re.compile(r"#/usage\?days=90"))
    await loaded(page)

    days = await past.ask("GET", await _asked(page), by="ann")
    total = days["total"]
    plot = page.get_by_role("img", name="Tokens by the day")
    await expect(plot.locator("g")).to_have_count(90)
    await expect(page.locator(".tile").last).to_contain_text(f"{total['generations']}")
    await page.get_by_text("As a table").first.click()
    rows = page.get_by_role("table", name="Tokens, each day").get_by_role("row")
    await expect(rows).to_have_count(len(days["items"]) + 1)
    marked = sum(item["estimated"] for item in days["items"])
    await expect(rows.filter(has_text="≈")).to_have_count(marked)
    assert marked > 0
    await expect(page.get_by_text("tokens left").first).to_be_visible()

    await page.get_by_role("radio", name="Conversations").check()
    await expect(page.get_by_role("link", name="Trip to Ticino")).to_have_count(2)
    async with page.expect_download() as downloading:
        await tab.button("Download CSV").click()
    path = Path(await (await downloading.value).path())
    file = await asyncio.to_thread(path.read_text)
    found = list(csv.DictReader(io.StringIO(file)))
    assert sum(int(row["output_tokens"]) for row in found) == total["output_tokens"]

    await page.reload()
    await loaded(page)
    await expect(page.get_by_label("90 days")).to_be_checked()
    await expect(page.get_by_role("radio", name="Conversations")).to_be_checked()
    await tab.button("Back to the chat").click()
    await expect(tab.composer).to_be_visible()
    assert signed.complaints == []


async def _asked(page: Page) -> str:
    """What the page asked last about days."""
    asked: list[str] = await page.evaluate(
        "performance.getEntriesByType('resource').map(({ name }) => name)"
        ".filter((name) => name.includes('group_by=day'))"
    )
    return "/api/usage" + asked[-1].partition("/api/usage")[2]


async def test_an_admin_sees_what_is_written_and_stops_it(signed: Signed, past: Past) -> None:
    id = await past.begin_answer("bob")
    tab, page = await signed.open("admin")
    stop = page.get_by_role("button", name="Stop the answer for bob")
    await stop.click()
    await expect(tab.dialog).to_contain_text("Stop the answer for bob?")
    await tab.button("Stop it").click()
    await expect(page.get_by_text("Nothing is being written now.")).to_be_visible()
    assert (await past.ask("GET", f"/api/generations/{id}", by="bob"))["status"] == "stopped"
    await expect(page.get_by_role("row", name="ollama")).to_contain_text("Down")
    await expect(page.get_by_role("row", name="openai")).to_contain_text("Healthy")
    people = page.get_by_role("table", name="Users")
    await expect(people.get_by_role("rowheader", name="dan.miller@example.org")).to_be_visible()
    assert signed.complaints == []


async def test_a_key_is_made_its_secret_shown_once_and_revoked(signed: Signed, past: Past) -> None:
    tab, page = await signed.open("admin")
    await tab.button("New key").click()
    await page.get_by_role("textbox", name="Name", exact=True).fill(MARKUP)
    await page.get_by_role("textbox", name="User").fill("eve")
    await page.get_by_label("Tokens a month").fill("5000")
    await page.keyboard.press("Enter")
    secret = await page.get_by_role("textbox", name="The secret").input_value()
    await page.keyboard.press("Escape")
    await tab.button("I have it").click()
    past.secrets["eve"] = secret
    assert (await past.ask("GET", "/api/me", by="eve"))["user"] == "eve"

    await expect(page.get_by_role("row", name=MARKUP)).to_contain_text("5K tokens a month")
    assert secret not in await page.content()
    await tab.button(f"Revoke {MARKUP} of eve").click()
    await tab.dialog.get_by_role("button", name="Revoke").click()
    await expect(page.get_by_role("row", name=MARKUP)).to_have_count(0)
    await page.get_by_label("Show those that are revoked").check()
    await expect(page.get_by_role("row", name=MARKUP)).to_contain_text("Revoked")
    with pytest.raises(AssertionError):
        await past.ask("GET", "/api/me", by="eve")
    assert signed.complaints == []


async def test_others_see_no_admin_and_change_no_template(signed: Signed) -> None:
    tab, page = await signed.open("templates/support", by="bob")
    await loaded(page)
    await expect(page.get_by_role("heading", name="Try it")).to_be_visible()
    await expect(page.locator("#view textarea.prompt")).to_have_count(0)
    await expect(page.locator("#views a")).to_have_text(["Usage", "Templates"])
    await tab.button("bob").click()
    await expect(page.get_by_role("menuitem", name="Usage")).to_be_visible()
    await expect(page.get_by_role("menuitem", name="Admin")).to_have_count(0)
    await page.keyboard.press("Escape")
    await page.goto(f"{signed.past.service.base_url}/#/admin")
    await expect(page.locator("#view")).to_contain_text("This is for keys with the scope admin")
    await expect(page.locator("#view table")).to_have_count(0)
    assert signed.complaints == []


async def test_a_template_is_made_changed_compared_and_tried(signed: Signed, past: Past) -> None:
    tab, page = await signed.open("templates")
    await tab.button("New template").click()
    await page.get_by_role("textbox", name="Name", exact=True).fill("greeting")
    await page.get_by_label("System prompt").fill("Greet {{who}} warmly.")
    await tab.dialog.get_by_role("button", name="Add", exact=True).click()
    await tab.button("Make it").click()
    await expect(page.get_by_role("heading", name="greeting")).to_be_visible()
    prompt = page.get_by_label("System prompt")
    await prompt.fill("Greet {{who}} briefly.")
    await expect(page.locator("ins, del")).to_have_text(
        [re.compile("warmly"), re.compile("briefly")]
    )
    await tab.button("Save as version 2").click()
    await expect(page.get_by_label("Version", exact=True)).to_have_value("2")
    await expect(page.get_by_role("group", name="What has changed")).to_contain_text("warmly")

    await tab.button("Show what comes out").click()
    await expect(page.locator(".trial .problem")).to_contain_text("who")
    await page.get_by_label("who", exact=True).fill(MARKUP)
    await tab.button("Show what comes out").click()
    await expect(page.locator(".trial .prompt-text")).to_have_text(f"Greet {MARKUP} briefly.")
    await page.get_by_label("Version", exact=True).select_option("1")
    await expect(prompt).to_have_value("Greet {{who}} warmly.")
    found = await past.ask("GET", "/api/templates/greeting")
    assert (found["version"], [each["name"] for each in found["variables"]]) == (2, ["who"])


async def test_a_chat_begins_with_a_template(signed: Signed, past: Past) -> None:
    await past.ask("POST", "/api/templates", LETTER)
    tab, page = await signed.open("", by="bob", viewport=PHONE)
    await tab.button("Begin with a template").click()
    await tab.dialog.get_by_label("Template").select_option("letter")
    await expect(tab.dialog.get_by_label("language")).to_have_value("English")
    await tab.shows_no_barrier()
    await page.keyboard.press("Enter")
    await tab.button("Begin with it").click()
    # Nothing begins without what has to be given.
    await expect(page.get_by_label("who (required)")).to_be_focused()
    await page.get_by_label("who (required)").fill("Ada")
    await tab.button("Begin with it").click()
    await expect(tab.composer).to_be_focused()
    await page.reload()
    await expect(page.locator("#beginning")).to_contain_text("who: Ada")
    await expect(tab.model).to_contain_text("demo/echo")
    await tab.shows_no_barrier()
    assert await tab.small_targets() == []

    await tab.composer.fill("Thank her  for the programme")
    await page.keyboard.press("Enter")
    await expect(page.locator("#begun")).to_contain_text("letter, version 1")
    await expect(page).to_have_title("Thank her for the programme · llmchat")
    await expect(tab.row("Thank her for the programme")).to_have_count(1)
    id = page.url.rpartition("/")[2]
    made = await past.ask("GET", f"/api/conversations/{id}", by="bob")
    assert (made["template"]["name"], made["system_prompt"]) == (
        "letter",
        "Write to Ada in English.",
    )
    assert (made["metadata"], made["opening"]) == ({}, "Thank her for the programme")

    await page.locator("#begun a").click()
    await page.get_by_role("link", name="All templates").click()
    await tab.button("Begin a chat with summary").click()
    await expect(page.locator(".begins")).to_contain_text("Begins with the template summary")
    await expect(tab.composer).to_be_focused()
    await tab.button("Begin without the template").click()
    await expect(tab.button("Begin with a template")).to_be_focused()
    assert signed.complaints == []


async def test_what_was_chosen_for_a_new_chat_waits_for_it(signed: Signed, past: Past) -> None:
    tab, page = await signed.open("", by="bob", viewport=WIDE)
    await tab.button("Settings of this chat").click()
    await page.get_by_label("System prompt").fill("Be brief.")
    await tab.button("Save").click()
    await tab.button("Begin with a template").click()
    await tab.dialog.get_by_label("Template").select_option("support")
    await tab.dialog.get_by_label("product").fill("Cars")
    await tab.button("Begin with it").click()
    await expect(tab.model).to_contain_text("demo/echo")
    await tab.model.click()
    demo = page.get_by_role("group", name="demo")
    await demo.get_by_role("option", name="story").click()

    await goes_on_elsewhere(tab, past)
    await tab.go(None)
    await expect(page.locator("#beginning")).to_contain_text("product: Cars")
    await expect(tab.model).to_contain_text("demo/story")
    await tab.button("Change").click()
    await tab.dialog.get_by_label("product").fill("Bikes")
    await tab.button("Begin with it").click()
    await expect(page.locator("#beginning")).to_contain_text("product: Bikes")
    await page.reload()
    await expect(page.locator("#beginning")).to_contain_text("product: Bikes")
    await expect(tab.model).to_contain_text("demo/story")
    await own_prompt_waits_behind_the_template(tab)
    assert signed.complaints == []


async def goes_on_elsewhere(tab: ShellTab, past: Past) -> None:
    """A message in one old chat, and a look at another."""
    one, other = [
        (await past.ask("POST", "/api/conversations", {"title": title}, by="bob"))["id"]
        for title in ("One", "Another")
    ]
    await tab.go(one)
    await expect(tab.page).to_have_title("One · llmchat")
    await tab.composer.fill("How are you?")
    await tab.press("Enter")
    answer = tab.page.get_by_label("Answer", exact=True)
    await expect(answer).to_contain_text("How are you?")
    await tab.go(other)
    await expect(tab.page).to_have_title("Another · llmchat")


async def own_prompt_waits_behind_the_template(tab: ShellTab) -> None:
    prompt = tab.page.get_by_label("System prompt")
    await tab.button("Settings of this chat").click()
    await expect(prompt).to_be_disabled()
    await expect(prompt).to_have_value("")
    await expect(tab.dialog).to_contain_text("The template support is the system prompt.")
    await tab.button("Clear all").click()
    await tab.button("Save").click()
    await tab.button("Begin without the template").click()
    await tab.button("Settings of this chat").click()
    await expect(prompt).to_have_value("Be brief.")


async def test_an_experiment_runs_and_says_what_it_does_not_know(
    signed: Signed, past: Past
) -> None:
    tab, page = await signed.open("experiments")
    await tab.button("New experiment").click()
    await page.get_by_role("textbox", name="Name", exact=True).fill("brief")
    await page.get_by_role("combobox", name="Template").select_option("support")
    await expect(page.get_by_role("combobox", name="Version").last.locator("option")).to_have_count(
        3
    )
    await tab.button("Make it").click()
    await expect(page.get_by_role("heading", name="brief")).to_be_visible()
    # Another one runs on the template.
    await tab.button("Start it").click()
    await expect(tab.toast).to_contain_text("warmth")
    await tab.button("Delete").click()
    await tab.dialog.get_by_role("button", name="Delete").click()
    await page.get_by_role("link", name="warmth").click()
    await expect(page.locator(".verdict strong")).to_contain_text("Not enough data")
    rated = page.get_by_role("img", name="Good ratings")
    results = await past.ask("GET", "/api/experiments/warmth/results")
    whiskers = sum(each["metrics"][0]["low"] is not None for each in results["variants"])
    await expect(rated.locator(".dot")).to_have_count(whiskers)
    await expect(rated.locator(".line")).to_have_count(3 * whiskers)
    assert whiskers > 0


@pytest.mark.parametrize(
    ("theme", "size", "views"),
    [
        pytest.param("light", PHONE, VIEWS, id="light-phone"),
        pytest.param("dark", WIDE, SOME, id="dark-wide"),
        pytest.param("dark", PHONE, VIEWS, id="dark-phone", marks=pytest.mark.thorough),
        pytest.param("light", WIDE, VIEWS, id="light-wide", marks=pytest.mark.thorough),
    ],
)
async def test_views_are_for_everybody_and_fit(
    signed: Signed, past: Past, theme: Theme, size: Any, views: tuple[str, ...]
) -> None:
    id = await past.begin_answer("cleo")
    tab, page = await signed.open("", color_scheme=theme, viewport=size)
    for view in views:
        await page.goto(f"{past.service.base_url}/#/{view}")
        await loaded(page)
        if view == "admin":
            await expect(page.get_by_role("button", name="Stop the answer")).to_have_count(1)
        await tab.shows_no_barrier()
        assert await tab.small_targets() == []
        assert await tab.is_as_wide_as_the_window()
        wide = "document.querySelector('#view').scrollWidth <= innerWidth"
        assert await page.evaluate(wide), view
    await past.ask("POST", f"/api/admin/generations/{id}/stop")
    assert signed.complaints == []


async def test_the_conversation_goes_on_below_a_view(signed: Signed, past: Past) -> None:
    slow = {"extra": {"tokens_per_second": 30, "tokens": 400}}
    body = {"title": "Below", "model": "demo/story", "params": slow}
    id = (await past.ask("POST", "/api/conversations", body, by="ann"))["id"]
    tab, page = await signed.open(f"c/{id}", by="ann")
    await tab.composer.fill("go on")
    await page.keyboard.press("Enter")
    answer = page.get_by_label("Answer", exact=True)
    await expect(answer).to_contain_text("t3 ")
    await page.evaluate("location.hash = '#/usage'")
    await loaded(page)
    await expect(tab.composer).to_be_hidden()
    shown = await answer.text_content()
    await until(
        page, f"document.querySelector('#messages').textContent.length > {len(shown or '')}"
    )
    await page.go_back()
    await expect(tab.composer).to_be_visible()
    await expect(page.locator("#view")).to_be_hidden()
    await expect(answer).to_contain_text("t3 ")
    await tab.button("Stop").click()
    assert signed.complaints == []
