"""A real browser's WebSocket, on the page's own origin and under its policy."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page

from tests.browser.waiting import until
from tests.client import Client
from tests.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

CLIENT = """
(conversation) => {
  const seen = window.seen = { text: "", last: 0, gaps: 0, status: null, closed: null };
  const socket = new WebSocket(`ws://${location.host}/api/ws`, ["llmchat.v1"]);
  const say = (frame) => socket.send(JSON.stringify(frame));
  socket.onopen = () => say({ type: "join_room", conversation_id: conversation });
  socket.onclose = ({ code }) => { seen.closed = code; };
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.type === "joined") {
      say({ type: "send_message", conversation_id: conversation, content: "from a browser" });
    }
    if (!frame.offset) return;
    if (frame.offset[0] !== seen.last + 1) seen.gaps += 1;
    seen.last = frame.offset[1];
    if (frame.type === "delta") seen.text += frame.text;
    if (frame.type === "finished") { seen.status = frame.status; socket.close(1000); }
  };
}
"""


async def test_it_talks_in_a_room(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    conversation = await client.conversation(model="demo/echo")
    page = await profile.new_page()
    await page.goto(f"{service.base_url}/")
    await page.evaluate(CLIENT, conversation)
    seen = await seen_by(page)
    assert seen == {
        "text": "You said: from a browser",
        "last": seen["last"],
        "gaps": 0,
        "status": "complete",
        "closed": 1000,
    }


async def seen_by(page: Page) -> Any:
    await until(page, "() => window.seen?.closed !== null")
    return await page.evaluate("() => window.seen")


async def an_empty_page(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Of another server, without a policy."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
    writer.write(head + b"<p>elsewhere</p>")
    await writer.drain()
    writer.close()


async def test_another_servers_page_gets_no_socket(
    profile: BrowserContext, service: Service, client: Client
) -> None:
    conversation = await client.conversation(model="demo/echo")
    page = await profile.new_page()
    async with await asyncio.start_server(an_empty_page, "127.0.0.1", 0) as elsewhere:
        port = elsewhere.sockets[0].getsockname()[1]
        await page.goto(f"http://127.0.0.1:{port}/")
        host = f"127.0.0.1:{service.port}"
        await page.evaluate(CLIENT.replace("${location.host}", host), conversation)
        seen = await seen_by(page)
    assert (seen["closed"], seen["last"]) == (1006, 0)
    assert await client.messages(conversation) == []
