"""The API console at /docs: our own files only, and it can be tried out."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.async_api import Page, Request, async_playwright

from tests.client import Client

PATIENCE_MILLISECONDS = 30_000
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"]


class References(HTMLParser):
    """Everything that a page has a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


async def test_the_console_and_all_of_its_files_are_our_own(client: Client) -> None:
    page = await client.http.get("/docs")
    references = References()
    references.feed(page.text)
    urls = re.findall(r"""["'](https?:)?//[^"']*["']""", page.text)

    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert urls == []
    assert len(references.found) >= 3
    for reference in [*references.found, "/openapi.json"]:
        file = await client.http.get(urljoin("/docs", reference))
        assert file.status_code == 200, reference
        assert file.content
    style = (await client.http.get("/static/swagger/swagger-ui.css")).text
    assert not [
        url for url in re.findall(r"url\(([^)]*)\)", style) if "//" in url.split("data:")[0]
    ]


@pytest.fixture
async def page(chromium: Path) -> AsyncIterator[Page]:
    async with (
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS) as browser,
    ):
        page = await browser.new_page(viewport={"width": 1280, "height": 1600})
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        yield page


async def test_an_example_is_tried_out_with_the_network_off(page: Page, base_url: str) -> None:
    foreign: list[str] = []
    faults: list[str] = []

    def look(request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme != "data" and f"{url.scheme}://{url.netloc}" != base_url:
            foreign.append(request.url)

    page.on("request", look)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.extend([line.text] if line.type == "error" else []))
    await page.goto(f"{base_url}/docs")
    await page.wait_for_selector(".opblock")
    assert await page.locator(".opblock").count() >= 20

    operation = page.locator("#operations-plain_calls-plain_generate")
    await operation.locator(".opblock-summary-control").click()
    await operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response-col_description")
    await answer.get_by_text("You said: the quick brown fox").wait_for()

    status = operation.locator(".live-responses-table .response-col_status")
    assert "200" in await status.all_inner_texts()
    assert foreign == []
    assert faults == []
