"""Waiting for something on a page by looking again and again from outside.

Playwright's own `wait_for_function` makes code from a text inside of the page, which the page's
Content-Security-Policy refuses to anybody.
"""

import asyncio
from typing import Any

from playwright.async_api import Error, Page

from tests.service import LOOK_SECONDS, PATIENCE_SECONDS


async def until(page: Page, condition: str, arg: Any = None) -> None:
    """Until this JavaScript is true there."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await _holds(page, condition, arg):  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(LOOK_SECONDS)


async def _holds(page: Page, condition: str, arg: Any) -> bool:
    try:
        return bool(await page.evaluate(condition, arg))
    except Error as error:
        # The page is just being loaded again.
        if "Execution context was destroyed" not in error.message:
            raise
        return False
