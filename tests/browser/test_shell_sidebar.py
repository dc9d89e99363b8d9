"""The list of conversations: what is in it, what can be done to them, and that it stays right."""

import json
from itertools import count
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from tests.browser.chat_tab import SLOW
from tests.browser.complaints import Complaints
from tests.browser.shell_tab import ShellTab
from tests.client import Client
from tests.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

MORE_THAN_A_PAGE = 50
_numbers = count()


def title(kind: str) -> str:
    """One that no other test has."""
    return f"{kind} {next(_numbers)} of the sidebar"


async def test_a_conversation_is_renamed_in_place(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    old, new, not_kept = title("Old"), title("New"), title("Never")
    id = await client.conversation(title=old)
    tab = await ShellTab.open(profile, service.base_url)
    await tab.choose(old, "Rename")
    field = tab.page.get_by_label(f"New name of {old}")
    await field.fill(not_kept)
    await field.press("Escape")
    await expect(tab.row(old).get_by_role("link")).to_be_focused()
    await tab.press("F2")
    await field.fill(new)
    await field.press("Enter")
    await expect(tab.row(new)).to_have_count(1)
    await tab.page.reload()
    await expect(tab.row(new)).to_have_count(1)
    assert (await client.show(id))["title"] == new
    assert not complaints.all


async def test_it_is_deleted_only_when_one_says_so_again(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    name = title("Gone")
    id = await client.conversation(title=name)
    other, tab = [await ShellTab.open(profile, service.base_url, id) for _ in range(2)]
    await tab.choose(name, "Delete")
    await expect(tab.button("Cancel")).to_be_focused()
    await tab.press("Escape")
    await expect(tab.row(name)).to_have_count(1)
    await tab.choose(name, "Delete")
    await tab.button("Delete").click()
    for one in (tab, other):
        await expect(one.row(name)).to_have_count(0)
        await expect(one.page).to_have_url(f"{service.base_url}/#/")
    assert (await client.http.get(f"/api/conversations/{id}")).status_code == 404


async def test_a_pin_keeps_it_at_the_top_and_the_archive_takes_it_away(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    name, newer = title("Old and dear"), title("Newer")
    id = await client.conversation(title=name)
    await client.conversation(title=newer)
    tab = await ShellTab.open(profile, service.base_url)
    await tab.choose(name, "Pin")
    await expect(tab.sidebar.get_by_role("list", name="Pinned")).to_contain_text(name)
    await tab.page.reload()
    await expect(tab.sidebar.get_by_role("list", name="Pinned")).to_contain_text(name)
    await tab.choose(name, "Unpin")
    await expect(tab.sidebar.get_by_role("list", name="Pinned")).to_have_count(0)
    for undone in (True, False):
        await tab.choose(name, "Archive")
        await expect(tab.row(name)).to_have_count(0)
        if undone:
            await tab.button("Undo").click()
            await expect(tab.row(name)).to_have_count(1)
    await tab.choose_of_list("Show the archive")
    await expect(tab.row(name)).to_have_count(1)
    await expect(tab.row(newer)).to_have_count(0)
    assert (await client.show(id))["archived"]
    assert not complaints.all


async def test_a_search_shows_what_was_found(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    name, other = title("Where it is"), title("Where it is not")
    id = await client.conversation(title=name)
    await client.conversation(title=other)
    sent = await client.send(id, "a perfectly quixotic question", model="demo/echo")
    await client.read(sent.generation_id)
    tab = await ShellTab.open(profile, service.base_url)
    await expect(tab.row(other)).to_have_count(1)
    await tab.search.fill("quixotic")
    await expect(tab.row(other)).to_have_count(0)
    await expect(tab.row(name).locator("mark").first).to_have_text("quixotic")
    await tab.search.press("ArrowDown")
    await tab.press("Enter")
    await expect(tab.page).to_have_url(f"{service.base_url}/#/c/{id}")
    await tab.search.fill("nothing has this in it")
    await expect(tab.sidebar).to_contain_text("Nothing found")
    await tab.search.press("Escape")
    await expect(tab.row(other)).to_have_count(1)
    assert not complaints.all


async def test_several_are_deleted_at_once(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    names = [title("One of several") for _ in range(3)]
    for name in names:
        await client.conversation(title=name)
    tab = await ShellTab.open(profile, service.base_url)
    await tab.choose_of_list("Select several")
    for name in names[:2]:
        await tab.row(name).click()
    await expect(tab.sidebar).to_contain_text("2 selected")
    await tab.button("Delete").click()
    await tab.dialog.get_by_role("button", name="Delete").click()
    for name, left in zip(names, (0, 0, 1), strict=True):
        await expect(tab.row(name)).to_have_count(left)
    await expect(tab.page.get_by_label(f"Select {names[2]}")).to_be_hidden()
    assert not complaints.all


async def test_an_export_is_imported_again(
    profile: BrowserContext,
    complaints: Complaints,
    service: Service,
    client: Client,
    tmp_path: Path,
) -> None:
    name = title("To keep")
    id = await client.conversation(title=name)
    sent = await client.send(id, "the quick brown fox", model="demo/echo")
    await client.read(sent.generation_id)
    tab = await ShellTab.open(profile, service.base_url)
    for item, suffix in (("(Markdown)", ".md"), ("(JSON)", ".json")):
        async with tab.page.expect_download() as downloading:
            await tab.choose(name, item)
        download = await downloading.value
        assert download.suggested_filename.endswith(suffix)
        await download.save_as(tmp_path / f"export{suffix}")
    assert "the quick brown fox" in (tmp_path / "export.md").read_text("utf-8")
    json.loads((tmp_path / "export.json").read_text("utf-8"))
    await tab.page.get_by_label("Import").set_input_files(tmp_path / "export.json")
    await expect(tab.row(name)).to_have_count(2)
    await expect(tab.page).not_to_have_url(f"{service.base_url}/#/")
    imported = tab.page.url.rpartition("/")[2]
    contents = [message["content"] for message in await client.messages(imported)]
    assert contents == [message["content"] for message in await client.messages(id)]
    await tab.page.get_by_label("Import").set_input_files(tmp_path / "export.md")
    await expect(tab.toast).to_contain_text("is not an export")
    assert not complaints.all


async def test_it_grows_while_one_scrolls(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    oldest = title("The oldest")
    await client.conversation(title=oldest)
    for number in range(MORE_THAN_A_PAGE):
        await client.conversation(title=f"{number} above it")
    tab = await ShellTab.open(profile, service.base_url)
    await expect(tab.row(f"{MORE_THAN_A_PAGE - 1} above it")).to_be_attached()
    await expect(tab.row(oldest)).to_have_count(0)
    await tab.rows.last.scroll_into_view_if_needed()
    await expect(tab.row(oldest)).to_be_attached()
    ids = await tab.rows.evaluate_all("(rows) => rows.map((row) => row.dataset.id)")
    assert len(ids) == len(set(ids))
    assert not complaints.all


async def test_it_tells_which_are_being_answered(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    name = title("Busy")
    id = await client.conversation(title=name, params=SLOW)
    tab = await ShellTab.open(profile, service.base_url)
    mark = tab.row(name).get_by_text("Answer is being written")
    await expect(tab.row(name)).to_have_count(1)
    await expect(mark).to_be_hidden()
    sent = await client.send(id, "from elsewhere", model="demo/story")
    # What the browser tells a tab that somebody comes back to.
    await tab.page.evaluate("dispatchEvent(new Event('focus'))")
    await expect(mark).to_be_visible()
    await client.stop(sent.generation_id)
    await expect(mark).to_be_hidden()
    assert not complaints.all


async def test_other_tabs_follow_at_once(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    old, new = title("Before"), title("After")
    await client.conversation(title=old)
    other, tab = [await ShellTab.open(profile, service.base_url) for _ in range(2)]
    await expect(other.row(old)).to_have_count(1)
    await tab.choose(old, "Rename")
    await tab.page.get_by_label(f"New name of {old}").fill(new)
    await tab.press("Enter")
    await expect(other.row(new)).to_have_count(1)
    assert not complaints.all
