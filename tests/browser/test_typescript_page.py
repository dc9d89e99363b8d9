"""The page of clients/typescript/README.md, as it is: the client in a browser, not bundled."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, expect

from tests.browser.chat_tab import story
from tests.browser.complaints import Complaints
from tests.browser.served import served
from tests.browser.wire import wire_to
from tests.clients import typescript
from tests.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS = 90
README = (typescript.SOURCES / "README.md").read_text("utf-8")
(PAGE,) = re.findall(r"^```html\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return typescript.project(tmp_path_factory.mktemp("page"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def origin(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[str, Service]]:
    with served(project) as url:
        folder = tmp_path_factory.mktemp("service")
        async with Service(folder, LLMCHAT_CORS_ORIGINS=url).running() as service:
            yield url, service


async def test_a_reload_goes_on_where_the_page_was(
    profile: BrowserContext,
    complaints: Complaints,
    project: Path,
    origin: tuple[str, Service],
) -> None:
    url, service = origin
    (project / "page.html").write_text(PAGE.replace(ADDRESS, service.base_url), "utf-8")
    cursors: list[int] = []
    page = await profile.new_page()

    async with page.expect_request(re.compile("/stream$")) as first:
        await page.goto(f"{url}/page.html")
    assert "last-event-id" not in await (await first.value).all_headers()
    answer = page.locator("#answer")
    for token in (10, 30):
        await expect(answer).to_contain_text(f"t{token} ")
        async with page.expect_request(re.compile("/stream$")) as again:
            await page.reload()
        cursors.append(int((await (await again.value).all_headers())["last-event-id"]))
    await expect(answer).to_have_class("complete")
    assert await answer.text_content() == story(TOKENS)
    assert 10 < cursors[0] < cursors[1]
    assert set(complaints.but_network) <= {url, service.base_url}

    await page.reload()  # All of it was kept: nothing is asked for.
    await expect(answer).to_have_class("complete")


async def test_a_cut_network_and_a_killed_server_lose_and_double_nothing(
    profile: BrowserContext, project: Path, origin: tuple[str, Service]
) -> None:
    url, service = origin
    async with wire_to(service.port) as (wire, address):
        (project / "wired.html").write_text(PAGE.replace(ADDRESS, address), "utf-8")
        page = await profile.new_page()
        await page.goto(f"{url}/wired.html")
        answer = page.locator("#answer")
        await expect(answer).to_contain_text("t10 ")
        wire.cut()
        await expect(answer).to_contain_text("t30 ")
        await service.kill()
        await service.start()
        await expect(answer).to_have_class("interrupted")
        kept = await page.evaluate("JSON.parse(sessionStorage.getItem('kept'))")
    async with service.client() as client:
        generation = await client.generation(kept["id"])
    assert await answer.text_content() == kept["answer"]["text"] == generation["text"]
    assert story(TOKENS).startswith(generation["text"])
