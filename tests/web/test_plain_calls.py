"""Models, their health, and the calls that store nothing."""

from typing import Any

import pytest

from tests.client import Client, Json
from tests.web.conftest import UNPACED
from tests.web.shapes import USAGE, is_private, problem_of

QUICK: Json = {"model": "demo/echo", "params": {"extra": UNPACED}}
HELLO: Json = {"messages": [{"role": "user", "content": "hello"}]}


async def test_models_are_listed_with_the_default(client: Client) -> None:
    response = await client.http.get("/api/llm/models")

    assert response.status_code == 200
    assert is_private(response)
    found = response.json()
    assert set(found) == {"items", "default"}
    shape = {"id", "provider", "available", "context_window", "price"}
    assert all(set(model) == shape for model in found["items"])
    assert [model["id"] for model in found["items"]] == ["demo/echo", "demo/story", "demo/markdown"]
    assert {model["provider"] for model in found["items"]} == {"demo"}
    assert found["default"] == "demo/echo"


async def test_health_of_the_models_names_each_provider(client: Client) -> None:
    response = await client.http.get("/api/llm/health")

    assert response.status_code == 200
    found = response.json()
    assert set(found) == {"success", "providers"}
    assert found["success"] is True
    (demo,) = found["providers"]
    assert set(demo) == {
        "provider",
        "status",
        "latency_ms",
        "circuit",
        "url",
        "model",
        "detail",
    }
    assert (demo["provider"], demo["status"], demo["circuit"]) == ("demo", "healthy", "closed")
    assert demo["model"] == "demo/echo"


async def test_a_prompt_is_completed(client: Client) -> None:
    response = await client.http.post("/api/llm/generate", json={"prompt": "a fox", **QUICK})

    assert response.status_code == 200
    assert is_private(response)
    answer = response.json()
    assert set(answer) == {"text", "model", "finish_reason", "usage"}
    assert set(answer["usage"]) == USAGE
    assert answer["text"] == "You said: a fox"
    assert (answer["model"], answer["finish_reason"]) == ("demo/echo", "stop")


async def test_messages_are_answered(client: Client) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "You said: one"},
        {"role": "user", "content": "two"},
    ]

    response = await client.http.post("/api/llm/chat", json={"messages": messages, **QUICK})

    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"message", "model", "finish_reason", "usage"}
    assert answer["message"] == {
        "role": "assistant",
        "content": "You said: two",
        "reasoning": "",
        "tool_calls": [],
    }


async def test_nothing_of_a_plain_call_is_stored(client: Client) -> None:
    await client.http.post("/api/llm/generate", json={"prompt": "hello", **QUICK})
    await client.http.post("/api/llm/chat", json=HELLO | QUICK)

    assert (await client.http.get("/api/conversations")).json()["items"] == []


async def test_a_model_is_chosen_for_who_names_none(client: Client) -> None:
    answer = (await client.http.post("/api/llm/generate", json={"prompt": "x"})).json()

    assert answer["model"] == "demo/echo"


async def test_a_limit_on_the_answer_is_named_as_its_end(client: Client) -> None:
    body = {"prompt": "x", "model": "demo/story", "params": {"max_tokens": 2, "extra": UNPACED}}

    answer = (await client.http.post("/api/llm/generate", json=body)).json()

    assert (answer["text"], answer["finish_reason"]) == ("t0 t1 ", "length")
    assert answer["usage"]["output_tokens"] == 2


@pytest.mark.parametrize(
    "more",
    [
        {"model": "nope/x"},
        {"model": "demo/"},
        {"model": "demo"},
        {"model": "/"},
        {"model": "demo/nope"},
        {"model": "demo/echo/more"},
        {"params": {"extra": {"tokens_per_second": "fast"}}},
        {"params": {"extra": {"tokens_per_second": -1}}},
        {"params": {"extra": {"tokens_per_second": 1e300}}},
        {"params": {"extra": {"tokens_per_second": True}}},
        {"params": {"extra": {"tokens_per_second": None}}},
        {"params": {"extra": {"tokens": [1]}}, "model": "demo/story"},
        {"params": {"extra": {"tokens": 10**15}}, "model": "demo/story"},
    ],
)
async def test_what_no_model_can_do_is_the_callers_mistake(
    client: Client, more: dict[str, Any]
) -> None:
    generated = await client.http.post("/api/llm/generate", json={"prompt": "x"} | QUICK | more)
    chatted = await client.http.post("/api/llm/chat", json=HELLO | QUICK | more)
    session = {"session_id": "mistaken", "message": "x"}
    waited = await client.http.post("/api/llm/chat/session", json=session | QUICK | more)

    problems = [problem_of(response, 422) for response in (generated, chatted, waited)]
    assert {p["type"] for p in problems} <= {"invalid", "unknown_model", "upstream_rejected"}


async def test_a_send_to_no_model_is_refused_before_anything_is_stored(client: Client) -> None:
    conversation = await client.conversation()

    problem = problem_of(await client.try_send(conversation, model="nope/x"), 422)

    assert "GET /api/llm/models" in problem["detail"]
    assert await client.messages(conversation) == []


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_health_answers_to_get_and_head(client: Client, path: str) -> None:
    response = await client.http.get(path)
    head = await client.http.head(path)

    assert (response.status_code, head.status_code) == (200, 200)
    assert response.headers["content-type"] == "application/json"
    assert head.content == b""
    assert head.headers["content-length"] == response.headers["content-length"]


async def test_health_names_version_and_durability(client: Client) -> None:
    found = (await client.http.get("/health")).json()

    assert set(found) == {"status", "version", "durability", "reasons", "warnings", "mqtt"}
    assert (found["status"], found["durability"], found["reasons"]) == ("ok", "process", [])
    assert found["mqtt"] is None
    assert (await client.http.get("/health/live")).json() == {"status": "ok"}
    ready = (await client.http.get("/health/ready")).json()
    assert ready == {"status": "ready", "reasons": [], "warnings": []}
