"""OpenAI's responses: turns of our conversations, that can be left and read on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from tests.client import Client, Json, connect
from tests.web.conftest import UNPACED, serving
from tests.web.locked import bearer, locked_service

PATIENCE_SECONDS = 30
LOOK_SECONDS = 0.02
SLOW = {"model": "demo/story", "input": "a story", "tokens": 2000, "tokens_per_second": 100}
QUICK = {"model": "demo/echo", "input": "hello", **UNPACED}
STORY = {"model": "demo/story", "input": "a story", "tokens": 30, **UNPACED}
MEMBERS = {
    *("id", "object", "created_at", "completed_at", "status", "background", "error"),
    *("incomplete_details", "instructions", "metadata", "model", "output", "parallel_tool_calls"),
    *("temperature", "top_p", "presence_penalty", "frequency_penalty", "top_logprobs"),
    *("tool_choice", "tools", "store", "previous_response_id", "truncation", "text", "reasoning"),
    *("max_output_tokens", "max_tool_calls", "service_tier", "safety_identifier"),
    *("prompt_cache_key", "user", "usage", "conversation"),
}
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}}


async def respond(client: Client, **body: Any) -> Json:
    answer = await client.http.post("/v1/responses", json=body)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def retrieve(client: Client, id: str) -> Json:
    found: Json = (await client.http.get(f"/v1/responses/{id}")).json()
    return found


async def events(client: Client, path: str, **query: int) -> list[Json]:
    answer = await client.http.get(path, params={"stream": "true", **query})
    assert answer.status_code == 200, answer.text
    return events_in(answer.text)


def events_in(text: str) -> list[Json]:
    lines = [line for line in text.splitlines() if line.startswith("data: ")]
    return [orjson.loads(line.removeprefix("data: ")) for line in lines]


def text_of(events: list[Json]) -> str:
    return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")


async def until(client: Client, id: str, *statuses: str) -> Json:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = await retrieve(client, id)
            if found["status"] in statuses:
                return found
            await asyncio.sleep(LOOK_SECONDS)


async def begun(client: Client, **body: Any) -> tuple[str, int]:
    """A streamed response whose reader has seen some text, and leaves; the last number seen."""
    async with client.http.stream("POST", "/v1/responses", json={**body, "stream": True}) as answer:
        id, number = "", 0
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                event = orjson.loads(line.removeprefix("data: "))
                id = event.get("response", {}).get("id", id)
                number = event["sequence_number"]
            if number > 30:
                break
    return id, number


async def test_a_response_has_what_strict_clients_want(client: Client) -> None:
    found = await respond(client, **QUICK, metadata={"a": "b"}, instructions="Be kind.")
    assert set(found) == MEMBERS
    assert (found["status"], found["instructions"]) == ("completed", "Be kind.")
    [item] = found["output"]
    [part] = item["content"]
    assert part == {
        "type": "output_text",
        "text": "You said: hello",
        "annotations": [],
        "logprobs": [],
    }
    assert set(found["usage"]["input_tokens_details"]) == {"cached_tokens", "cache_write_tokens"}
    assert await retrieve(client, found["id"]) == found


async def test_it_is_a_turn_that_every_other_door_shows(client: Client) -> None:
    answer = await client.http.post("/v1/responses", json={**SLOW, "background": True})
    generation, conversation = (
        answer.headers[f"X-{it}-Id"] for it in ("Generation", "Conversation")
    )
    assert answer.json()["id"].removeprefix("resp_") == generation.removeprefix("gen_")
    assert answer.json()["status"] in ("queued", "in_progress")

    reader = client.reader(generation)
    await reader.read_until(lambda it: it.text.count(" ") > 3)
    question, reply = await client.messages(conversation)
    assert (question["content"], reply["generation_id"]) == ("a story", generation)
    await client.stop(generation)
    found = await retrieve(client, answer.json()["id"])
    assert found["status"] == "cancelled"
    assert found["output"][0]["content"][0]["text"].startswith(reader.text)
    cancelled = await client.http.post(f"/v1/responses/{found['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()) == (200, found)


async def test_any_generation_is_a_response(client: Client) -> None:
    conversation = await client.conversation()
    sent = await client.send(conversation, model="demo/echo")
    await client.read(sent.generation_id)
    id = sent.generation_id.replace("gen_", "resp_")
    found = await retrieve(client, id)
    assert found["output"][0]["id"] == sent.reply_id
    answer = await respond(client, **QUICK, previous_response_id=id)
    items = (await client.http.get(f"/v1/responses/{answer['id']}/input_items")).json()
    assert [item["content"][0]["text"] for item in items["data"]] == ["hello"]
    assert len(await client.messages(conversation)) == 4


async def test_two_answers_to_one_response_are_branches(client: Client) -> None:
    first = await client.http.post("/v1/responses", json=QUICK)
    previous = first.json()["id"]
    one, other = [await respond(client, **QUICK, previous_response_id=previous) for _ in "ab"]
    assert one["previous_response_id"] == other["previous_response_id"] == previous
    assert len(await client.messages(first.headers["X-Conversation-Id"])) == 4


async def test_whoever_leaves_cancels_unless_it_is_in_the_background(client: Client) -> None:
    id, _ = await begun(client, **SLOW)
    assert (await until(client, id, "cancelled"))["output"]
    short = {**SLOW, "tokens": 60}
    id, number = await begun(client, **short, background=True)
    found = await until(client, id, "completed")
    rest = await events(client, f"/v1/responses/{id}", starting_after=number)
    whole = await events(client, f"/v1/responses/{id}")
    assert whole[0]["type"] == "response.created"
    assert rest[-1] == whole[-1]
    assert whole[-1]["response"] == found
    text = found["output"][0]["content"][0]["text"]
    assert text_of(whole) == text
    assert text.endswith(text_of(rest))
    assert [e for e in rest if "delta" not in e] == [
        e for e in whole if "delta" not in e and e["sequence_number"] > number
    ]


async def test_whoever_waits_and_leaves_cancels_too(client: Client) -> None:
    call = asyncio.create_task(client.http.post("/v1/responses", json=SLOW))
    conversation = await _newest(client, live=True)
    call.cancel()
    reply = (await client.messages(conversation))[-1]
    id = reply["generation_id"].replace("gen_", "resp_")
    assert await until(client, id, "cancelled")


async def _newest(client: Client, *, live: bool) -> str:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = (await client.http.get("/api/conversations?limit=1")).json()["items"]
            if not live or (found and await _is_live(client, found[0]["id"])):
                return str(found[0]["id"])
            await asyncio.sleep(LOOK_SECONDS)


async def _is_live(client: Client, conversation: str) -> bool:
    return bool((await client.show(conversation))["active_generations"])


async def test_one_key_makes_one_response(client: Client) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = [
        await client.http.post("/v1/responses", json=STORY, headers=headers) for _ in "twice"
    ]
    assert {answer.text for answer in answers} == {answers[0].text}
    assert len({answer.headers["X-Conversation-Id"] for answer in answers}) == 1
    other = await client.http.post("/v1/responses", json=QUICK, headers=headers)
    assert other.status_code == 400


@pytest.mark.parametrize("after", [-1, "x", 2**60])
async def test_a_number_that_was_never_given_is_refused(client: Client, after: object) -> None:
    id = (await respond(client, **QUICK))["id"]
    query = {"stream": "true", "starting_after": str(after)}
    answer = await client.http.get(f"/v1/responses/{id}", params=query)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    at_the_end = (await events(client, f"/v1/responses/{id}"))[-1]["sequence_number"]
    assert await events(client, f"/v1/responses/{id}", starting_after=at_the_end) == []
    beyond = {"stream": "true", "starting_after": at_the_end + 1}
    assert (await client.http.get(f"/v1/responses/{id}", params=beyond)).status_code == 400


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"tools": [{"type": "web_search"}]}, "web_search"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input.0"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input.0.content"),
        ({"input": []}, "input"),
        ({"input": [{"type": "reasoning", "summary": []}]}, "input"),
        ({"previous_response_id": "resp_1", "conversation": "conv_1"}, "not both"),
        ({"store": False, "background": True}, "store"),
        ({"text": {"format": {"type": "yaml"}}}, "text.format"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"conversation": {"id": 3}}, "conversation"),
    ],
)
async def test_what_is_not_there_is_refused_clearly(client: Client, body: Json, named: str) -> None:
    answer = await client.http.post("/v1/responses", json={**QUICK, **body})
    assert answer.status_code == 400
    assert named in answer.json()["error"]["message"]
    assert "(" not in (answer.json()["error"]["param"] or "")


async def test_results_of_tools_name_calls(client: Client) -> None:
    call = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"}
    other = {**call, "call_id": "call_2"}
    result = {"type": "function_call_output", "call_id": "call_1", "output": "21 °C"}
    asked = {"role": "user", "content": "How is it?"}

    async def status(*items: Json) -> tuple[int, str]:
        body = {**QUICK, "input": list(items), "tools": [WEATHER]}
        answer = await client.http.post("/v1/responses", json=body)
        return answer.status_code, answer.text

    assert (await status(asked, call, result))[0] == 200
    refused, why = await status(asked, result)
    assert (refused, "No tool call found" in why) == (400, True)
    refused, why = await status(asked, call, other, result)
    assert (refused, "No tool output found" in why) == (400, True)


async def test_what_is_deleted_is_gone_with_the_last_of_it(client: Client) -> None:
    first = await client.http.post("/v1/responses", json=QUICK)
    conversation = first.headers["X-Conversation-Id"]
    previous = first.json()["id"]
    second = await respond(client, **QUICK, previous_response_id=previous)
    deleted = await client.http.delete(f"/v1/responses/{previous}")
    assert deleted.json() == {"id": previous, "object": "response", "deleted": True}
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
        answer = await client.http.request(method, f"/v1/responses/{previous}{path}")
        assert answer.status_code == 404
    assert len(await client.messages(conversation)) == 4
    assert (await client.http.delete(f"/v1/responses/{second['id']}")).status_code == 200
    assert (await client.http.get(f"/api/conversations/{conversation}")).status_code == 404


async def test_what_a_conversation_holds_stays_when_its_response_goes(client: Client) -> None:
    conversation = await client.conversation()
    found = await respond(client, **QUICK, conversation={"id": conversation})
    assert found["conversation"] == {"id": conversation}
    assert (await client.http.delete(f"/v1/responses/{found['id']}")).status_code == 200
    assert len(await client.messages(conversation)) == 2


async def test_nothing_is_stored_unless_it_is_to_be(client: Client) -> None:
    before = await _newest(client, live=False)
    found = await respond(client, **STORY, store=False)
    answer = await client.http.post("/v1/responses", json={**STORY, "store": False, "stream": True})
    streamed = events_in(answer.text)
    assert streamed[-1]["response"]["output"][0]["content"] == found["output"][0]["content"]
    assert set(found) == set(streamed[-1]["response"]) == MEMBERS
    assert (await client.http.get(f"/v1/responses/{found['id']}")).status_code == 404
    assert await _newest(client, live=False) == before


async def test_items_of_a_conversation(client: Client) -> None:
    items = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "3"},
    ]
    made = await client.http.post("/v1/conversations", json={"items": items})
    path = f"/v1/conversations/{made.json()['id']}"
    listed = (await client.http.get(f"{path}/items", params={"order": "asc"})).json()
    assert [item["type"] for item in listed["data"]] == [
        *("message", "message", "function_call", "function_call_output")
    ]
    pages, after = [], None
    while True:
        query = {"limit": "1", **({"after": after} if after else {})}
        page = (await client.http.get(f"{path}/items", params=query)).json()
        pages += page["data"]
        after = page["last_id"]
        if not page["has_more"]:
            break
    assert pages[::-1] == listed["data"]
    for item in listed["data"]:
        assert (await client.http.get(f"{path}/items/{item['id']}")).json() == item
    call = listed["data"][2]["id"]
    assert (await client.http.delete(f"{path}/items/{call}")).status_code == 200
    assert (await client.http.get(f"{path}/items/{call}")).status_code == 404
    answer = await respond(client, **QUICK, conversation=made.json()["id"])
    left = (await client.http.get(f"{path}/items?order=asc")).json()["data"]
    assert [item["type"] for item in left] == [
        *("message", "message", "function_call_output", "message", "message")
    ]
    assert left[-1]["id"] == answer["output"][0]["id"]
    assert (await client.http.get(f"{path}/items?after=msg_none")).status_code == 404


def test_ids_of_others_are_as_good_as_none(tmp_path: Path) -> None:
    with locked_service(tmp_path) as service:
        mine, theirs = (bearer(service.key(user)["secret"]) for user in ("me", "them"))
        with httpx2.Client(base_url=service.base_url, timeout=30) as http:
            made = http.post("/v1/responses", json=QUICK, headers=theirs)
            known = {
                "previous_response_id": made.json()["id"],
                "conversation": made.headers["X-Conversation-Id"],
            }
            for name, id in known.items():
                answers = [
                    http.post("/v1/responses", json={**QUICK, name: given}, headers=mine)
                    for given in (id, id[:-4] + "zzzz")
                ]
                assert [answer.status_code for answer in answers] == [404, 404]
                told = [answer.text.replace(id[:-4], "") for answer in answers]
                assert told[0].replace(id[-4:], "zzzz") == told[1]


@pytest.fixture
async def forgetful(tmp_path: Path) -> AsyncIterator[Client]:
    """A service that keeps logs for a second."""
    with serving(tmp_path, log_retention_seconds=1) as url:
        async with connect(url) as client:
            yield client


async def test_without_its_log_a_response_is_told_again(forgetful: Client) -> None:
    client = forgetful
    found = await respond(client, **STORY)
    before = await events(client, f"/v1/responses/{found['id']}")
    query = {"stream": "true", "starting_after": "3"}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = await client.http.get(f"/v1/responses/{found['id']}", params=query)
            if answer.status_code == 410:
                break
            await asyncio.sleep(LOOK_SECONDS)
    assert await retrieve(client, found["id"]) == found
    again = await events(client, f"/v1/responses/{found['id']}")
    assert again == before
