"""A conversation of several people on the page: who is here, who is typing, who wrote what."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Route,
    WebSocketRoute,
    expect,
)

from tests.browser.chat_tab import ChatTab, flat, paced, story
from tests.browser.complaints import Complaints
from tests.browser.shell_tab import ShellTab
from tests.client import Json
from tests.service import PATIENCE_SECONDS, Service
from tests.web.locked import SECRET, bearer

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS = 60


class House:
    """A locked service, and the keys of its users."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.base_url = service.base_url
        [self._admin] = set(SECRET.findall(service.log))
        self._keys: dict[str, str] = {}

    def key(self, user: str) -> str:
        if user not in self._keys:
            body = {"name": user, "user": user}
            made = self._call("POST", "/api/keys", self._admin, body)
            self._keys[user] = made["secret"]
        return self._keys[user]

    def room(self, *members: str, **fields: Any) -> str:
        """A conversation of ann, with others as its editors."""
        ann = self.key("ann")
        made = self._call("POST", "/api/conversations", ann, {"model": "demo/echo", **fields})
        for member in members:
            self.join(made["id"], member)
        return str(made["id"])

    def join(self, id: str, user: str, role: str = "editor") -> None:
        body = {"user": user, "role": role}
        self._call("POST", f"/api/conversations/{id}/members", self.key("ann"), body)

    def remove(self, id: str, user: str) -> None:
        url = f"{self.base_url}/api/conversations/{id}/members/{user}"
        httpx2.delete(url, headers=bearer(self.key("ann"))).raise_for_status()

    def messages(self, id: str) -> list[Json]:
        found = self._call("GET", f"/api/conversations/{id}/messages", self.key("ann"), None)
        items: list[Json] = found["items"]
        return items

    def _call(self, method: str, path: str, secret: str, body: Any) -> Json:
        url, headers = f"{self.base_url}{path}", bearer(secret)
        found: Json = (
            httpx2.request(method, url, json=body, headers=headers).raise_for_status().json()
        )
        return found


class Person(ChatTab):
    """Somebody at the page of a room."""

    def __init__(self, page: Page, base_url: str) -> None:
        super().__init__(page, base_url)
        self.people = page.locator("#people")
        self.typing = page.locator("#typing")
        self.calling = page.locator("#calling")

    async def sees(self, *people: str) -> None:
        count = f"{len(people)} {'person' if len(people) == 1 else 'people'}"
        await expect(self.people).to_have_accessible_name(f"{count} here: {', '.join(people)}")

    def message(self, author: str, text: str) -> Locator:
        return self.log.get_by_label(author, exact=True).filter(has_text=text)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("house")
    settings = {"LLMCHAT_AUTH": "keys", "LLM_MODEL": "demo/echo"}
    async with Service(folder, **settings).running() as running:
        yield House(running)


@asynccontextmanager
async def at_home(
    browser: Browser, house: House, user: str, id: str = "", **options: Any
) -> AsyncIterator[Person]:
    """A browser in which they are signed in, with this room open. Nothing was complained about."""
    profile = await signed_in(browser, house, user, **options)
    complaints = Complaints(profile)
    yield await Person.open(profile, house.base_url, id)
    assert not complaints.but_network
    await profile.close()


async def signed_in(browser: Browser, house: House, user: str, **options: Any) -> BrowserContext:
    profile = await browser.new_context(**options)
    profile.set_default_timeout(PATIENCE_SECONDS * 1000)
    done = await profile.request.post(
        f"{house.base_url}/api/session",
        data={"key": house.key(user)},
        headers={"Origin": house.base_url},
    )
    assert done.ok, await done.text()
    return profile


async def test_people_see_each_other_and_what_is_said(browser: Browser, house: House) -> None:
    id = house.room("bob", model="demo/story", params=paced(TOKENS, 60))
    async with at_home(browser, house, "ann", id) as ann:
        await ann.sees("you")
        async with at_home(browser, house, "bob", id) as bob:
            await ann.sees("you", "bob")
            await bob.sees("ann", "you")
            await bob.composer.press_sequentially("once")
            await expect(ann.typing).to_have_text("bob is typing…")
            await expect(bob.typing).to_be_empty()
            await bob.composer.press("Enter")
            await expect(ann.message("bob", "once")).to_be_visible()
            await expect(ann.typing).to_be_empty()
            await expect(bob.message("You", "once")).to_contain_text("Delivered")
            await ann.shows_token(5)
            # Nobody waits for the answer: what ann says is answered behind it.
            await ann.composer.fill("and then")
            await ann.press("Send")
            await expect(bob.message("ann", "and then")).to_be_visible()
            for person in (ann, bob):
                await expect(person.answers).to_have_count(2)
                await person.ends("complete")
            told = [flat(await one.text_content() or "") for one in await answers(ann)]
            assert told == [flat(await one.text_content() or "") for one in await answers(bob)]
            assert told == [flat(story(TOKENS))] * 2
            assert [m["author"] for m in house.messages(id)] == ["bob", None, "ann", None]
        await ann.sees("you")


async def answers(person: Person) -> list[Locator]:
    return await person.answers.locator(".answer").all()


async def test_a_chat_becomes_a_room_when_it_is_shared(browser: Browser, house: House) -> None:
    id = house.room()
    async with at_home(browser, house, "ann", id) as ann:
        await ann.ask("alone")
        await ann.ends("complete")
        await expect(ann.people).to_be_hidden()
        await expect(ann.message("You", "alone")).not_to_contain_text("Delivered")
        await ann.press("Share this chat")
        house.key("bob")
        await ann.page.get_by_label("User", exact=True).fill("bob")
        await ann.page.get_by_label("Role").select_option("may write")
        await ann.press("Add")
        await expect(ann.page.get_by_role("listitem").filter(has_text="bob")).to_be_visible()
        await ann.page.keyboard.press("Escape")
        await ann.sees("you")
        async with at_home(browser, house, "bob", id) as bob:
            await bob.sees("ann", "you")
            await expect(bob.message("ann", "alone")).to_be_visible()
            house.remove(id, "bob")
            await ann.sees("you")
            await expect(bob.people).to_be_hidden()


async def test_who_was_cut_off_is_back_at_once(browser: Browser, house: House) -> None:
    id = house.room("bob")
    async with (
        at_home(browser, house, "ann", id) as ann,
        at_home(browser, house, "bob", id) as bob,
    ):
        await ann.sees("you", "bob")
        await bob.page.context.set_offline(True)
        await expect(bob.people).to_be_hidden()
        await bob.ask("from a tunnel")
        await expect(bob.waiting).to_be_visible()
        await ann.sees("you")
        await bob.page.context.set_offline(False)
        await bob.sees("ann", "you")
        await ann.sees("you", "bob")
        await expect(ann.message("bob", "from a tunnel")).to_have_count(1)
        await expect(bob.message("You", "from a tunnel")).to_have_count(1)
        await ann.ends("complete")
        assert [m["author"] for m in house.messages(id)] == ["bob", None]


async def test_a_deploy_is_no_farewell(browser: Browser, house: House) -> None:
    id = house.room("bob")
    async with (
        at_home(browser, house, "ann", id) as ann,
        at_home(browser, house, "bob", id) as bob,
    ):
        await ann.sees("you", "bob")
        await house.service.terminate()
        await expect(ann.people).to_be_hidden()
        await house.service.start()
        for person in (ann, bob):
            await expect(person.people).to_be_visible()
        await ann.sees("you", "bob")
        await ann.ask("again")
        await expect(bob.message("ann", "again")).to_have_count(1)


async def test_what_is_refused_says_so_and_is_tried_again(browser: Browser, house: House) -> None:
    id = house.room("bob")
    async with (
        at_home(browser, house, "ann", id) as ann,
        at_home(browser, house, "bob", id) as bob,
    ):
        await bob.sees("ann", "you")

        async def too_late(route: Route) -> None:
            house.join(id, "bob", "viewer")
            await route.continue_()

        await bob.page.route("**/messages", too_late, times=1)
        await bob.ask("may I?")
        failed = bob.log.locator(".failed")
        await expect(failed).to_contain_text("Not delivered.")
        await expect(bob.composer).to_be_hidden()
        await expect(ann.composer).to_be_visible()
        house.join(id, "bob", "editor")
        # What is written meanwhile is left alone.
        await bob.composer.fill("something else")
        await bob.press("Try again")
        await expect(ann.message("bob", "may I?")).to_have_count(1)
        await expect(failed).to_have_count(0)
        await expect(bob.composer).to_have_value("something else")
        await expect(bob.message("You", "may I?")).to_contain_text("Delivered")


async def test_the_model_is_called_by_its_name(browser: Browser, house: House) -> None:
    id = house.room("bob")
    async with (
        at_home(browser, house, "ann", id) as ann,
        at_home(browser, house, "bob", id) as bob,
    ):
        await expect(bob.people).to_be_visible()
        await expect(ann.calling).to_be_hidden()
        await ann.press("Settings of this chat")
        await ann.page.get_by_label("The model answers").select_option("Those with @model in them")
        await ann.press("Save")
        await expect(bob.calling).to_contain_text("Without @model, only people read it.")
        await bob.ask("hello ann")
        await expect(ann.message("bob", "hello ann")).to_be_visible()
        await expect(bob.message("You", "hello ann")).to_contain_text("Delivered")
        await bob.composer.press_sequentially("and @mo")
        await expect(bob.calling).to_contain_text("Tab writes @model.")
        await bob.composer.press("Tab")
        await bob.composer.press_sequentially("you?")
        await expect(bob.composer).to_have_value("and @model you?")
        await expect(bob.calling).to_contain_text("The model answers this.")
        await bob.composer.press("Enter")
        await ann.ends("complete")
        await ann.composer.fill("so")
        await ann.press("@model")
        await expect(ann.composer).to_have_value("@model so")
        await ann.press("@model")
        await expect(ann.composer).to_have_value("so")
        assert [m["author"] for m in house.messages(id)] == ["bob", "bob", None]


async def test_hostile_frames_stay_text_and_a_silent_socket_is_replaced(
    browser: Browser, house: House
) -> None:
    """What a server says is text, also the names; and one that answers no ping is dead."""
    id = house.room("bob")
    evil = "<img src=x onerror=alert(1)>"
    profile = await signed_in(browser, house, "ann")
    complaints = Complaints(profile)
    await profile.clock.install()
    asked: list[WebSocketRoute] = []

    def door(socket: WebSocketRoute) -> None:
        asked.append(socket)
        socket.on_message(lambda frame: tell(socket, frame))

    def tell(socket: WebSocketRoute, frame: Any) -> None:
        if '"join_room"' in frame:
            here = {"type": "joined", "ref": "join", "members": ["ann", evil], "typing": [evil]}
            socket.send(json.dumps(here))
            socket.send('{"type":"no such frame"}')

    await profile.route_web_socket("**/api/ws", door)
    ann = await Person.open(profile, house.base_url, id)
    await ann.sees("you", evil)
    await expect(ann.typing).to_have_text(f"{evil} is typing…")
    await profile.clock.fast_forward(7_000)
    await expect(ann.typing).to_be_empty()
    before = len(asked)
    await profile.clock.fast_forward(16_000)
    await profile.clock.fast_forward(11_000)
    await profile.clock.fast_forward(2_000)
    await ann.sees("you", evil)
    assert len(asked) > before
    assert not complaints.all
    await profile.close()


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        pytest.param("light", 1120, id="desk", marks=pytest.mark.thorough),
        pytest.param("dark", 390, id="phone"),
    ],
)
async def test_nothing_of_it_is_a_barrier(
    browser: Browser, house: House, scheme: Any, width: int
) -> None:
    id = house.room("bob", "cem", reply_mode="addressed")
    size: Any = {"width": width, "height": 780}
    async with (
        at_home(browser, house, "bob", id) as bob,
        at_home(browser, house, "cem", id) as cem,
        at_home(browser, house, "ann", id, color_scheme=scheme, viewport=size) as ann,
    ):
        await ann.sees("you", "bob", "cem")
        await bob.ask("hello")
        await cem.ask("@model hello")
        await ann.ends("complete")
        await ann.ask("hello to you")
        await expect(ann.message("You", "hello")).to_contain_text("Delivered")
        await bob.composer.press_sequentially("hm")
        await expect(ann.typing).to_have_text("bob is typing…")
        tab = ShellTab(ann.page, house.base_url)
        await ann.people.press("Enter")
        names = ann.page.get_by_label("Who is here")
        await expect(names.get_by_role("listitem")).to_have_count(3)
        await tab.shows_no_barrier()
        await tab.press("Escape")
        await expect(names).to_be_hidden()
        await expect(ann.people).to_be_focused()
        assert await tab.is_as_wide_as_the_window()
        assert await tab.small_targets() == []
