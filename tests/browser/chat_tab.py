"""A tab with the chat page, used as a person uses it: by what is written on it."""

import re
from typing import Self

from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.browser.waiting import until
from tests.client import Client

SLOW = {"extra": {"tokens": 2000, "tokens_per_second": 50}}
"""An answer that goes on for longer than any test."""


def story(tokens: int) -> str:
    """What demo/story answers."""
    return "".join(f"t{number} " for number in range(tokens))


def flat(text: str) -> str:
    """The words of a text with one space between them, as a paragraph of markdown shows them."""
    return " ".join(text.split())


def paced(tokens: int, tokens_per_second: int) -> dict[str, dict[str, int]]:
    """Parameters of a conversation that make demo/story last so long."""
    return {"extra": {"tokens": tokens, "tokens_per_second": tokens_per_second}}


async def story_conversation(client: Client, params: dict[str, dict[str, int]] = SLOW) -> str:
    """A conversation in which demo/story is told, with a first answer of one word."""
    id = await client.conversation(model="demo/story", params=params)
    first = await client.send(
        id, "once upon a time", model="demo/story", params=paced(tokens=1, tokens_per_second=0)
    )
    await client.read(first.generation_id)
    return id


class ChatTab:
    """The page of one service in one tab."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self._base_url = base_url
        self.log = page.get_by_role("log", name="Messages")
        self.composer = page.get_by_label("Message", exact=True)
        self.answers = self.log.get_by_label("Answer", exact=True)
        self.questions = self.log.get_by_label("You", exact=True)
        self.notice = page.locator("#notice")
        """Why something was refused."""
        self.status = page.locator("#status")
        """How the connection is."""
        self.waiting = self.log.get_by_text("Not sent yet")
        self.scroller = page.locator("#scroller")

    @classmethod
    async def open(cls, profile: BrowserContext, base_url: str, conversation_id: str = "") -> Self:
        tab = cls(await profile.new_page(), base_url)
        await tab.page.goto(f"{base_url}/#/c/{conversation_id}" if conversation_id else base_url)
        return tab

    @property
    def conversation_id(self) -> str:
        return self.page.url.partition("#/c/")[2]

    @property
    def answer(self) -> Locator:
        """The last answer, with its problem and its foot line."""
        return self.answers.last

    async def text(self) -> str:
        """The text of the last answer, word by word: markdown keeps no other white space."""
        return flat(await self.answer.locator(".answer").text_content() or "")

    async def ask(self, question: str) -> None:
        await self.composer.fill(question)
        await self.composer.press("Enter")

    async def shows_token(self, number: int) -> None:
        """Wait until the last answer of demo/story is so far."""
        await expect(self.answer).to_contain_text(re.compile(rf"\bt{number}\b"))

    async def ends(self, status: str) -> None:
        """Wait for the end of the last answer, which must be this one."""
        await expect(self.answer).to_have_attribute("aria-busy", "false")
        await expect(self.answer).to_have_attribute("data-status", status)

    async def shows_the_beginning(self) -> None:
        """Wait until less than a screen of the conversation is above what is shown."""
        await self._scrolled("main.scrollTop < main.clientHeight")

    async def shows_the_end(self) -> None:
        """Wait until there is more than fits, and next to nothing of it below what is shown."""
        below = "main.scrollHeight - main.clientHeight - main.scrollTop"
        await self._scrolled(f"main.scrollTop > 0 && {below} < 60")

    async def _scrolled(self, condition: str) -> None:
        main = await self.scroller.element_handle()
        await until(self.page, f"(main) => {condition}", main)

    async def press(self, button: str) -> None:
        await self.page.get_by_role("button", name=button, exact=True).click()

    async def edit(self, question: str, to: str) -> None:
        """Make another version of the question that says this."""
        message = self.questions.filter(has_text=question).last
        await message.hover()
        await message.get_by_role("button", name="Edit").click()
        field = self.page.get_by_label("Edit the message")
        await field.fill(to)
        await field.press("Enter")
