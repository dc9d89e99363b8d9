"""Images and results of tools as a client sends them: what is taken, and why the rest is not."""

import base64
from itertools import count
from typing import Any

import pytest

from llmchat.web.examples import IMAGE, TOOL_MESSAGES
from tests.client import Client, Json
from tests.web.conftest import UNPACED
from tests.web.shapes import problem_of

QUICK: Json = {"model": "demo/echo", "params": {"extra": UNPACED}}
HEADS = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpeg": b"\xff\xd8\xff\xe0",
    "webp": b"RIFF\x04\x00\x00\x00WEBP",
    "gif": b"GIF89a",
}
CALL: Json = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Bern"}'},
}


def data_url(kind: str = "png", rest: bytes = b"\0rest", head: bytes | None = None) -> str:
    data = (HEADS[kind] if head is None else head) + rest
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def image(url: str = IMAGE, **more: str) -> Json:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def text(said: str) -> Json:
    return {"type": "text", "text": said}


async def refused(client: Client, body: Json) -> tuple[str, str]:
    """Where, and why; nothing of it is stored."""
    conversation = await client.conversation()
    path = f"/api/conversations/{conversation}/messages"
    problem = problem_of(await client.http.post(path, json={**QUICK, **body}), 422)
    assert await client.messages(conversation) == []
    (error,) = problem["errors"]
    return ".".join(error["location"]), error["message"]


async def refused_in_chat(client: Client, *messages: Json) -> tuple[str, str]:
    problem = problem_of(
        await client.http.post("/api/llm/chat", json={"messages": messages, **QUICK}), 422
    )
    (error,) = problem["errors"]
    return ".".join(error["location"]), error["message"]


class TestImages:
    @pytest.mark.parametrize("kind", HEADS)
    async def test_each_kind_comes_back_as_it_was_sent(self, client: Client, kind: str) -> None:
        conversation = await client.conversation()
        content = [text("What is "), image(data_url(kind), detail="high"), text("this?"), image()]
        sent = await client.send(conversation, content=content, **QUICK)
        assert (await client.read(sent.generation_id)).text == (
            "You said: What is this? (2 images)"
        )
        (question, _) = await client.messages(conversation)
        assert question == sent.message
        assert question["content"] == content

    async def test_the_history_of_a_session_has_them(self, client: Client) -> None:
        session = {"session_id": "with an image", "message": "hi", **QUICK}
        assert (await client.http.post("/api/llm/chat/session", json=session)).is_success
        (newest, *_) = (await client.http.get("/api/conversations")).json()["items"]
        sent = await client.send(newest["id"], content=[image()], **QUICK)
        await client.read(sent.generation_id)

        history = await client.http.get("/api/llm/chat/session/with an image/history")
        assert history.json()["messages"][2]["content"] == [image()]

    async def test_parts_without_an_image_are_a_text(self, client: Client) -> None:
        conversation = await client.conversation()
        sent = await client.send(conversation, content=[text("one "), text("two")], **QUICK)

        assert sent.message["content"] == "one two"

    async def test_lists_and_searches_have_no_images(self, client: Client) -> None:
        conversation = await client.conversation(title="pictured")
        await client.send(conversation, content=[text("a vixen"), image()], **QUICK)

        for query in ({}, {"q": "vixen"}):
            response = await client.http.get("/api/conversations", params=query)
            assert conversation in response.text
            assert "base64" not in response.text
        response = await client.http.get("/api/conversations", params={"q": "iVBORw0"})
        assert response.json()["items"] == []

    async def test_whoever_watches_is_told_of_them(self, client: Client) -> None:
        conversation = await client.conversation()
        path = f"/api/conversations/{conversation}/stream"
        async with client.http.stream("GET", path) as response:
            lines = response.aiter_lines()
            async for line in lines:
                if line == "event: snapshot":
                    break
            await client.send(conversation, content=[image()], **QUICK)
            async for line in lines:
                if line.startswith("data:") and IMAGE in line:
                    break
            else:
                raise AssertionError("the message with the image was not announced")

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("https://example.com/a.png", "this server fetches no addresses"),
            ("HTTP://169.254.169.254/latest", "send the image itself as a data URL"),
            ("file:///etc/passwd", "not a data URL with base64"),
            ("", "not a data URL with base64"),
            ("data:image/png,abc", "not a data URL with base64"),
            ("data:;base64,", "not a data URL with base64"),
            ("data:image/png;charset=x;base64,", "not a data URL with base64"),
            ("data:image/svg+xml;base64,PHN2Zz4=", "must be image/png, image/jpeg"),
            ("data:text/html;base64,PHN2Zz4=", "must be image/png, image/jpeg"),
            ("data:image/png;base64,", "do not begin as a file of the type image/png"),
            (data_url("png", head=HEADS["gif"]), "do not begin as a file of the type image/png"),
            (data_url("webp", head=b"RIFF\0\0\0\0WAVE"), "of the type image/webp does"),
            (IMAGE[:-1], "cannot be read"),
            (IMAGE + "\n", "cannot be read"),
            (IMAGE[:40] + "\n" + IMAGE[40:], "cannot be read"),
            (IMAGE[:40] + "%" + IMAGE[41:], "cannot be read"),
            (IMAGE[:40] + "é" + IMAGE[41:], "cannot be read"),
            (IMAGE[:40] + "\0" + IMAGE[41:], "cannot be read"),
        ],
    )
    async def test_an_address_that_is_no_image_is_refused_with_the_reason(
        self, client: Client, url: str, why: str
    ) -> None:
        where, said = await refused(client, {"content": [text("x"), image(url)]})

        assert where == "body.content.1.image_url.url"
        assert why in said
        assert len(said) < 300

    @pytest.mark.parametrize(
        ("content", "where", "why"),
        [
            ([], "body.content", "at least 1 item"),
            ([text(""), text("")], "body.content", "neither text nor an image"),
            ([text("x")] * 33, "body.content", "at most 32"),
            ([image()] * 17, "body.content", "17 images, and a message takes 16"),
            ([text("x" * 300_000)] * 2, "body.content", "longer than 524288 characters in all"),
            ([text("x"), "x"], "body.content.1", 'the type "text" or "image_url"'),
            ([{"type": "audio"}], "body.content.0", 'the type "text" or "image_url"'),
            ([{"type": ["text"]}], "body.content.0", 'the type "text" or "image_url"'),
            ([{"type": "text", "text": 5}], "body.content.0.text", "valid string"),
            ([{**text("x"), "more": 1}], "body.content.0.more", "not permitted"),
            ([{"type": "image_url", "image_url": IMAGE}], "body.content.0.image_url", "valid"),
            ([image(detail="extreme")], "body.content.0.image_url.detail", "'low' or 'high'"),
            (5, "body.content", "a text or a list of parts"),
            ({}, "body.content", "a text or a list of parts"),
        ],
        ids=map(str, count()),
    )
    async def test_a_content_that_is_none_is_refused_with_the_reason(
        self, client: Client, content: Any, where: str, why: str
    ) -> None:
        place, said = await refused(client, {"content": content})

        assert place == where
        assert why in said

    async def test_a_body_that_is_too_large_for_its_images_names_the_setting(
        self, client: Client
    ) -> None:
        large = image(data_url("png", rest=b"x" * 1024 * 1024))
        response = await client.try_send(await client.conversation(), content=[large])

        problem = problem_of(response, 413)
        assert "LLMCHAT_MAX_BODY_BYTES" in problem["detail"]
        assert "images" in problem["detail"]


class TestResults:
    @pytest.mark.parametrize(
        ("body", "where", "why"),
        [
            ({}, "body.content", "or `tool_results`, to answer tool calls"),
            ({"content": None, "tool_results": None}, "body.content", "Field required"),
            (
                {"content": "x", "tool_results": [{"tool_call_id": "x", "content": "x"}]},
                "body.content",
                "either `content` or `tool_results`",
            ),
            ({"tool_results": []}, "body.tool_results", "at least 1 item"),
            (
                {"tool_results": [{"tool_call_id": "x", "content": "x"}] * 129},
                "body.tool_results",
                "at most 128 items",
            ),
            (
                {"tool_results": [{"tool_call_id": "", "content": "x"}]},
                "body.tool_results.0.tool_call_id",
                "at least 1 item",
            ),
            (
                {"tool_results": [{"tool_call_id": "x" * 257, "content": "x"}]},
                "body.tool_results.0.tool_call_id",
                "at most 256",
            ),
            (
                {"tool_results": [{"tool_call_id": "x", "content": [text("x")]}]},
                "body.tool_results.0.content",
                "valid string",
            ),
        ],
        ids=map(str, count()),
    )
    async def test_a_body_that_is_neither_is_refused_with_the_reason(
        self, client: Client, body: Json, where: str, why: str
    ) -> None:
        place, said = await refused(client, body)

        assert place == where
        assert why in said

    async def test_results_without_calls_are_refused(self, client: Client) -> None:
        conversation = await client.conversation()
        path = f"/api/conversations/{conversation}/messages"
        results = {"tool_results": [{"tool_call_id": "call_1", "content": "x"}], **QUICK}

        empty = problem_of(await client.http.post(path, json=results), 422)
        assert "no message here whose tool calls" in empty["detail"]
        sent = await client.send(conversation, **QUICK)
        await client.read(sent.generation_id)
        plain = problem_of(await client.http.post(path, json=results), 422)
        assert f"{sent.reply_id} made no tool calls" in plain["detail"]
        assert len(await client.messages(conversation)) == 2


class TestChat:
    async def test_calls_results_and_images_are_taken(self, client: Client) -> None:
        for messages, echo in (
            (TOOL_MESSAGES, "21 °C"),
            ([{"role": "user", "content": [text("this?"), image()]}], "this? (1 image)"),
            ([{"role": "system", "content": [text("brief")]}], "nothing."),
        ):
            body = {"messages": messages, **QUICK}
            response = await client.http.post("/api/llm/chat", json=body)
            assert response.status_code == 200, response.text
            assert response.json()["message"]["content"] == f"You said: {echo}"

    async def test_an_answer_can_be_sent_back_as_it_was(self, client: Client) -> None:
        messages: list[Json] = [{"role": "user", "content": "one"}]
        first = await client.http.post("/api/llm/chat", json={"messages": messages, **QUICK})
        messages += [first.json()["message"], {"role": "user", "content": "two"}]
        second = await client.http.post("/api/llm/chat", json={"messages": messages, **QUICK})

        assert second.json()["message"]["content"] == "You said: two"

    @pytest.mark.parametrize(
        ("message", "where", "why"),
        [
            ({"role": "user"}, "content", "only beside `tool_calls`"),
            ({"role": "assistant", "tool_calls": []}, "content", "only beside `tool_calls`"),
            ({"role": "tool", "content": "x"}, "tool_call_id", "Field required"),
            (
                {"role": "user", "content": "x", "tool_call_id": "x"},
                "tool_call_id",
                "only a message of the role `tool`",
            ),
            (
                {"role": "user", "content": "x", "tool_calls": [CALL]},
                "tool_calls",
                "only a message of the role `assistant`",
            ),
            (
                {"role": "assistant", "content": [image()]},
                "content",
                "only a message of the role `user` has images",
            ),
            (
                {"role": "assistant", "tool_calls": [CALL] * 129},
                "tool_calls",
                "at most 128 items",
            ),
            (
                {"role": "assistant", "tool_calls": [{**CALL, "type": "code"}]},
                "tool_calls.0.type",
                "'function'",
            ),
            ({"role": "user", "content": [image("http://x/")]}, "content.0.image_url.url", "fetch"),
        ],
        ids=map(str, count()),
    )
    async def test_a_message_that_is_none_is_refused_with_the_reason(
        self, client: Client, message: Json, where: str, why: str
    ) -> None:
        place, said = await refused_in_chat(client, message)

        assert place == f"body.messages.0.{where}"
        assert why in said
