"""useChat of @ai-sdk/react, unmodified from npm, on a page of this server's origin."""

from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import BrowserContext, Page, Route

from tests.browser.chat_tab import story
from tests.browser.waiting import until
from tests.client import Client, Json
from tests.clients import node
from tests.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS = 150
CLIENTS = {"6": ("@ai-sdk/react-6", "ai-6"), "7": ("@ai-sdk/react", "ai")}
AT_ONCE = {"model": "demo/echo", "params": {"extra": {"tokens_per_second": 0}}}
# The page shows it without its last space, as every element does.
STORY = story(TOKENS).rstrip()


def telling(tokens: int = TOKENS, tokens_per_second: int = 60) -> Json:
    extra = {"tokens": tokens, "tokens_per_second": tokens_per_second}
    return {"model": "demo/story", "params": {"extra": extra}}


ENDLESS = telling(5000, 40)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For each version the page with its client in it."""
    shop = node.workshop(node.packages(), tmp_path_factory.mktemp("pages"))
    return {
        version: node.bundle(shop, "page.jsx", react=react, ai=ai)
        for version, (react, ai) in CLIENTS.items()
    }


class UITab:
    """One tab with the page, which asks for what useChat asks for by itself."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = url

    @classmethod
    async def open(
        cls, profile: BrowserContext, service: Service, script: str, chat: str
    ) -> "UITab":
        async def serve(route: Route) -> None:
            body = f'<link rel="icon" href="data:,"><script type="module">{script}</script>'
            await route.fulfill(body=f"<!doctype html>{body}", content_type="text/html")

        tab = cls(await profile.new_page(), f"{service.base_url}/a-page?id={chat}")
        await tab.page.route("**/a-page*", serve)
        await tab.load()
        return tab

    async def load(self) -> None:
        await self.page.goto(self._url)
        await until(self.page, "window.chat !== undefined")

    async def send(self, text: str, body: Json) -> None:
        """Returns when it is under way."""
        await self.page.evaluate(
            "([text, body]) => { chat.sendMessage({ text }, { body }); }", [text, body]
        )

    async def shows(self, token: str) -> None:
        await until(self.page, "(token) => document.body.innerText.includes(token)", token)

    async def until_ready(self) -> None:
        await until(self.page, "document.querySelector('main')?.dataset.status === 'ready'")

    async def texts(self) -> list[str]:
        found: list[str] = await self.page.evaluate(
            "[...document.querySelectorAll('article')].map((said) => said.innerText)"
        )
        return found

    async def complaints(self) -> list[str]:
        found: list[str] = await self.page.evaluate("window.complaints ?? []")
        return found


@pytest.fixture
def chat() -> str:
    return f"chat-{uuid4()}"


@pytest.mark.parametrize("version", CLIENTS)
async def test_reloads_in_mid_answer_show_all_of_it_once(
    profile: BrowserContext,
    service: Service,
    client: Client,
    pages: dict[str, str],
    chat: str,
    version: str,
) -> None:
    tab = await UITab.open(profile, service, pages[version], chat)
    await tab.send("tell", telling())
    for token in ("t20 ", "t60 "):
        await tab.shows(token)
        await tab.load()
    other = await UITab.open(profile, service, pages[version], chat)
    for one in (tab, other):
        await one.shows(f"t{TOKENS - 1}")
        await one.until_ready()
        assert await one.texts() == ["tell", STORY]
        assert await one.complaints() == []
    shown = (await client.http.get(f"/api/chat/{chat}/messages")).json()["messages"]
    assert [m["id"] for m in shown if m["role"] == "assistant"] == await tab.page.evaluate(
        "chat.messages.filter(({ role }) => role === 'assistant').map(({ id }) => id)"
    )


@pytest.mark.parametrize("version", CLIENTS)
async def test_stop_leaves_and_our_door_stops(
    profile: BrowserContext,
    service: Service,
    client: Client,
    pages: dict[str, str],
    chat: str,
    version: str,
) -> None:
    tab = await UITab.open(profile, service, pages[version], chat)
    await tab.send("tell", ENDLESS)
    await tab.shows("t5 ")
    await tab.page.evaluate("chat.stop()")
    await tab.until_ready()
    left = (await tab.texts())[1]
    # The answer goes on, and a reload shows it.
    await tab.load()
    await until(tab.page, "(n) => document.body.innerText.length > n + 100", len(left))
    stopped = await tab.page.evaluate(
        "fetch(`/api/chat/${chat.id}/stop`, { method: 'POST' }).then((answer) => answer.json())"
    )
    assert len(stopped["stopped"]) == 1
    await tab.until_ready()
    seen = await tab.texts()
    assert seen[1].startswith(left)
    await tab.load()
    assert await tab.texts() == seen
    assert await tab.complaints() == []


@pytest.mark.parametrize("version", CLIENTS)
async def test_another_answer_and_a_message_in_mid_answer(
    profile: BrowserContext,
    service: Service,
    client: Client,
    pages: dict[str, str],
    chat: str,
    version: str,
) -> None:
    tab = await UITab.open(profile, service, pages[version], chat)
    await tab.send("hello", AT_ONCE)
    await tab.shows("You said: hello")
    await tab.until_ready()
    await tab.page.evaluate("(body) => { chat.regenerate({ body }); }", ENDLESS)
    await tab.shows("t3 ")
    await tab.page.evaluate("chat.stop()")
    await tab.send("enough", AT_ONCE)
    await tab.shows("You said: enough")
    await tab.until_ready()
    first, told, *rest = await tab.texts()
    assert (first, rest) == ("hello", ["enough", "You said: enough"])
    assert told.startswith("t0 t1 ")
    shown = (await client.http.get(f"/api/chat/{chat}/messages")).json()
    _, answer, *_ = await client.messages(shown["conversation_id"])
    assert (answer["status"], len(answer["siblings"])) == ("stopped", 2)
    assert await tab.complaints() == []


@pytest.mark.parametrize("version", [pytest.param("6", marks=pytest.mark.thorough), "7"])
async def test_a_kill_in_mid_answer_loses_nothing_that_was_shown(
    profile: BrowserContext,
    pages: dict[str, str],
    chat: str,
    version: str,
    tmp_path: Path,
) -> None:
    settings = {"LLMCHAT_ON_CRASH": "continue"}
    async with Service(tmp_path, **settings).running() as service:
        tab = await UITab.open(profile, service, pages[version], chat)
        await tab.send("tell", telling())
        await tab.shows("t30 ")
        await service.kill()
        await until(tab.page, "document.querySelector('main').dataset.status === 'error'")
        await service.start()
        await tab.load()
        await tab.shows(f"t{TOKENS - 1}")
        await tab.until_ready()
        assert await tab.texts() == ["tell", STORY]
