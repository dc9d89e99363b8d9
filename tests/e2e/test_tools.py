"""Tools and images all the way: a model calls, somebody answers, and the model goes on with it."""

import asyncio
import base64
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from tests.client import Client, Json, Sent
from tests.e2e.conftest import upstream_settings
from tests.e2e.test_retention import until_gone
from tests.e2e.watcher import Watcher
from tests.reader import Reader
from tests.service import Service
from tests.upstream import Upstream, mock_model, mock_upstream
from tests.web.shapes import problem_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLING = f"openai/{mock_model(fail='tool-calls')}"
ECHO = "openai/echo"
WEATHER: Json = {"id": "call_0", "name": "weather", "arguments": '{"city":"Zürich","days":3}'}
CLOCK: Json = {"id": "call_1", "name": "clock", "arguments": '{"zone":"Europe/Zurich"}'}
RESULTS: list[Json] = [
    {"tool_call_id": "call_1", "content": "noon"},
    {"tool_call_id": "call_0", "content": "21 °C"},
]
TOOLS: list[Json] = [
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 64
IMAGE = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def in_openais_shape(call: Json) -> Json:
    function = {"name": call["name"], "arguments": call["arguments"]}
    return {"id": call["id"], "type": "function", "function": function}


async def ask_for_calls(client: Client) -> tuple[str, Sent]:
    """A conversation whose last message made two calls."""
    conversation = await client.conversation(system_prompt="Be brief.")
    sent = await client.send(conversation, "How warm is it?", model=CALLING)
    await client.read(sent.generation_id)
    return conversation, sent


async def give(client: Client, conversation: str, *, key: str | None = None, **body: Any) -> Sent:
    path = f"/api/conversations/{conversation}/messages"
    headers = {} if key is None else {"Idempotency-Key": key}
    whole = {"tool_results": RESULTS, "model": ECHO, **body}
    response = await client.http.post(path, json=whole, headers=headers)
    assert response.status_code == 202, response.text
    return Sent(**response.json())


def streamed_calls(reader: Reader) -> list[Json]:
    """The calls as a client puts them together from the stream."""
    calls: dict[int, Json] = {}
    for event in reader.events:
        if event.name == "tool_call":
            call = calls.setdefault(event.data["index"], {"arguments": ""})
            call |= {k: event.data[k] for k in ("id", "name") if event.data[k] is not None}
            call["arguments"] += event.data["arguments"]
    return [calls[index] for index in sorted(calls)]


async def snapshot_calls(client: Client, conversation: str) -> list[Json]:
    """What somebody who opens the conversation now is told of the live generation's calls."""
    watcher = Watcher(client.http, conversation)
    await watcher.watch_until(lambda it: it.snapshot is not None)
    assert watcher.snapshot is not None
    (generation,) = watcher.snapshot["generations"]
    calls: list[Json] = generation["tool_calls"]
    return calls


async def test_a_call_is_streamed_kept_answered_and_gone_on_with(
    client: Client, upstream: Upstream
) -> None:
    conversation = await client.conversation(system_prompt="Be brief.")
    params = {
        "tools": TOOLS,
        "tool_choice": "auto",
        "response_format": {"type": "json_object"},
    }
    first = await client.send(conversation, "How warm is it?", model=CALLING, params=params)
    reader = await client.read(first.generation_id)

    assert streamed_calls(reader) == [WEATHER, CLOCK]
    assert reader.terminal is not None
    assert reader.terminal.data["finish_reason"] == "tool_calls"
    generation = await client.generation(first.generation_id)
    assert generation["tool_calls"] == [WEATHER, CLOCK]
    question, answer = await client.messages(conversation)
    assert (answer["content"], answer["tool_calls"]) == ("", [WEATHER, CLOCK])
    assert (question["tool_calls"], question["tool_call_id"]) == ([], None)
    asked = upstream.completions[0].body
    assert {name: asked[name] for name in params} == params

    second = await give(client, conversation)
    assert (await client.read(second.generation_id)).text == "21 °C"
    history = await client.messages(conversation)
    assert [m["role"] for m in history] == ["user", "assistant", "tool", "tool", "assistant"]
    assert [m["parent_id"] for m in history] == [None, *(m["id"] for m in history[:-1])]
    assert [m["tool_call_id"] for m in history[2:4]] == ["call_1", "call_0"]
    assert [m["content"] for m in history[2:]] == ["noon", "21 °C", "21 °C"]
    assert second.message == history[3]
    assert upstream.completions[1].body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How warm is it?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [in_openais_shape(WEATHER), in_openais_shape(CLOCK)],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
        {"role": "tool", "tool_call_id": "call_0", "content": "21 °C"},
    ]


async def test_results_that_do_not_fit_are_named_and_leave_nothing(client: Client) -> None:
    conversation, sent = await ask_for_calls(client)
    path = f"/api/conversations/{conversation}/messages"
    body = {"tool_results": [RESULTS[0], {"tool_call_id": "call_9", "content": ""}]}

    problem = problem_of(await client.http.post(path, json=body), 422)

    assert problem["type"] == "invalid"
    assert "unknown: call_9; missing: call_0" in problem["detail"]
    assert sent.reply_id in problem["detail"]
    assert len(await client.messages(conversation)) == 2


async def test_results_are_stored_once_with_a_key(client: Client, upstream: Upstream) -> None:
    conversation, _ = await ask_for_calls(client)
    key = uuid4().hex
    sends = await asyncio.gather(*(give(client, conversation, key=key) for _ in range(5)))
    await client.read(sends[0].generation_id)
    again = await give(client, conversation, key=key)

    assert {sent.generation_id for sent in [*sends, again]} == {sends[0].generation_id}
    assert len(await client.messages(conversation)) == 5
    assert len(upstream.completions) == 2


async def test_results_wait_for_their_turn_like_questions(client: Client) -> None:
    conversation, sent = await ask_for_calls(client)
    live = await client.send(conversation, model="demo/story")
    path = f"/api/conversations/{conversation}/messages"
    body: Json = {"tool_results": RESULTS, "model": ECHO, "parent_id": sent.reply_id}

    refused = problem_of(await client.http.post(path, json=body), 409)
    assert refused["generation_id"] == live.generation_id
    queued = await give(client, conversation, parent_id=sent.reply_id, on_busy="interrupt")
    assert (await client.read(queued.generation_id)).text == "21 °C"
    assert (await client.generation(live.generation_id))["status"] == "stopped"


async def test_another_answer_to_results_is_a_sibling(client: Client, upstream: Upstream) -> None:
    conversation, _ = await ask_for_calls(client)
    first = await give(client, conversation)
    await client.read(first.generation_id)
    path = f"/api/messages/{first.reply_id}/regenerate"
    again = Sent(**(await client.http.post(path, json={"model": ECHO})).json())
    await client.read(again.generation_id)

    assert again.message["id"] == first.message["id"]
    assert again.reply["siblings"] == [first.reply_id, again.reply_id]
    bodies = [record.body["messages"] for record in upstream.completions]
    assert bodies[1] == bodies[2]


async def test_each_result_is_announced_to_whoever_watches(client: Client) -> None:
    conversation, _ = await ask_for_calls(client)
    roles: list[str] = []
    path = f"/api/conversations/{conversation}/stream"
    async with client.http.stream("GET", path) as response:
        event = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            if event == "snapshot" and line == "":
                await give(client, conversation)
            if event == "message" and line.startswith("data: "):
                roles.append(orjson.loads(line.removeprefix("data: "))["role"])
            if event == "finished":
                break
    assert roles == ["tool", "tool", "assistant"]


async def test_calls_that_nobody_answers_are_no_obstacle(
    client: Client, upstream: Upstream
) -> None:
    conversation, _ = await ask_for_calls(client)
    sent = await client.send(conversation, "Never mind.", model=ECHO)

    assert (await client.read(sent.generation_id)).text == "Never mind."
    assert upstream.completions[1].body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How warm is it?"},
        {"role": "user", "content": "Never mind."},
    ]


async def test_a_stop_in_mid_call_keeps_what_came_and_poisons_nothing(
    client: Client, upstream: Upstream
) -> None:
    conversation = await client.conversation()
    slow = f"openai/{mock_model(fail='tool-calls', rate=2)}"
    sent = await client.send(conversation, "How warm is it?", model=slow)
    reader = client.reader(sent.generation_id)
    await reader.read_until(lambda seen: any(c["arguments"] for c in streamed_calls(seen)))
    seen_before = await snapshot_calls(client, conversation)
    await client.stop(sent.generation_id)
    await reader.read_to_end()

    assert [(call["index"], call["id"]) for call in seen_before] == [(0, "call_0")]
    assert WEATHER["arguments"].startswith(seen_before[0]["arguments"])
    assert seen_before[0]["arguments"]
    (call,) = streamed_calls(reader)
    assert WEATHER["arguments"].startswith(call["arguments"])
    assert call["arguments"] != WEATHER["arguments"]
    (_, answer) = await client.messages(conversation)
    assert (answer["status"], answer["tool_calls"]) == ("stopped", [call])
    assert (await client.generation(sent.generation_id))["tool_calls"] == [call]

    after = await client.send(conversation, "Never mind.", model=ECHO)
    await client.read(after.generation_id)
    messages = upstream.completions[1].body["messages"]
    assert [message["role"] for message in messages] == ["user", "user"]


async def test_images_reach_the_model_byte_for_byte_and_come_back(
    client: Client, upstream: Upstream
) -> None:
    conversation = await client.conversation()
    content: list[Json] = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
    ]
    first = await client.send(conversation, content=content, model=ECHO)
    assert (await client.read(first.generation_id)).text == "What is this?"
    second = await client.send(conversation, "And now?", model=ECHO)
    await client.read(second.generation_id)

    assert (await client.messages(conversation))[0]["content"] == content
    for record in upstream.completions:
        assert record.body["messages"][0] == {"role": "user", "content": content}
    sent = upstream.completions[1].body["messages"][0]["content"][1]["image_url"]["url"]
    assert base64.b64decode(sent.partition(",")[2]) == PNG


async def test_a_stateless_call_gives_and_takes_calls_in_openais_shape(
    client: Client, upstream: Upstream
) -> None:
    messages: list[Json] = [{"role": "user", "content": "How warm is it?"}]
    body = {"messages": messages, "model": CALLING, "params": {"tools": TOOLS}}
    answer = (await client.http.post("/api/llm/chat", json=body)).json()

    assert answer["finish_reason"] == "tool_calls"
    assert answer["message"]["tool_calls"] == [in_openais_shape(WEATHER), in_openais_shape(CLOCK)]
    results = [{"role": "tool", **result} for result in RESULTS]
    body = {"messages": [*messages, answer["message"], *results], "model": ECHO}
    answer = (await client.http.post("/api/llm/chat", json=body)).json()
    assert answer["message"] == {
        "role": "assistant",
        "content": "21 °C",
        "reasoning": "",
        "tool_calls": [],
    }
    called = {"role": "assistant", "content": None}
    calls = {"tool_calls": [in_openais_shape(WEATHER), in_openais_shape(CLOCK)]}
    assert upstream.completions[1].body["messages"] == [*messages, called | calls, *results]


@pytest.mark.thorough
async def test_calls_and_results_survive_kill_9(tmp_path: Path) -> None:
    async with mock_upstream() as upstream:
        # Else it would be asked again what never answers.
        settings = upstream_settings(upstream) | {"LLMCHAT_ON_CRASH": "mark"}
        service = Service(tmp_path, **settings)
        async with service.running(), service.client() as client:
            conversation, first = await ask_for_calls(client)
            await service.kill()
            await service.start()
            (_, answer) = await client.messages(conversation)
            assert answer["tool_calls"] == [WEATHER, CLOCK]
            assert streamed_calls(await client.read(first.generation_id)) == [WEATHER, CLOCK]

            slow = f"openai/{mock_model('echo', first_token_delay=600)}"
            cut = await give(client, conversation, model=slow)
            await service.kill()
            await service.start()
            await client.read(cut.generation_id)
            history = await client.messages(conversation)
            assert [m["content"] for m in history[2:4]] == ["noon", "21 °C"]
            again = await give(client, conversation, parent_id=first.reply_id)
            assert (await client.read(again.generation_id)).text == "21 °C"


async def test_calls_outlive_their_log(tmp_path: Path) -> None:
    async with mock_upstream() as upstream:
        settings = upstream_settings(upstream) | {"LLMCHAT_LOG_RETENTION_SECONDS": 1}
        async with Service(tmp_path, **settings).running() as service, service.client() as client:
            _, sent = await ask_for_calls(client)
            await until_gone(client, sent.generation_id)
            generation = await client.generation(sent.generation_id)
            assert generation["tool_calls"] == [WEATHER, CLOCK]
