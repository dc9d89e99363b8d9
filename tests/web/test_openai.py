"""OpenAI's chat completions over HTTP: what reaches the model's server, and what comes back."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.client import Client, Json, connect
from tests.raw_http import RawClient
from tests.upstream import mock_model, mock_upstream
from tests.web.conftest import serving
from tests.web.locked import bearer, locked_service
from tests.web.test_upstream import KEY, World, post

PATH = "/v1/chat/completions"
TEXT_PATH = "/v1/completions"
KEY_HEADER = "Idempotency-Key"
HELLO: list[Json] = [{"role": "user", "content": "hello"}]
CALL: Json = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOLS: list[Json] = [{"type": "function", "function": {"name": "f", "parameters": {}}}]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(mock_upstream())
        provider = {"base_url": upstream.base_url, "api_key": KEY}
        service = serving(tmp_path, providers={"openai": provider}, max_attempts=1)
        base_url = await asyncio.to_thread(service.__enter__)
        stack.push_async_callback(asyncio.to_thread, service.__exit__, None, None, None)
        client = await stack.enter_async_context(connect(base_url))
        yield World(upstream, base_url, client)


def error_of(response: httpx2.Response, status: int) -> Json:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    assert response.headers["openai-processing-ms"].isdigit()
    error: Json = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def chunks_of(response: httpx2.Response) -> list[Json]:
    lines = [line for line in response.text.splitlines() if line.startswith("data: {")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def text_of(chunks: list[Json]) -> str:
    deltas = [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ())]
    return "".join(delta.get("content") or "" for delta in deltas)


async def test_what_is_not_known_here_is_passed_on(world: World) -> None:
    asked = {
        "model": "openai/echo",
        "messages": HELLO,
        "max_completion_tokens": 7,
        "temperature": 1,
        "stop": "END",
        "seed": 4,
        "tools": TOOLS,
        "tool_choice": "auto",
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
        "parallel_tool_calls": False,
        "metadata": {"topic": "foxes"},
        "n": 1,
        "user": None,
    }
    assert (await world.client.http.post(PATH, json=asked)).status_code == 200

    [record] = world.upstream.completions
    assert record.body == {
        "model": "echo",
        "messages": HELLO,
        "max_tokens": 7,
        "temperature": 1,
        "stop": ["END"],
        "seed": 4,
        "tools": TOOLS,
        "tool_choice": "auto",
        "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
        "parallel_tool_calls": False,
        "metadata": {"topic": "foxes"},
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_every_kind_of_message_that_their_clients_send(world: World) -> None:
    text = [{"type": "text", "text": "hel", "cache_control": {"type": "ephemeral"}}]
    messages: list[Json] = [
        {"role": "developer", "content": "Be brief.", "name": "boss"},
        {"role": "user", "content": [*text, {"type": "text", "text": "lo"}]},
        {"role": "assistant", "content": None, "tool_calls": [{**CALL, "index": 0}], "audio": None},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "done"}]},
        {"role": "assistant", "function_call": {"name": "g", "arguments": "{}"}, "content": None},
        {"role": "function", "name": "g", "content": "old"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "user", "content": "and now?"},
    ]
    asked = {"model": "openai/echo", "messages": messages}
    assert (await world.client.http.post(PATH, json=asked)).status_code == 200

    old = {"id": "call_g", "type": "function", "function": {"name": "g", "arguments": "{}"}}
    [record] = world.upstream.completions
    assert record.body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "assistant", "content": None, "tool_calls": [old]},
        {"role": "tool", "tool_call_id": "call_g", "content": "old"},
        {"role": "assistant", "content": "No."},
        {"role": "user", "content": "and now?"},
    ]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": HELLO, "n": 2}, "n"),
        ({"messages": HELLO, "temperature": "hot"}, "temperature"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.tool_call_id"),
        ({"messages": ["hello"]}, "messages.0"),
        ({"messages": HELLO, "stream_options": 5}, "stream_options"),
        ({"messages": HELLO, "stop": ["x"] * 17}, "stop"),
        ({"messages": HELLO, "unknown": 10**30}, None),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, None),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [5]}]}, None),
    ],
)
async def test_what_is_wrong_is_named(client: Client, body: Json, param: str | None) -> None:
    error = error_of(await client.http.post(PATH, json=body), 400)

    assert error["type"] == "invalid_request_error"
    assert param is None or error["param"] == param


async def test_the_frameworks_own_refusals_have_their_shape(client: Client) -> None:
    http = client.http
    json_header = {"Content-Type": "application/json"}

    assert error_of(await http.get("/v1/nothing"), 404)["code"] == "not_found"
    assert error_of(await http.delete(PATH), 405)["code"] == "method_not_allowed"
    assert error_of(await http.post(PATH, content="{", headers=json_header), 400)["code"] is None
    assert error_of(await http.post(PATH, content="{}"), 415)["code"] == "unsupported_media_type"
    large = await http.post(PATH, content=b" " * (64 << 20), headers=json_header)
    assert error_of(large, 413)["code"] == "too_large"


async def test_models_by_their_ids(client: Client) -> None:
    listed = (await client.http.get("/v1/models")).json()
    found = await client.http.get("/v1/models/demo%2Fecho")

    assert found.json() in listed["data"]
    assert (await client.http.get("/v1/models/demo/echo")).json() == found.json()
    missing = error_of(await client.http.get("/v1/models/demo/nobody"), 404)
    assert missing["code"] == "model_not_found"


def likely(choices: list[Json]) -> list[str]:
    found = [choice["logprobs"] for choice in choices if choice["logprobs"] is not None]
    return [token["token"] for logprobs in found for token in logprobs["content"]]


@pytest.mark.parametrize("kept", [False, True], ids=["plain", "kept"])
async def test_who_asks_gets_to_know_how_likely_each_token_was(world: World, kept: bool) -> None:
    tokens = [f"t{number} " for number in range(40)]
    body = {"model": "openai/" + mock_model(tokens=40), "messages": HELLO}
    asked: Json = {**body, "logprobs": True, "top_logprobs": 3}

    async def answer(body: Json, key: str) -> httpx2.Response:
        return await world.client.http.post(PATH, json=body, headers=headers | {KEY_HEADER: key})

    headers = {"X-Conversation-Id": await world.client.conversation()} if kept else {}
    [choice] = (await answer(asked, "whole")).json()["choices"]
    assert likely([choice]) == tokens
    # The second time it is read from the log that is stored.
    for _ in range(2 if kept else 1):
        chunks = chunks_of(await answer({**asked, "stream": True}, "streamed"))
        assert text_of(chunks) == "".join(tokens)
        assert likely([choice for chunk in chunks for choice in chunk["choices"]]) == tokens
    [choice] = (await answer(body, "unasked")).json()["choices"]
    assert choice["logprobs"] is None
    assert world.upstream.completions[0].body["top_logprobs"] == 3
    assert len(world.upstream.completions) == 3


async def test_what_fails_before_the_first_token_has_its_status(world: World) -> None:
    for kind, status, retry in (("http-401", 503, "false"), ("http-503", 503, None)):
        model = "openai/" + mock_model(fail=kind)
        for stream in (False, True):
            asked = {"model": model, "messages": HELLO, "stream": stream}
            response = await world.client.http.post(PATH, json=asked)
            assert error_of(response, status)["type"] == "server_error"
            assert response.headers.get("x-should-retry") == retry


async def test_what_fails_behind_it_stands_in_the_stream(world: World) -> None:
    model = "openai/" + mock_model(fail="cut", after=2)
    asked = {"model": model, "messages": HELLO, "stream": True}
    response = await world.client.http.post(PATH, json=asked)

    *chunks, last = chunks_of(response)
    assert (response.status_code, text_of(chunks)) == (200, "t0 t1 ")
    assert last["error"]["code"] == "upstream_truncated"
    assert "[DONE]" not in response.text


async def test_a_text_is_completed_as_well(world: World) -> None:
    model = "openai/" + mock_model(tokens=3)
    asked: Json = {"model": model, "prompt": ["hello"], "frequency_penalty": 1, "stop": "X"}
    whole = (await world.client.http.post(TEXT_PATH, json=asked)).json()

    assert (whole["object"], whole["id"][:5]) == ("text_completion", "cmpl-")
    assert whole["choices"] == [
        {"index": 0, "text": "t0 t1 t2 ", "finish_reason": "stop", "logprobs": None}
    ]
    assert whole["usage"]["completion_tokens"] == 3
    body = world.upstream.completions[0].body
    assert body["messages"] == [{"role": "user", "content": "hello"}]
    assert (body["frequency_penalty"], body["stop"]) == (1, ["X"])
    assert "prompt" not in body

    more = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 2}
    chunks = chunks_of(await world.client.http.post(TEXT_PATH, json={**asked, **more}))
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert "".join(choice["text"] for choice in choices) == "t0 t1 "
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + [
        "length"
    ]
    assert chunks[-1]["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [1]}, "prompt.0"),
        ({"prompt": None}, "prompt"),
        ({"n": 2}, "n"),
        ({"best_of": 2}, "best_of"),
        ({"echo": True}, "echo"),
        ({"suffix": "x"}, "suffix"),
        ({"logprobs": 0}, "logprobs"),
        ({"tools": TOOLS}, "tools"),
    ],
    ids=str,
)
async def test_what_a_text_cannot_have_is_named(client: Client, more: Json, param: str) -> None:
    body = {"model": "demo/echo", "prompt": "x", **more}
    error = error_of(await client.http.post(TEXT_PATH, json=body), 400)

    assert error["param"] == param


async def test_silence_is_a_comment(world: World) -> None:
    model = "openai/" + mock_model(tokens=1, first_token_delay=1)
    asked = {"model": model, "messages": HELLO, "stream": True}
    response = await world.client.http.post(PATH, json=asked)

    assert ": heartbeat\n\n" in response.text
    assert text_of(chunks_of(response)) == "t0 "


async def test_those_that_leave_at_any_moment_leave_nothing_behind(world: World) -> None:
    for tokens in range(6):
        model = mock_model(tokens=1_000_000, rate=100, key=str(tokens))
        body = {"model": f"openai/{model}", "messages": HELLO, "stream": True}
        async with await RawClient.connect(world.base_url) as at_once:
            post(at_once, PATH, body)
        async with await RawClient.connect(world.base_url) as raw:
            post(raw, PATH, body)
            await world.upstream.until(partial(_has_sent, world, model, tokens))

    await world.upstream.until(
        lambda: all(record.client_gone for record in world.upstream.completions)
    )
    assert len(world.upstream.completions) >= 6


def _has_sent(world: World, model: str, tokens: int) -> bool:
    return any(
        not record.client_gone and record.body["model"] == model and record.tokens_sent >= tokens
        for record in world.upstream.completions
    )


async def test_a_conversation_keeps_what_is_said_in_it(client: Client) -> None:
    conversation = await client.conversation()
    header = {"X-Conversation-Id": conversation}
    system = {"role": "system", "content": "Be brief."}
    first = await client.http.post(
        PATH, json={"model": "demo/echo", "messages": [system, *HELLO]}, headers=header
    )
    said = first.json()["choices"][0]["message"]
    again = [system, *HELLO, said, {"role": "user", "content": "again"}]
    second = await client.http.post(
        PATH, json={"model": "demo/echo", "messages": again, "stream": True}, headers=header
    )

    assert text_of(chunks_of(second)) == "You said: again"
    assert second.headers["x-conversation-id"] == conversation
    found = (await client.http.get(f"/api/conversations/{conversation}")).json()
    assert found["system_prompt"] == "Be brief."
    listed = (await client.http.get(f"/api/conversations/{conversation}/messages")).json()
    told = [(message["role"], message["content"]) for message in listed["items"]]
    assert told == [
        ("user", "hello"),
        ("assistant", "You said: hello"),
        ("user", "again"),
        ("assistant", "You said: again"),
    ]
    generation = second.headers["x-generation-id"]
    assert listed["items"][-1]["generation_id"] == generation


async def test_an_empty_conversation_takes_the_whole_list(client: Client) -> None:
    conversation = await client.conversation()
    messages: list[Json] = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "assistant", "content": "hi"},
        *HELLO,
        {"role": "user", "content": "and again"},
    ]
    asked = {"model": "demo/echo", "messages": messages}
    answer = await client.http.post(PATH, json=asked, headers={"X-Conversation-Id": conversation})

    assert answer.status_code == 200, answer.text
    listed = (await client.http.get(f"/api/conversations/{conversation}/messages")).json()
    roles = [message["role"] for message in listed["items"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user", "user", "assistant"]
    assert listed["items"][-2]["content"] == "and again"


async def test_an_answer_that_is_kept_outlives_its_caller(world: World) -> None:
    conversation = await world.client.conversation()
    model = "openai/" + mock_model(tokens=40, rate=100)
    async with await RawClient.connect(world.base_url) as raw:
        body = json.dumps({"model": model, "messages": HELLO, "stream": True}).encode()
        raw.send(
            f"POST {PATH} HTTP/1.1",
            body,
            "Content-Type: application/json",
            f"X-Conversation-Id: {conversation}",
        )
        await world.upstream.tokens_sent(3)

    found = await world.client.http.get(f"/api/conversations/{conversation}/messages")
    reader = await world.client.read(found.json()["items"][-1]["generation_id"])
    assert (reader.status, reader.text) == ("complete", "".join(f"t{i} " for i in range(40)))


async def test_the_same_key_is_the_same_answer(client: Client) -> None:
    conversation = await client.conversation()
    headers = {"X-Conversation-Id": conversation, "Idempotency-Key": "once"}
    asked = {"model": "demo/echo", "messages": HELLO}
    first, second = [await client.http.post(PATH, json=asked, headers=headers) for _ in range(2)]

    assert first.headers["x-generation-id"] == second.headers["x-generation-id"]
    listed = (await client.http.get(f"/api/conversations/{conversation}/messages")).json()
    assert len(listed["items"]) == 2


async def test_a_conversation_takes_what_is_new_and_nothing_else(client: Client) -> None:
    conversation = await client.conversation()
    wrong: list[tuple[str, list[Json], int]] = [
        ("conv_nobody", HELLO, 404),
        (conversation, [*HELLO, {"role": "assistant", "content": "hi"}], 400),
        (conversation, [{"role": "tool", "tool_call_id": "x", "content": "x"}], 400),
        ("not an id!", HELLO, 400),
    ]
    for id, messages, status in wrong:
        asked: dict[str, Any] = {"model": "demo/echo", "messages": messages}
        answer = await client.http.post(PATH, json=asked, headers={"X-Conversation-Id": id})
        error_of(answer, status)

    listed = (await client.http.get(f"/api/conversations/{conversation}/messages")).json()
    assert listed["items"] == []


def test_another_users_conversation_is_none(tmp_path: Path) -> None:
    with locked_service(tmp_path) as service, httpx2.Client(base_url=service.base_url) as http:
        owner, other = (bearer(service.key(user)["secret"]) for user in ("owner", "other"))
        theirs = http.post("/api/conversations", json={}, headers=owner).json()["id"]
        missing = f"{theirs[:-4]}zzzz"
        asked = {"model": "demo/echo", "messages": HELLO}
        answers = [
            http.post(PATH, json=asked, headers={**other, "X-Conversation-Id": id})
            for id in (theirs, missing)
        ]

        told = [error_of(answer, 404)["message"] for answer in answers]
        assert told[0].replace(theirs, "") == told[1].replace(missing, "")
        reader = bearer(service.key("owner", "read")["secret"])
        assert error_of(http.post(PATH, json=asked, headers=reader), 403)["code"] == "forbidden"
        assert error_of(http.get("/v1/models"), 401)["code"] == "invalid_api_key"


def test_a_stream_ends_when_its_key_is_revoked(tmp_path: Path) -> None:
    with locked_service(tmp_path) as service, httpx2.Client(base_url=service.base_url) as http:
        key = service.key("owner")
        asked = {"model": "demo/story", "messages": HELLO, "stream": True, "tokens": 100_000}
        with http.stream("POST", PATH, json=asked, headers=bearer(key["secret"])) as answer:
            lines = answer.iter_lines()
            next(lines)
            service.revoke(key["id"])
            last = [line for line in lines if line][-1]

    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "broken_off"
