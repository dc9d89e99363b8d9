"""One browser and one service for all tests here; each test gets a profile of its own.

They live in the event loop of the whole session: a test that uses them says so by
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from tests.browser.complaints import Complaints
from tests.client import Client
from tests.service import PATIENCE_SECONDS, Service
from tests.upstream import mock_upstream

MAX_BODY_BYTES = 10_000
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=CHROMIUM_ARGUMENTS
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def profile(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser profile: its tabs share cookies, and nothing with those of other tests."""
    profile = await browser.new_context()
    profile.set_default_timeout(PATIENCE_SECONDS * 1000)
    yield profile
    await profile.close()


@pytest.fixture
def complaints(profile: BrowserContext) -> Complaints:
    """Whatever a tab of the profile had to complain about so far."""
    return Complaints(profile)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with mock_upstream() as upstream:
        settings: dict[str, str | float] = {
            "OPENAI_BASE_URL": upstream.base_url,
            "OPENAI_API_KEY": "sk-test",
            "LLM_MODEL": "demo/echo",
            "LLMCHAT_MAX_BODY_BYTES": MAX_BODY_BYTES,
        }
        async with Service(tmp_path_factory.mktemp("browser"), **settings).running() as running:
            yield running


@pytest_asyncio.fixture(loop_scope="session")
async def service(shared_service: Service) -> AsyncIterator[Service]:
    """The shared one. A test may stop or kill it, or set it otherwise; the next one finds it
    running all the same, and as it was set."""
    settings = dict(shared_service.settings)
    yield shared_service
    shared_service.signal(signal.SIGCONT)
    if shared_service.settings != settings:
        shared_service.settings.clear()
        shared_service.settings.update(settings)
        await shared_service.kill()
        await shared_service.start()
    async with shared_service.client() as connected:
        try:
            await connected.http.get("/health/live")
        except httpx2.TransportError:
            await shared_service.kill()
            await shared_service.start()


@pytest_asyncio.fixture(loop_scope="session")
async def client(service: Service) -> AsyncIterator[Client]:
    async with service.client() as connected:
        yield connected
