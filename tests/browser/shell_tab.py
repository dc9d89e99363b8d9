"""The page around the conversation, used as a person uses it: by what is written on it."""

from typing import Self

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import BrowserContext, Locator, Page

_AXE = Axe()


class ShellTab:
    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self._base_url = base_url
        self.sidebar = page.locator("#sidebar")
        self.rows = self.sidebar.locator(".row")
        self.search = page.get_by_label("Search conversations")
        self.composer = page.get_by_label("Message", exact=True)
        self.model = page.get_by_role("button", name="Model:")
        self.dialog = page.get_by_role("dialog")
        self.toast = page.locator(".toast")

    @classmethod
    async def open(
        cls, profile: BrowserContext, base_url: str, conversation_id: str | None = None
    ) -> Self:
        tab = cls(await profile.new_page(), base_url)
        await tab.go(conversation_id)
        return tab

    async def go(self, conversation_id: str | None) -> None:
        place = f"/c/{conversation_id}" if conversation_id else "/"
        await self.page.goto(f"{self._base_url}/#{place}")

    def row(self, title: str) -> Locator:
        return self.rows.filter(has=self.page.get_by_text(title, exact=True))

    async def choose(self, title: str, item: str) -> None:
        """From the menu of a conversation in the list."""
        await self.row(title).hover()
        await self.button(f"More about {title}").click()
        await self.page.get_by_role("menuitem", name=item).click()

    async def choose_of_list(self, item: str) -> None:
        await self.button("More about the list").click()
        await self.page.get_by_role("menuitem", name=item).click()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def press(self, keys: str) -> None:
        await self.page.keyboard.press(keys)

    async def leave_the_composer(self) -> None:
        """Nothing is being typed any more."""
        await self.page.get_by_label("Conversation", exact=True).focus()

    async def is_as_wide_as_the_window(self) -> bool:
        """Nothing has to be scrolled sideways."""
        wide: bool = await self.page.evaluate(
            "document.scrollingElement.scrollWidth <= innerWidth && "
            "[...document.querySelectorAll('#sidebar, #topbar, #dock, dialog[open], .picker')]"
            ".every((box) => box.scrollWidth <= box.clientWidth + 1)"
        )
        return wide

    async def small_targets(self) -> list[str]:
        """What can be pressed and is smaller than a finger."""
        small: list[str] = await self.page.evaluate(
            """() => [...document.querySelectorAll("button, #sidebar a, select, summary")]
              .filter((target) => target.checkVisibility() && !target.closest("[inert]"))
              .map((target) => [target, target.getBoundingClientRect()])
              .filter(([, { width, height }]) => width < 43.5 || height < 43.5)
              .map(([{ outerHTML }, { width, height }]) => `${width} x ${height} ${outerHTML}`)"""
        )
        return small

    async def shows_no_barrier(self) -> None:
        """axe finds nothing, in no rule."""
        # What is still fading in has the contrast of a ghost.
        await self.page.evaluate(
            "Promise.all(document.getAnimations().filter((one) => "
            "one.effect.getComputedTiming().iterations < 9).map((one) => one.finished))"
        )
        found = await _AXE.run(self.page)
        assert found.violations_count == 0, found.generate_report()
