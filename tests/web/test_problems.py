"""Errors: problem details with a request id, whatever went wrong."""

import re
from typing import Any

import httpx2
import pytest

from tests.client import Client, Json
from tests.raw_http import RawClient
from tests.web.shapes import problem_of

JSON = {"Content-Type": "application/json"}


async def post(client: Client, path: str, body: str | bytes, **headers: str) -> httpx2.Response:
    return await client.http.post(path, content=body, headers=JSON | headers)


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/api",
        "/api/conversation",
        "/api/conversations/",
        "/api/conversations/conv_x/",
        "/api/conversations/conv_x/nowhere",
        "/api//conversations",
        "/API/conversations",
        "/static",
        "/static/",
        "/static/nothing.js",
        "/static/%2e%2e/%2e%2e/app.py",
        "/static/..%2f..%2fapp.py",
        "/static/%2fetc%2fpasswd",
        "/docs/",
        "/redoc",
    ],
)
async def test_an_unknown_path_is_404(client: Client, path: str) -> None:
    problem = problem_of(await client.http.get(path), 404)

    assert problem["type"] == "not_found"
    assert problem["instance"] == path


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_id_is_404(client: Client, method: str) -> None:
    for id_ in ("conv_8DmOO6h2o06nVqsCmQgH4N7", "0", "-", "msg_1", "x" * 64):
        path = f"/api/conversations/{id_}"
        body: Json | None = {} if method == "PATCH" else None
        problem = problem_of(await client.http.request(method, path, json=body), 404)
        assert (problem["type"], problem["instance"]) == ("not_found", path)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/conversations", {"GET", "POST"}),
        ("POST", "/api/conversations/conv_x", {"GET", "PATCH", "DELETE"}),
        ("PUT", "/api/conversations/conv_x/messages", {"GET", "POST", "DELETE"}),
        ("POST", "/api/conversations/conv_x/stream", {"GET"}),
        ("GET", "/api/generations/gen_x/stop", {"POST"}),
        ("GET", "/api/messages/msg_x/regenerate", {"POST"}),
        ("GET", "/api/llm/generate", {"POST"}),
        ("PUT", "/api/llm/chat/session/x/history", {"GET", "DELETE"}),
        ("POST", "/health", {"GET", "HEAD"}),
        ("OPTIONS", "/api/conversations", {"GET", "POST"}),
        ("TRACE", "/api/conversations", {"GET", "POST"}),
        ("HEAD", "/api/conversations", {"GET", "POST"}),
        ("POST", "/docs", {"GET", "HEAD"}),
        ("DELETE", "/static/swagger/NOTICE", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_is_405_and_names_the_right_ones(
    client: Client, method: str, path: str, allowed: set[str]
) -> None:
    response = await client.http.request(method, path)

    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == allowed
    if method != "HEAD":
        assert problem_of(response, 405)["type"] == "method_not_allowed"


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "nonsense",
        "{'title': 'x'}",
        '{"title": "x",}',
        '{"title": "x"} more',
        b'{"title": "\xff"}',
        b"\x00",
        "[" * 1000 + "]" * 1000,
        '{"metadata": ' + '{"a": ' * 1000 + "1" + "}" * 1001,
        "[" * 500_000,
        '{"metadata": {"n": ' + "9" * 5000 + "}}",
    ],
)
async def test_a_body_that_cannot_be_read_is_400(client: Client, body: str | bytes) -> None:
    for path in ("/api/conversations", "/api/llm/chat"):
        response = await post(client, path, body)
        if path == "/api/conversations" or response.status_code == 400:
            assert problem_of(response, 400)["type"] == "malformed"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/jsonp",
        "application/json/x",
        "*/*",
        "\xff",
    ],
)
async def test_a_body_that_is_not_declared_as_json_is_415_with_help(
    client: Client, content_type: str | None
) -> None:
    headers = {} if content_type is None else {b"Content-Type": content_type.encode("latin-1")}

    response = await client.http.post("/api/conversations", content=b"{}", headers=headers)

    problem = problem_of(response, 415)
    assert problem["type"] == "unsupported_media_type"
    assert "Content-Type: application/json" in problem["detail"]


async def test_any_spelling_of_json_is_taken(client: Client) -> None:
    for spelling in ("application/json; charset=utf-8", "Application/JSON", "application/ld+json"):
        headers = {"Content-Type": spelling}
        response = await client.http.post("/api/conversations", content=b"{}", headers=headers)
        assert response.status_code == 201, spelling


MESSAGE_PATH = "/api/conversations/{id}/messages"
WRONG: list[tuple[str, Any, list[str]]] = [
    ("/api/conversations", {"titel": "x"}, ["titel"]),
    ("/api/conversations", {"title": 5}, ["title"]),
    ("/api/conversations", {"title": "x" * 513}, ["title"]),
    ("/api/conversations", {"model": ""}, ["model"]),
    ("/api/conversations", {"params": {"temprature": 1}}, ["params", "temprature"]),
    ("/api/conversations", {"params": {"temperature": 2.1}}, ["params", "temperature"]),
    ("/api/conversations", {"params": {"temperature": "hot"}}, ["params", "temperature"]),
    ("/api/conversations", {"params": {"temperature": "1"}}, ["params", "temperature"]),
    ("/api/conversations", {"params": {"temperature": True}}, ["params", "temperature"]),
    ("/api/conversations", {"params": {"max_tokens": "9"}}, ["params", "max_tokens"]),
    ("/api/conversations", {"params": {"skip_thinking": 0}}, ["params", "skip_thinking"]),
    ("/api/conversations", {"params": {"skip_thinking": "yes"}}, ["params", "skip_thinking"]),
    ("/api/conversations", {"params": {"max_tokens": 0}}, ["params", "max_tokens"]),
    ("/api/conversations", {"params": {"max_tokens": 2**63}}, ["params", "max_tokens"]),
    ("/api/conversations", {"params": {"max_tokens": 1.5}}, ["params", "max_tokens"]),
    ("/api/conversations", {"params": {"seed": 2**63}}, ["params", "seed"]),
    ("/api/conversations", {"params": {"seed": -(2**64)}}, ["params", "seed"]),
    ("/api/conversations", {"params": {"stop": "END"}}, ["params", "stop"]),
    ("/api/conversations", {"params": {"stop": ["x"] * 17}}, ["params", "stop"]),
    ("/api/conversations", {"params": {"stop": [1]}}, ["params", "stop", "0"]),
    ("/api/conversations", {"params": {"tools": [1]}}, ["params", "tools", "0"]),
    ("/api/conversations", {"params": {"tools": [{}] * 257}}, ["params", "tools"]),
    ("/api/conversations", {"params": {"tool_choice": 5}}, ["params", "tool_choice"]),
    ("/api/conversations", {"params": {"tool_choice": "x" * 600}}, ["params", "tool_choice"]),
    ("/api/conversations", {"params": {"extra": []}}, ["params", "extra"]),
    ("/api/conversations", {"params": []}, ["params"]),
    ("/api/conversations", {"metadata": []}, ["metadata"]),
    ("/api/conversations", {"metadata": {"n": 2**53}}, ["metadata"]),
    ("/api/conversations", {"metadata": {"list": [0] * 10_001}}, ["metadata"]),
    ("/api/conversations", [], []),
    ("/api/conversations", "x", []),
    ("/api/conversations", 5, []),
    (MESSAGE_PATH, {}, ["content"]),
    (MESSAGE_PATH, {"content": ""}, ["content"]),
    (MESSAGE_PATH, {"content": None}, ["content"]),
    (MESSAGE_PATH, {"content": ["x"]}, ["content"]),
    (MESSAGE_PATH, {"content": "x" * (512 * 1024 + 1)}, ["content"]),
    (MESSAGE_PATH, {"content": "x", "parent_id": "no such id!"}, ["parent_id"]),
    (MESSAGE_PATH, {"content": "x", "parent_id": 5}, ["parent_id"]),
    (MESSAGE_PATH, {"content": "x", "on_busy": "wait"}, ["on_busy"]),
    (MESSAGE_PATH, {"content": "x", "more": 1}, ["more"]),
    (MESSAGE_PATH, {"content": "x", "model": 5}, ["model"]),
    ("/api/messages/msg_x/regenerate", {"content": "x"}, ["content"]),
    ("/api/llm/generate", {"prompt": ""}, ["prompt"]),
    ("/api/llm/generate", {"prompt": "x", "stream": True}, ["stream"]),
    ("/api/llm/chat", {"messages": []}, ["messages"]),
    ("/api/llm/chat", {"messages": [{"role": "user"}]}, ["messages", "0", "content"]),
    (
        "/api/llm/chat",
        {"messages": [{"role": "user", "content": "x", "name": "y"}]},
        ["messages", "0", "name"],
    ),
    (
        "/api/llm/chat",
        {"messages": [{"role": "oracle", "content": "x"}]},
        ["messages", "0", "role"],
    ),
    (
        "/api/llm/chat",
        {"messages": [{"role": "user", "content": "x"}] * 2001},
        ["messages"],
    ),
    ("/api/llm/chat/session", {"session_id": "x" * 129, "message": "x"}, ["session_id"]),
]


@pytest.mark.parametrize(("path", "body", "where"), WRONG)
async def test_a_wrong_field_is_422_and_named(
    client: Client, path: str, body: Json, where: list[str]
) -> None:
    problem = problem_of(
        await client.http.post(path.format(id=await client.conversation()), json=body), 422
    )

    assert problem["type"] == "invalid"
    error = problem["errors"][0]
    assert set(error) == {"location", "message"}
    assert error["location"][: len(where) + 1] == ["body", *where]
    assert ".".join(error["location"]) in problem["detail"]
    # No names of the libraries behind it.
    assert not re.search(r"pydantic|Value error|constrained|function-", str(problem["errors"]))


async def test_all_wrong_fields_are_named_at_once(client: Client) -> None:
    body = {"title": 5, "params": {"seed": "x", "more": 1}, "nothing": 1}

    problem = problem_of(await client.http.post("/api/conversations", json=body), 422)

    assert {tuple(error["location"]) for error in problem["errors"]} == {
        ("body", "title"),
        ("body", "params", "seed"),
        ("body", "params", "more"),
        ("body", "nothing"),
    }


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": "0"}, 422),
        ({"limit": "1001"}, 422),
        ({"limit": "-1"}, 422),
        ({"limit": "x"}, 422),
        ({"limit": ""}, 422),
        ({"limit": "1.5"}, 422),
        ({"limit": "9" * 5000}, 422),
        ({"limit": "\N{ARABIC-INDIC DIGIT ONE}"}, 422),
        ({"cursor": "x" * 97}, 422),
        ({"cursor": "x"}, 400),
        ({"cursor": "-1"}, 400),
        ({"cursor": "\0"}, 400),
        ({"cursor": "\N{SUPERSCRIPT TWO}"}, 400),
        ({"cursor": "9" * 19}, 400),
        ({"order": "up"}, 422),
        ({"leaf": "no such id!"}, 422),
        ({"leaf": ""}, 422),
    ],
)
async def test_a_wrong_query_is_refused(client: Client, query: dict[str, str], status: int) -> None:
    path = f"/api/conversations/{await client.conversation()}/messages"

    problem = problem_of(await client.http.get(path, params=query), status)

    if status == 422:
        assert problem["errors"][0]["location"] == ["query", *query]
    if not {"order", "leaf"} & set(query):
        problem_of(await client.http.get("/api/conversations", params=query), status)


async def test_a_body_that_is_too_large_is_413(client: Client) -> None:
    body = b'{"title": "' + b"x" * 1_100_000 + b'"}'
    for path in ("/api/conversations", "/api/llm/generate", "/nowhere"):
        assert problem_of(await post(client, path, body), 413)["type"] == "too_large"


async def test_a_body_that_does_not_say_its_length_is_measured(base_url: str) -> None:
    async with await RawClient.connect(base_url) as raw:
        raw.writer.write(
            b"POST /api/conversations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(20):
            raw.writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        reply = await raw.reply()

    assert reply.status == 413
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-request-id"]


async def test_the_largest_content_fits_into_a_body(client: Client) -> None:
    content = "\N{GRINNING FACE}" * (200 * 1024)
    sent = await client.try_send(await client.conversation(), content, model="demo/echo")

    assert sent.status_code == 202
    assert sent.json()["message"]["content"] == content
    await client.stop(sent.json()["generation"]["id"])


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/docs", "/openapi.json", "/", "/api/x"])
async def test_every_answer_has_a_request_id(client: Client, path: str) -> None:
    first = await client.http.get(path)
    second = await client.http.get(path)
    ids = {first.headers["x-request-id"], second.headers["x-request-id"]}

    assert len(ids) == 2
    assert all(re.fullmatch(r"req_[0-9A-Za-z]+", id_) for id_ in ids)


@pytest.mark.parametrize("given", ["abc", "A-b_c.d:1", "x" * 128])
async def test_a_decent_request_id_is_kept(client: Client, given: str) -> None:
    headers = {"X-Request-ID": given}
    for path in ("/health", "/nowhere", "/api/conversations"):
        response = await client.http.get(path, headers=headers)
        assert response.headers.get_list("x-request-id") == [given]
    problem = problem_of(await client.http.get("/nowhere", headers=headers), 404)
    assert problem["request_id"] == given


@pytest.mark.parametrize(
    "given", [b"", b"a b", b"x" * 129, b"<script>", b'"', b"\xff", "ü".encode(), b"a\tb", b"a,b"]
)
async def test_any_other_request_id_is_replaced(client: Client, given: bytes) -> None:
    response = await client.http.get("/nowhere", headers={b"X-Request-ID": given})

    (id_,) = response.headers.get_list("x-request-id")
    assert re.fullmatch(r"req_[0-9A-Za-z]+", id_)
    assert problem_of(response, 404)["request_id"] == id_


async def test_no_header_can_be_injected(base_url: str, client: Client) -> None:
    for value in (b"a\rX-Evil: 1", b"a\nX-Evil: 1", b"a\0X-Evil: 1"):
        async with await RawClient.connect(base_url) as raw:
            raw.writer.write(
                b"GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-ID: " + value + b"\r\n\r\n"
            )
            reply = await raw.reply()
        assert "x-evil" not in {name.lower() for name in reply.headers}
        assert reply.status in (400, 404)
    evil = "%0d%0aX-Evil:%201"
    for path in (f"/{evil}", f"/api/llm/chat/session/{evil}", f"/api/conversations?q={evil}"):
        assert "x-evil" not in (await client.http.get(path)).headers


async def test_no_answer_is_taken_for_another_type(client: Client) -> None:
    for path in ("/health", "/nowhere", "/docs", "/static/swagger/NOTICE", "/api/llm/models"):
        response = await client.http.get(path)
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_no_error_tells_where_the_code_is(client: Client) -> None:
    answers = [
        await client.http.get("/static/nothing"),
        await post(client, "/api/conversations", "{"),
        await client.http.post("/api/llm/generate", json={"prompt": "x", "model": "demo/none"}),
    ]

    for answer in answers:
        assert not re.search(r"\.py|Traceback|site-packages|/src/", answer.text)
