"""The OpenAPI document: complete, and true of every example in it."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from jsonschema_rs import Draft202012Validator, meta

from tests.client import Client, Json
from tests.web.shapes import PROBLEM

NUMBERS = itertools.count()
OPENAI_ERROR = {"message", "type", "param", "code"}
CONTRACT = {
    "/api/conversations": {"get", "post"},
    "/api/conversations/{id}": {"get", "patch", "delete"},
    "/api/conversations/{id}/messages": {"get", "post", "delete"},
    "/api/conversations/{id}/export": {"get"},
    "/api/conversations/import": {"post"},
    "/api/conversations/delete": {"post"},
    "/api/conversations/{id}/stream": {"get"},
    "/api/conversations/{id}/members": {"get", "post"},
    "/api/conversations/{id}/members/{user}": {"delete"},
    "/api/conversations/{id}/link": {"post", "delete"},
    "/api/shared/{secret}": {"get"},
    "/api/messages/{id}/regenerate": {"post"},
    "/api/messages/{id}/continue": {"post"},
    "/api/messages/{id}/feedback": {"put", "delete"},
    "/api/generations/{id}": {"get"},
    "/api/generations/{id}/stream": {"get"},
    "/api/generations/{id}/stop": {"post"},
    "/api/generations/{id}/ticket": {"post"},
    "/api/ws/ticket": {"post"},
    "/api/session": {"post", "delete"},
    "/api/llm/models": {"get"},
    "/api/llm/health": {"get"},
    "/api/llm/generate": {"post"},
    "/api/llm/chat": {"post"},
    "/api/llm/chat/session": {"post"},
    "/api/llm/chat/session/{id}": {"get", "delete"},
    "/api/llm/chat/session/{id}/history": {"get", "delete"},
    "/api/chat": {"post"},
    "/api/chat/{id}/messages": {"get"},
    "/api/chat/{id}/stream": {"get"},
    "/api/chat/{id}/stop": {"post"},
    "/api/keys": {"get", "post"},
    "/api/keys/{id}": {"delete"},
    "/api/templates": {"get", "post"},
    "/api/templates/{name}": {"get", "put", "delete"},
    "/api/templates/{name}/versions": {"get"},
    "/api/templates/{name}/render": {"post"},
    "/api/experiments": {"get", "post"},
    "/api/experiments/{name}": {"get", "patch", "delete"},
    "/api/experiments/{name}/start": {"post"},
    "/api/experiments/{name}/stop": {"post"},
    "/api/experiments/{name}/results": {"get"},
    "/api/me": {"get"},
    "/api/usage": {"get"},
    "/api/usage/allowances": {"get"},
    "/api/admin/generations": {"get"},
    "/api/admin/generations/{id}/stop": {"post"},
    "/api/admin/users": {"get"},
    "/v1/chat/completions": {"post"},
    "/v1/completions": {"post"},
    "/v1/models": {"get"},
    "/v1/models/{id}": {"get"},
    "/v1/responses": {"post"},
    "/v1/responses/{id}": {"get", "delete"},
    "/v1/responses/{id}/cancel": {"post"},
    "/v1/responses/{id}/input_items": {"get"},
    "/v1/conversations": {"post"},
    "/v1/conversations/{id}": {"get", "post", "delete"},
    "/v1/conversations/{id}/items": {"get", "post"},
    "/v1/conversations/{id}/items/{item_id}": {"get", "delete"},
    "/health": {"get"},
    "/health/live": {"get"},
    "/health/ready": {"get"},
    "/metrics": {"get"},
}


@pytest.fixture
async def document(client: Client) -> Json:
    found: Json = (await client.http.get("/openapi.json")).json()
    return found


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


async def test_every_call_of_the_contract_is_documented(document: Json) -> None:
    found: dict[str, set[str]] = {}
    for method, path, _ in operations(document):
        found.setdefault(path, set()).add(method)

    assert found == CONTRACT


async def test_every_operation_has_a_title_a_description_and_a_tag(document: Json) -> None:
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}

    for method, path, operation in operations(document):
        assert re.fullmatch(r"[A-Z][^.\n]{3,49}", operation["summary"]), (method, path)
        assert operation["description"].endswith("."), (method, path)
        assert operation["description"] != operation["summary"] + ".", (method, path)
        assert set(operation["tags"]) <= set(tags), (method, path)
    assert all(tags.values())
    assert {tag for _, _, operation in operations(document) for tag in operation["tags"]} == set(
        tags
    )


async def test_operation_ids_are_unique_names(document: Json) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]

    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z_]+", id_) for id_ in ids)


async def test_every_parameter_says_what_it_is(document: Json) -> None:
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), (method, path, parameter["name"])


async def test_every_error_is_documented_as_a_problem(document: Json) -> None:
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            assert response["description"] != "Successful Response"
            if status >= "400" and path != "/health/ready":
                (media_type,) = response["content"]
                if path.startswith("/v1/"):
                    assert media_type == "application/json", (method, path, status)
                    # The framework leaves out what is null.
                    assert set(response["content"][media_type]["example"]["error"]) <= OPENAI_ERROR
                    continue
                assert media_type == "application/problem+json", (method, path, status)
                example = response["content"][media_type]["example"]
                assert set(example) >= PROBLEM
                assert example["status"] == int(status)
        if "requestBody" in operation:
            refused = {"400", "413", "415", "503"} | (
                {"422"} if path.startswith("/api/") else set()
            )
            assert refused <= set(operation["responses"])
        elif path.startswith("/api/") and operation.get("parameters"):
            assert {"422", "503"} <= set(operation["responses"])


async def test_every_schema_is_one_and_none_is_spelled_out_twice(document: Json) -> None:
    schemas = document["components"]["schemas"]

    for schema in schemas.values():
        meta.validate(schema)
        assert schema.get("properties") or schema.get("enum")
    # The names of classes, which a generated client gets as its own.
    assert not [name for name in schemas if re.search(r"Shape|__|HTTPValidation|-", name)]
    used = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert used == set(schemas)


async def test_every_request_body_has_an_example(document: Json) -> None:
    for method, path, operation in operations(document):
        if "requestBody" in operation:
            assert body_schema(document, operation)["examples"], (method, path)


def body_schema(document: Json, operation: Json) -> Json:
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema: Json = document["components"]["schemas"][reference.rpartition("/")[2]]
    return schema


def examples(document: Json) -> Iterator[tuple[str, str, Any]]:
    for method, path, operation in operations(document):
        if "requestBody" in operation:
            for example in body_schema(document, operation)["examples"]:
                yield method, path, example


async def test_every_example_works_when_it_is_sent(client: Client, document: Json) -> None:
    for method, path, example in examples(document):
        target = await _existing(client, path)
        response = await client.http.request(method, target, json=example)
        assert response.is_success, (method, path, example, response.text)
        if response.status_code == 204:
            continue
        if response.headers["content-type"].startswith("text/event-stream"):
            assert response.text.endswith("data: [DONE]\n\n")
            continue
        _conforms(document, method, path, response)


async def test_examples_of_answers_are_what_is_answered(client: Client, document: Json) -> None:
    session = {"session_id": "fox-1", "message": "the quick brown fox", "model": "demo/echo"}
    assert (await client.http.post("/api/llm/chat/session", json=session)).is_success

    for method, path, operation in operations(document):
        if method != "get" or path.endswith(("/stream", "/metrics")):
            continue
        (status, *_) = operation["responses"]
        response = await client.http.get(await _existing(client, path))
        assert response.status_code == int(status), (path, response.text)
        _conforms(document, method, path, response)


async def test_every_example_of_an_answer_is_one(document: Json) -> None:
    schemas = document["components"]["schemas"]
    shown = set()
    for name, schema in schemas.items():
        for example in schema.get("examples", []):
            assert _errors(document, schema, example) == [], name
            shown.add(name)

    for method, path, operation in operations(document):
        (first, *_) = operation["responses"]
        content = operation["responses"][first].get("content", {})
        for media_type, answer in content.items():
            if media_type == "application/json":
                name = answer["schema"]["$ref"].rpartition("/")[2]
                assert name in shown or name == "Live", (method, path)
            elif media_type == "text/csv":
                assert answer["example"].startswith("model,input_tokens")
            elif media_type == "text/markdown":
                assert answer["example"].startswith("# Foxes")
            elif media_type == "text/plain":
                assert answer["example"].startswith("# HELP llmchat_")
            else:
                assert answer["example"].startswith(("retry: 1000\n\n", "data: {", "event: "))


async def _made_by_admin(client: Client, path: str) -> str:
    """The name of a template, or of an experiment on it."""
    name = f"new-{next(NUMBERS)}"
    body: Json = {"name": name, "system_prompt": "{{product}}", "variables": [{"name": "product"}]}
    assert (await client.http.post("/api/templates", json=body)).is_success
    if "/experiments/" in path:
        body = {"name": name, "template": name, "variants": [{"name": "plain"}, {"name": "warm"}]}
        assert (await client.http.post("/api/experiments", json=body)).is_success
    return name


async def _existing(client: Client, path: str) -> str:
    """The path with the id of something that is there, and is new."""
    if "/session/" in path or "{" not in path:
        return path.replace("{id}", "fox-1")
    if "{name}" in path:
        return path.replace("{name}", await _made_by_admin(client, path))
    if path.startswith("/v1/"):
        return await _existing_of_openai(client, path)
    conversation = await client.conversation()
    if "{secret}" in path:
        link = await client.http.post(f"/api/conversations/{conversation}/link")
        return str(link.json()["url"])
    if path.startswith(("/api/conversations", "/api/chat")):
        return path.replace("{id}", conversation)
    # Only what is cut can be gone on with.
    params = {"max_tokens": 1} if path.endswith("/continue") else {}
    sent = await client.send(conversation, model="demo/echo", params=params)
    await client.read(sent.generation_id)
    in_messages = path.startswith("/api/messages")
    return path.replace("{id}", sent.reply_id if in_messages else sent.generation_id)


async def _existing_of_openai(client: Client, path: str) -> str:
    if path.startswith("/v1/models"):
        return path.replace("{id}", "demo/echo")
    conversation = await client.conversation()
    sent = await client.send(conversation, model="demo/echo")
    await client.read(sent.generation_id)
    if path.startswith("/v1/responses"):
        return path.replace("{id}", sent.generation_id.replace("gen_", "resp_"))
    return path.format(id=conversation, item_id=sent.reply_id)


def _errors(document: Json, schema: Json, value: Any) -> list[str]:
    whole = {**schema, "components": document["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def _conforms(document: Json, method: str, path: str, response: httpx2.Response) -> None:
    """The answer is what its schema says, and no more."""
    answer = document["paths"][path][method]["responses"][str(response.status_code)]
    if response.status_code == 204:
        return
    schema = answer["content"]["application/json"]["schema"]
    assert _errors(document, schema, response.json()) == [], (method, path)
    known = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
    assert set(response.json()) == set(known)
