"""docs/clients.md: every example in JavaScript is run, and the versions are those of the tests."""

import json
import re
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Route, async_playwright, expect

from tests.clients import node
from tests.service import PATIENCE_SECONDS, Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(PAGE)
SCRIPTS = [
    (code, output if kind == "text" else "")
    for (language, code), (kind, output) in pairwise([*BLOCKS, ("", "")])
    if language == "js"
]
(COMPONENT,) = [code for language, code in BLOCKS if language == "jsx"]
ADDRESS = "http://127.0.0.1:8000"
MS = PATIENCE_SECONDS * 1000
ENTRY = """
import { createRoot } from "react-dom/client";
import { Chat, load } from "./component.jsx";
const root = document.body.appendChild(document.createElement("div"));
createRoot(root).render(<Chat id="foxes on a page" messages={await load("foxes on a page")} />);
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node.workshop(node.packages(), tmp_path_factory.mktemp("docs"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with Service(tmp_path_factory.mktemp("service")).running() as running:
        yield running


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
async def test_an_example_does_what_it_says(shop: Path, service: Service, number: int) -> None:
    code, output = SCRIPTS[number]
    (shop / "example.mjs").write_text(code.replace(ADDRESS, service.base_url))
    assert (await node.run_node(shop, "example.mjs")).strip() == output.strip()


async def test_the_component_chats(shop: Path, service: Service, chromium: Path) -> None:
    (shop / "component.jsx").write_text(COMPONENT.replace(ADDRESS, service.base_url))
    (shop / "entry.jsx").write_text(ENTRY)
    script = node.bundle(shop, "entry.jsx", react="@ai-sdk/react", ai="ai")

    async def serve(route: Route) -> None:
        body = f'<link rel="icon" href="data:,"><script type="module">{script}</script>'
        await route.fulfill(body=f"<!doctype html>{body}", content_type="text/html")

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--no-proxy-server"]
        )
        page = await browser.new_page()
        await page.route("**/a-page", serve)
        for answers in (1, 2):
            await page.goto(f"{service.base_url}/a-page")
            await page.get_by_role("textbox").fill("hello")
            await page.keyboard.press("Enter")
            await expect(page.get_by_text("You said: hello")).to_have_count(answers, timeout=MS)
        await browser.close()


async def test_the_versions_that_were_run_are_those_of_the_tests() -> None:
    pinned = json.loads((node.SOURCES / "package.json").read_text())["dependencies"].values()
    pins = {pin.rpartition("@")[2] for pin in pinned}
    shown = re.findall(r"(?:`ai`|\(npm\)) (\d+\.\d+\.\d+)", PAGE)
    assert set(shown) <= pins
    assert len(shown) == 4
