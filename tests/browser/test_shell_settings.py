"""What a conversation is answered with, how the page looks, and the keyboard."""

import pytest
from playwright.async_api import BrowserContext, expect

from tests.browser.complaints import Complaints
from tests.browser.shell_tab import ShellTab
from tests.browser.waiting import until
from tests.client import Client
from tests.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

SYSTEM = "Answer in one sentence."


async def test_a_model_is_found_and_chosen_with_the_keyboard(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await client.conversation()
    tab = await ShellTab.open(profile, service.base_url, id)
    await expect(tab.model).to_contain_text("demo/echo")
    await tab.leave_the_composer()
    await tab.press("m")
    finder = tab.page.get_by_label("Find a model")
    await expect(finder).to_be_focused()
    option = tab.page.get_by_role("option")
    await expect(option.filter(has_text="1M context").first).to_be_visible()
    await expect(tab.page.get_by_label("Choose a model")).to_contain_text("up")
    await finder.press_sequentially("demo stor")
    await expect(option).to_have_count(1)
    await finder.press("Enter")
    await expect(tab.model).to_contain_text("demo/story")
    await tab.page.reload()
    await expect(tab.model).to_contain_text("demo/story")
    assert (await client.show(id))["model"] == "demo/story"
    await tab.model.click()
    await tab.press("Escape")
    await expect(finder).to_have_count(0)
    await expect(tab.model).to_be_focused()
    assert not complaints.all


async def test_a_new_chat_begins_with_what_was_chosen_for_it(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    tab = await ShellTab.open(profile, service.base_url)
    await tab.model.click()
    demo = tab.page.get_by_role("group", name="demo")
    await demo.get_by_role("option", name="story").click()
    await tab.button("Settings of this chat").click()
    await tab.page.get_by_label("System prompt").fill(SYSTEM)
    await tab.page.get_by_label("Most tokens").fill("3")
    await tab.button("Save").click()
    await tab.page.reload()
    await expect(tab.model).to_contain_text("demo/story")
    await tab.composer.fill("once upon a time")
    await tab.composer.press("Enter")
    await expect(tab.page.get_by_label("Answer", exact=True)).to_contain_text("t0 t1 t2")
    await expect(tab.row("once upon a time").locator("[aria-current]")).to_be_visible()
    await expect(tab.page).to_have_title("once upon a time · llmchat")
    made = await client.show(tab.page.url.rpartition("/")[2])
    assert (made["model"], made["system_prompt"]) == ("demo/story", SYSTEM)
    assert made["params"] == {"max_tokens": 3}
    assert not complaints.all


async def test_settings_are_checked_before_they_are_sent_and_keep_what_they_do_not_show(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    extra = {"tokens": 7}
    id = await client.conversation(params={"temperature": 0.3, "stop": ["a", "b"], "extra": extra})
    tab = await ShellTab.open(profile, service.base_url, id)
    await expect(tab.button("Share this chat")).to_be_visible()
    await tab.button("Settings of this chat").click()
    temperature = tab.page.get_by_label("Temperature")
    await expect(temperature).to_have_value("0.3")
    await expect(tab.page.get_by_label("Stop at")).to_have_value("a\nb")
    for wrong, why in (("2.5", "From 0 to 2."), ("warm", "This is not a number.")):
        await temperature.fill(wrong)
        await tab.button("Save").click()
        await expect(temperature).to_be_focused()
        await expect(temperature).to_have_accessible_description(
            f"How freely the model chooses: 0 to 2. {why}"
        )
    await temperature.fill("1,5")
    await tab.page.get_by_label("Stop at").fill("")
    await tab.page.get_by_label("Thinking").select_option("Skip thinking")
    await tab.button("Save").click()
    await expect(tab.dialog).to_have_count(0)
    params = (await client.show(id))["params"]
    assert params == {"temperature": 1.5, "skip_thinking": True, "extra": extra}
    assert not complaints.all


async def test_the_keys_are_listed_and_do_nothing_while_one_types(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await client.conversation()
    tab = await ShellTab.open(profile, service.base_url, id)
    await tab.composer.press_sequentially("?nbst,")
    await expect(tab.composer).to_have_value("?nbst,")
    await expect(tab.dialog).to_have_count(0)
    await tab.press("Control+k")
    await expect(tab.search).to_be_focused()
    await tab.leave_the_composer()
    await tab.press("?")
    await expect(tab.dialog).to_contain_text("Open or close the sidebar")
    await tab.press("Escape")
    await tab.press("b")
    await expect(tab.sidebar).to_be_hidden()
    await expect(tab.button("Open the sidebar")).to_be_focused()
    await tab.press("b")
    await expect(tab.sidebar).to_be_visible()
    await tab.press("n")
    await expect(tab.composer).to_be_focused()
    await expect(tab.page).to_have_url(f"{service.base_url}/#/")
    await tab.button("Preferences").click()
    await tab.page.get_by_role("menuitem", name="Preferences").click()
    await tab.page.get_by_label("Shortcuts of a single key").uncheck()
    await tab.press("Escape")
    await tab.press("?")
    await expect(tab.dialog).to_have_count(0)
    assert not complaints.all


async def test_a_chosen_theme_is_there_before_the_first_paint_and_in_every_tab(
    profile: BrowserContext, complaints: Complaints, service: Service
) -> None:
    other, tab = [await ShellTab.open(profile, service.base_url) for _ in range(2)]
    light = await tab.page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
    await tab.button("Preferences").click()
    await tab.page.get_by_role("menuitem", name="Preferences").click()
    await tab.page.get_by_role("radio", name="Dark").check()
    for page in (tab.page, other.page):
        await until(
            page,
            "(light) => getComputedStyle(document.documentElement).backgroundColor !== light",
            light,
        )
    await tab.page.route("**/main.js", lambda route: route.abort())
    await tab.page.reload()
    assert await tab.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert not [complaint for complaint in complaints.but_network if "uncaught" in complaint]
