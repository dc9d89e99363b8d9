"""Whatever anybody writes is text: nothing of it runs, asks elsewhere or pretends to be ours."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.browser.chat_tab import ChatTab
from tests.browser.complaints import Complaints
from tests.browser.payloads import PAYLOADS
from tests.client import Client
from tests.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

Json = dict[str, Any]
CLEAN = [payload.replace("\x00", "") for payload in PAYLOADS]
"""The API takes no NUL."""

HERE = Path(__file__).parent
INSPECT = (HERE / "inert.js").read_text().partition("*/")[2].strip()
STREAM = (HERE / "streaming.js").read_text().partition("*/")[2].replace("INSPECT", INSPECT)


async def test_there_are_a_hundred_of_them() -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 100


async def stays_quiet(page: Page, complaints: Complaints, url: str) -> None:
    assert await page.evaluate("window.ran") is None
    assert page.url == url
    # No dialog, no request elsewhere, and nothing that the policy had to refuse.
    assert complaints.all == []


async def test_an_answer_that_comes_in_pieces_of_any_size_is_inert(
    profile: BrowserContext, complaints: Complaints, service: Service
) -> None:
    page = await profile.new_page()
    await page.goto(service.base_url)
    await page.wait_for_load_state("networkidle")
    url = page.url
    assert await page.evaluate(STREAM, PAYLOADS) == []
    await stays_quiet(page, complaints, url)


async def test_a_conversation_in_which_every_text_is_hostile_is_inert(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await client.conversation()
    shown = await client.show(id)
    messages = [one for number in range(len(PAYLOADS)) for one in turn(id, number)]

    async def stream(route: Route) -> None:
        live = messages[-1]
        snapshot = {"conversation": {**shown, "title": PAYLOADS[0]}, "generations": [writing(live)]}
        data = orjson.dumps(snapshot).decode()
        await route.fulfill(
            content_type="text/event-stream",
            body=f"retry: 60000\n\nevent: snapshot\ndata: {data}\n\n",
        )

    async def page_of_messages(route: Route) -> None:
        await route.fulfill(json={"items": messages[::-1], "next_cursor": None})

    await profile.route("**/api/conversations/*/stream", stream)
    await profile.route("**/api/conversations/*/messages?*", page_of_messages)
    tab = await ChatTab.open(profile, service.base_url, id)
    await expect(tab.answers).to_have_count(len(PAYLOADS))
    url = tab.page.url
    await tab.page.evaluate(
        "document.querySelectorAll('#messages details').forEach((d) => d.open = true)"
    )
    await tab.page.evaluate(
        "document.querySelectorAll('#messages article').forEach((a) => a.scrollIntoView())"
    )
    for place in (".answer", ".reasoning"):
        found = tab.log.locator(place)
        wrong = await found.evaluate_all(f"(roots) => roots.flatMap({INSPECT})")
        assert wrong == []
    texts = await tab.questions.locator(".text").all_text_contents()
    assert texts == PAYLOADS
    assert await tab.log.locator("svg:not(.icon), script, style, iframe, form, object").count() == 0
    await stays_quiet(tab.page, complaints, url)


async def test_titles_and_echoes_of_a_real_server_are_inert(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    for payload in CLEAN[::4]:
        await client.conversation(title=payload[:200], system_prompt=payload)
    id = await client.conversation(title=CLEAN[0], model="demo/echo")
    fast = {"extra": {"tokens_per_second": 2000}}
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.page.wait_for_load_state("domcontentloaded")
    url = tab.page.url
    await client.send(id, "\n\n".join(CLEAN[: len(CLEAN) // 2]), params=fast)
    await expect(tab.answers).to_have_count(1)
    await tab.ends("complete")
    assert await tab.answer.locator(".answer").evaluate(INSPECT) == []
    await tab.page.reload()
    await tab.ends("complete")
    assert await tab.answer.locator(".answer").evaluate(INSPECT) == []
    await expect(
        tab.page.locator("#sidebar li, #sidebar [role=option], #sidebar a").first
    ).to_be_visible()
    await stays_quiet(tab.page, complaints, url)


def turn(conversation_id: str, number: int) -> list[Json]:
    """A question and its answer, in which every text that a page may show is the payload."""
    payload = PAYLOADS[number]
    common: Json = {
        "conversation_id": conversation_id,
        "content": payload,
        "reasoning": "",
        "tool_calls": [],
        "tool_call_id": None,
        "status": "complete",
        "model": None,
        "generation_id": None,
        "usage": None,
        "error": None,
        "created_at": "2026-01-01T00:00:00Z",
    }
    before = f"msg_a{number - 1}" if number else None
    question = {**common, "id": f"msg_q{number}", "parent_id": before, "role": "user"}
    call = {"id": payload, "type": "function", "function": {"name": payload, "arguments": payload}}
    problem = {"type": payload, "title": payload, "status": 500, "detail": payload}
    answer = {
        **common,
        "id": f"msg_a{number}",
        "parent_id": question["id"],
        "role": "assistant",
        "reasoning": payload,
        "tool_calls": [call],
        "model": payload,
        "error": problem,
        "status": "failed",
        "generation_id": f"gen_{number}",
        "finish_reason": payload,
    }
    return [{**one, "siblings": [one["id"]]} for one in (question, answer)]


def writing(answer: Json) -> Json:
    return {
        "id": answer["generation_id"],
        "message_id": answer["id"],
        "model": answer["model"],
        "text": answer["content"],
        "reasoning": answer["reasoning"],
        "tool_calls": [{"index": 0, "id": "x", "name": PAYLOADS[1], "arguments": PAYLOADS[2]}],
        "offset": 3,
    }
