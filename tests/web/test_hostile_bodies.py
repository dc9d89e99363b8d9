"""Nothing in a body is an error of the server, and what is taken is the same text everywhere."""

import json
from itertools import count
from typing import Any

import pytest

from llmchat.web.examples import IMAGE
from tests.client import Client, Json
from tests.web.conftest import UNPACED
from tests.web.shapes import problem_of

JSON = {"Content-Type": "application/json"}
QUICK: Json = {"model": "demo/echo", "params": {"extra": UNPACED}}

NASTY: list[Any] = [
    "\ud800",
    "a\udc00\ud800",
    "\0",
    "\ufeff\ufffe\uffff\u2028\x85\x1b]0;x\x07",
    "",
    "%s%n{}{0}${x}' OR 1=1 --",
    2**31,
    2**63,
    -(2**64),
    10**400,
    -0.0,
    1e308,
    5e-324,
    float("nan"),
    float("-inf"),
    True,
    None,
    [],
    {},
    [[[[]]]],
    {"": ""},
    {"\ud800": "\ud800", "\0": "\0"},
    {"__proto__": 1, "__class__": {"__init__": 1}},
]
LARGE: list[Any] = [
    "x" * 600_000,
    "😀" * 40_000,
    list(range(11_000)),
    {str(i): i for i in range(11_000)},
]


def text_of(body: Any) -> bytes:
    """JSON as a careless client writes it: `NaN`, and surrogates as escapes."""
    return json.dumps(body, allow_nan=True).encode()


PARAMS: Json = {
    "temperature": 1,
    "top_p": 1,
    "max_tokens": 1,
    "stop": ["x"],
    "seed": 1,
    "skip_thinking": True,
    "response_format": {},
    "tools": [{}],
    "tool_choice": "auto",
    "extra": UNPACED,
}


PARTS: list[Json] = [
    {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
    {"type": "text", "text": "x"},
]
CALL: Json = {"id": "x", "type": "function", "function": {"name": "x", "arguments": "{}"}}


async def fields(client: Client) -> dict[str, Json]:
    """Every call that takes a body, with a body that it takes; `QUICK` comes to each."""
    conversation = await client.conversation(title="x")
    sent = await client.send(conversation, **QUICK)
    await client.read(sent.generation_id)
    return {
        "/api/conversations": {
            "title": "x",
            "system_prompt": "x",
            "model": "demo/echo",
            "params": PARAMS,
            "metadata": {},
        },
        f"/api/conversations/{conversation}/messages": {
            "content": "x",
            "parent_id": None,
            "on_busy": "queue",
        },
        f"/api/conversations/{conversation}/messages?parts": {
            "content": PARTS,
            "on_busy": "queue",
        },
        f"/api/conversations/{conversation}/messages?results": {
            "tool_results": [{"tool_call_id": "x", "content": "x"}],
            "on_busy": "queue",
        },
        f"/api/messages/{sent.reply_id}/regenerate": {"on_busy": "queue"},
        "/api/llm/generate": {"prompt": "x"},
        "/api/llm/chat": {"messages": [{"role": "user", "content": "x", "reasoning": ""}]},
        "/api/llm/chat?parts": {"messages": [{"role": "user", "content": PARTS}]},
        "/api/llm/chat?calls": {"messages": [{"role": "assistant", "tool_calls": [CALL]}]},
        "/api/llm/chat?results": {
            "messages": [{"role": "tool", "tool_call_id": "x", "content": "x"}]
        },
        "/api/llm/chat/session": {
            "session_id": "hostile",
            "message": "x",
            "system_prompt": "x",
        },
    }


def spoiled(body: Json, value: Any) -> list[Json]:
    """The body with the value in the place of each field, and of each one inside it."""
    bodies = [{**body, name: value} for name in body]
    for name, inner in body.items():
        if isinstance(inner, dict):
            bodies += [{**body, name: one} for one in spoiled(inner, value)]
        if isinstance(inner, list):
            bodies.append({**body, name: [value]})
            first = inner[0]
            if isinstance(first, dict):
                bodies += [{**body, name: [one]} for one in spoiled(first, value)]
    return bodies


async def assert_no_error_of_the_server(client: Client, path: str, body: Any) -> None:
    sent = text_of({**QUICK, **body} if isinstance(body, dict) else body)
    response = await client.http.post(path, content=sent, headers=JSON)
    assert response.status_code < 500, (path, sent[:200], response.text)
    if response.status_code >= 400:
        problem_of(response, response.status_code)


@pytest.mark.parametrize("value", NASTY, ids=map(str, count()))
async def test_no_value_in_any_field_is_an_error_of_the_server(client: Client, value: Any) -> None:
    for path, body in (await fields(client)).items():
        for one in [*spoiled(body, value), {**body, "unknown": value}, value]:
            await assert_no_error_of_the_server(client, path, one)


@pytest.mark.parametrize("value", LARGE, ids=map(str, count()))
async def test_no_large_value_is_an_error_of_the_server(client: Client, value: Any) -> None:
    for path, body in (await fields(client)).items():
        for name in body:
            await assert_no_error_of_the_server(client, path, {**body, name: value})


@pytest.mark.parametrize(("levels", "status"), [(31, 201), (33, 422), (1000, 400)])
async def test_depth_is_bounded(client: Client, levels: int, status: int) -> None:
    nested = '{"a":' * levels + "1" + "}" * levels
    for body in (f'{{"metadata": {nested}}}', f'{{"params": {{"extra": {nested}}}}}'):
        response = await client.http.post("/api/conversations", content=body, headers=JSON)
        assert response.status_code == status, response.text[:200]


async def test_what_no_text_can_carry_is_replaced_everywhere_the_same(client: Client) -> None:
    conversation = await client.conversation(model="demo/echo")
    content = rb'{"content": "a\ud800b\u0000c\ud83d\ude00d\udc00"}'
    path = f"/api/conversations/{conversation}/messages"

    sent = (await client.http.post(path, content=content, headers=JSON)).json()
    read = await client.read(sent["generation"]["id"])

    clean = "a\ufffdb\ufffdc😀d\ufffd"
    assert sent["message"]["content"] == clean
    assert read.text == f"You said: {clean}"
    question, answer = await client.messages(conversation)
    assert (question["content"], answer["content"]) == (clean, f"You said: {clean}")
    assert (await client.generation(sent["generation"]["id"]))["text"] == f"You said: {clean}"
    found = await client.http.get("/api/conversations", params={"q": "b\0c"})
    assert [item["id"] for item in found.json()["items"]] == [conversation]


async def test_no_text_is_changed_that_can_be_carried(client: Client) -> None:
    text = "e\u0301 \u00e9 \u2028 \x85 \x7f \x1b[0m \ufeff \uffff 😀 \r\n\t  trailing  "
    conversation = await client.conversation(model="demo/echo", title=text, metadata={text: text})

    sent = await client.send(conversation, text)
    read = await client.read(sent.generation_id)

    shown = await client.show(conversation)
    assert (shown["title"], shown["metadata"]) == (text, {text: text})
    assert read.text == f"You said: {text}"
    assert [m["content"] for m in await client.messages(conversation)] == [text, read.text]


async def test_the_last_of_two_equal_keys_counts(client: Client) -> None:
    body = b'{"title": "a", "title": "b"}'

    made = (await client.http.post("/api/conversations", content=body, headers=JSON)).json()

    assert made["title"] == "b"


async def test_a_body_where_none_is_asked_for_is_ignored(client: Client) -> None:
    conversation = await client.conversation()
    sent = await client.send(conversation, model="demo/story")
    calls = [
        ("GET", f"/api/conversations/{conversation}", 200),
        ("GET", "/api/conversations", 200),
        ("GET", "/health", 200),
        ("POST", f"/api/generations/{sent.generation_id}/stop", 200),
        ("DELETE", f"/api/conversations/{conversation}/messages", 204),
        ("DELETE", f"/api/conversations/{conversation}", 204),
    ]
    for method, path, status in calls:
        response = await client.http.request(method, path, content=b"{not json", headers=JSON)
        assert response.status_code == status, (method, path, response.text)
