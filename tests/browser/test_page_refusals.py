"""The page at /, when the answer is no, or worse, HTML."""

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.browser.chat_tab import ChatTab, flat, story, story_conversation
from tests.browser.complaints import Complaints
from tests.browser.conftest import MAX_BODY_BYTES
from tests.client import Client
from tests.service import Service
from tests.upstream import mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = (
    "<script>window.ran = 1</script><img src=x onerror='alert(1); window.ran = 1'>"
    '<svg onload="window.ran = 1"><a href="javascript:alert(2)">here</a>'
    "<style>* { display: none }</style><iframe srcdoc='<script>top.ran = 1</script>'></iframe>"
    "<details ontoggle='window.ran = 1' open><link rel=stylesheet href=//example.org/a.css>"
)
INVITING = "body script, img, svg:not(.icon), a[href^=javascript], iframe, body style, body link"


async def test_what_anybody_wrote_stays_text(
    profile: BrowserContext, complaints: Complaints, service: Service
) -> None:
    tab = await ChatTab.open(profile, service.base_url)
    await tab.ask(HOSTILE)
    for _ in range(2):
        await tab.ends("complete")
        assert await tab.questions.locator(".text").text_content() == HOSTILE
        assert await tab.text() == flat(f"You said: {HOSTILE}")
        await expect(tab.page.locator(INVITING)).to_have_count(0)
        assert await tab.page.evaluate("window.ran") is None
        await tab.page.reload()
    assert not complaints.all


async def test_a_failure_keeps_the_text_and_says_what_it_was(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await client.conversation()
    model = "openai/" + mock_model(tokens=50, reasoning=3, fail="truncate", after=13)
    sent = await client.send(id, model=model)
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ends("failed")
    reply = await client.message(id, sent.reply_id)
    assert await tab.text() == flat(reply["content"]) == flat(story(10))
    await expect(tab.answer).to_contain_text(reply["error"]["title"])
    await expect(tab.answer).to_contain_text(reply["error"]["detail"])
    await tab.answer.get_by_text("Thinking").click()
    thoughts = await tab.answer.locator(".reasoning").text_content()
    assert flat(thoughts or "") == flat(reply["reasoning"])
    assert not complaints.all


async def test_a_busy_conversation_says_so_and_shows_why(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    id = await story_conversation(client)
    tab = await ChatTab.open(profile, service.base_url, id)
    await tab.ends("complete")
    sent = await client.send(id, "from elsewhere", model="demo/story")
    await tab.ask("me too")
    await expect(tab.notice).to_contain_text("An answer is still being written")
    await expect(tab.composer).to_have_value("me too")
    await expect(tab.answers).to_have_count(2)
    await client.stop(sent.generation_id)
    await tab.ends("stopped")
    assert not complaints.but_network


async def test_what_cannot_be_accepted_is_refused_in_plain_words(
    profile: BrowserContext, complaints: Complaints, service: Service
) -> None:
    tab = await ChatTab.open(profile, service.base_url)
    await tab.ask("x" * (MAX_BODY_BYTES + 1))
    await expect(tab.notice).to_contain_text("This is too long.")
    await expect(tab.composer).to_have_value("x" * (MAX_BODY_BYTES + 1))

    async def refuse(route: Route) -> None:
        problem = {"type": "about:blank", "title": "No", "status": 422, "detail": HOSTILE}
        await route.fulfill(status=422, json=problem, content_type="application/problem+json")

    await tab.page.route("**/messages", refuse, times=1)
    await tab.ask("hello")
    await expect(tab.notice).to_contain_text("This was not accepted.")
    await expect(tab.questions).to_have_count(0)
    await expect(tab.composer).to_have_value("hello")
    await expect(tab.page.locator(INVITING)).to_have_count(0)
    assert not complaints.but_network


async def test_a_question_that_is_sent_again_is_asked_once(
    profile: BrowserContext, complaints: Complaints, service: Service, client: Client
) -> None:
    tab = await ChatTab.open(profile, service.base_url)
    await tab.ask("hello")
    await tab.ends("complete")

    async def lose_the_answer(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await tab.page.route("**/messages", lose_the_answer, times=1)
    await tab.ask("are you there?")
    await expect(tab.answers).to_have_count(2)
    await tab.ends("complete")
    await profile.set_offline(True)
    await tab.ask("and now?")
    await expect(tab.waiting).to_be_visible()
    await profile.set_offline(False)
    await expect(tab.answers).to_have_count(3)
    await tab.ends("complete")
    asked = [m["content"] for m in await client.messages(tab.conversation_id)][::2]
    assert asked == ["hello", "are you there?", "and now?"]
    assert not complaints.but_network


async def test_a_conversation_that_is_gone_says_so(
    profile: BrowserContext, service: Service
) -> None:
    tab = await ChatTab.open(profile, service.base_url, "conv_0000000000000000000000")
    await expect(tab.scroller).to_contain_text("There is no such conversation")
    tab = await ChatTab.open(profile, service.base_url, "%3Cimg%3E no id at all/..")
    await expect(tab.scroller).to_contain_text("Ask something.")
