"""A real EventSource, with nothing of our page around it."""

import random
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page

from tests.browser.chat_tab import SLOW, paced, story
from tests.browser.waiting import until
from tests.client import Client, Sent
from tests.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKENS = 150
RELOADS = 4

# Runs at every load of a tab. All that it knows is in the session storage, as in a careful page:
# the text and the offset that it goes to are stored in one step.
READER = """
(() => {
  const { url, resume } = JSON.parse(sessionStorage.reading ?? "{}");
  if (!url) return;
  const kept = JSON.parse(sessionStorage.kept ?? "null");
  const seen = resume && kept || { text: "", last: 0, gaps: 0, ends: [] };
  const source = new EventSource(seen.last ? `${url}?last_event_id=${seen.last}` : url);
  window.source = source;
  const take = (change) => ({ data }) => {
    const event = JSON.parse(data);
    if (event.offset[0] !== seen.last + 1) seen.gaps += 1;
    seen.last = event.offset[1];
    change(event);
    sessionStorage.kept = JSON.stringify(seen);
  };
  source.addEventListener("started", take(() => {}));
  source.addEventListener("delta", take(({ text }) => { seen.text += text; }));
  source.addEventListener("finished", take(({ status }) => { seen.ends.push(status); }));
  source.addEventListener("failed", take(({ status }) => { seen.ends.push(status); }));
})()
"""


async def reading(
    profile: BrowserContext, service: Service, sent: Sent, *, resume: bool = True
) -> Page:
    """A tab of the service's own origin in which the reader runs."""
    page = await profile.new_page()
    await page.add_init_script(READER)
    await page.goto(f"{service.base_url}/docs")
    await page.evaluate(
        "(reading) => { sessionStorage.reading = JSON.stringify(reading); }",
        {"url": sent.stream_url, "resume": resume},
    )
    await page.reload(wait_until="commit")
    return page


async def reaches(page: Page, token: int) -> None:
    await until(page, f"sessionStorage.kept?.includes('t{token} ')")


async def until_closed(page: Page) -> dict[str, Any]:
    """What it had read when EventSource gave up, which only an answer like 204 makes it do."""
    await until(page, "window.source?.readyState === EventSource.CLOSED")
    seen: dict[str, Any] = await page.evaluate("JSON.parse(sessionStorage.kept)")
    return seen


@pytest.mark.parametrize("resume", [True, False], ids=["from the cursor", "from the start"])
async def test_reloads_in_mid_answer_lose_and_double_nothing(
    profile: BrowserContext, service: Service, client: Client, chaos: random.Random, resume: bool
) -> None:
    sent = await client.send(
        await client.conversation(), model="demo/story", params=paced(TOKENS, 75)
    )
    page = await reading(profile, service, sent, resume=resume)
    for token in sorted(chaos.sample(range(TOKENS - 10), RELOADS)):
        await reaches(page, token)
        await page.reload()
    seen = await until_closed(page)
    reply = await client.message(sent.reply["conversation_id"], sent.reply_id)
    assert seen["text"] == reply["content"] == story(TOKENS)
    assert (seen["gaps"], seen["ends"]) == (0, ["complete"])


async def test_event_source_comes_back_by_itself_after_a_kill(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    sent = await client.send(await client.conversation(), model="demo/story", params=SLOW)
    page = await reading(profile, service, sent)
    await reaches(page, 30)
    await service.kill()
    await service.start()
    seen = await until_closed(page)
    reply = await client.message(sent.reply["conversation_id"], sent.reply_id)
    assert seen["text"] == reply["content"]
    assert (seen["gaps"], seen["ends"]) == (0, ["interrupted"])
