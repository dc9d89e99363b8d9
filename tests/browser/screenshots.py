"""The pictures in the README, of the real page: `.venv/bin/python -m tests.browser.screenshots`."""

import asyncio
import struct
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, async_playwright, expect

from tests import system
from tests.browser.conftest import CHROMIUM_ARGUMENTS
from tests.browser.past import service_with_past
from tests.client import Client
from tests.service import Service

IMAGES = Path(__file__).parents[2] / "docs/images"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TITLES = (
    "Sourdough at high altitude",
    "A regex for ISO dates",
    "Why is the sky dark at night?",
    "Postgres: index on an expression",
    "Names for a small boat",
    "Explain leases to a child",
    "Trip to Ticino by train",
)


@dataclass(frozen=True, slots=True)
class Picture:
    name: str
    theme: Literal["light", "dark"]
    width: int
    height: int
    scale: float
    shows: str
    """What has come of the answer when it is taken."""


_PICTURES = (
    Picture("page-light", "light", 1120, 780, 1.5, "1,000"),
    Picture("page-dark", "dark", 1120, 780, 1.5, "1,000"),
    Picture("page-phone", "light", 390, 780, 1.5, "1,000"),
)


async def main() -> None:
    chromium = system.PROGRAMS["chromium"].find()
    assert chromium, system.PROGRAMS["chromium"].how_to_get
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Service(Path(folder), LLM_MODEL="demo/markdown").running() as service,
            async_playwright() as playwright,
            service.client() as client,
        ):
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=CHROMIUM_ARGUMENTS
            )
            for title in reversed(_TITLES):
                await client.conversation(title=title)
            pinned = await client.conversation(title="Notes on durable streams")
            await client.http.patch(f"/api/conversations/{pinned}", json={"pinned": True})
            for picture in _PICTURES:
                await _take(picture, browser, service, client)
            await _take_usage(browser)
            await browser.close()


async def _take_usage(browser: Browser) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with service_with_past(Path(folder)) as past:
            size = {"width": 1120, "height": 1010}
            look = {"viewport": size, "color_scheme": "light", "reduced_motion": "reduce"}
            profile = await past.profile(browser, by="ann", **look)
            page = await profile.new_page()
            await page.goto(f"{past.service.base_url}/#/usage")
            await expect(page.get_by_role("img", name="Cost by the day")).to_be_visible()
            await expect(page.get_by_role("table", name="Usage by model")).to_be_visible()
            await expect(page.get_by_role("listitem").filter(has_text="tokens left")).to_have_count(
                2
            )
            (IMAGES / "usage.png").write_bytes(_smaller(await page.screenshot()))
            await profile.close()


async def _take(picture: Picture, browser: Browser, service: Service, client: Client) -> None:
    slow = {"extra": {"tokens_per_second": 25}}
    id = await client.conversation(title="What this page can show", params=slow)
    profile = await browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        device_scale_factor=picture.scale,
        color_scheme=picture.theme,
        reduced_motion="reduce",
    )
    page = await profile.new_page()
    await page.goto(f"{service.base_url}/#/c/{id}")
    await expect(page.get_by_role("button", name="Model:")).to_contain_text("demo/markdown")
    await page.get_by_label("Message", exact=True).fill("What can this page show?")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Answer", exact=True)).to_contain_text(picture.shows)
    await expect(page.locator("pre").last).to_contain_text("async")
    (IMAGES / f"{picture.name}.png").write_bytes(_smaller(await page.screenshot()))
    await profile.close()
    await client.http.delete(f"/api/conversations/{id}")


def _smaller(png: bytes) -> bytes:
    """The same picture, packed as well as zlib can: browsers are in a hurry.
    https://www.w3.org/TR/png-3/#5Chunk-layout"""
    chunks = list(_chunks(png))
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    packed = zlib.compress(pixels, 9)
    kept = [(kind, data) for kind, data in chunks if kind in (b"IHDR", b"sRGB")]
    return _SIGNATURE + b"".join(map(_chunk, [*kept, (b"IDAT", packed), (b"IEND", b"")]))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(part: tuple[bytes, bytes]) -> bytes:
    kind, data = part
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


if __name__ == "__main__":
    asyncio.run(main())
