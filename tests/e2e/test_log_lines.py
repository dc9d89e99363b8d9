"""The lines of the log as operators read them: who asked what, and what it came to."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.client import Client, Json
from tests.e2e.conftest import upstream_settings
from tests.process import PATIENCE_SECONDS
from tests.providers.asking import eventually
from tests.service import Service
from tests.sockets import joined, opened
from tests.upstream import Upstream, mock_model
from tests.web.locked import SECRET, bearer

pytestmark = pytest.mark.asyncio(loop_scope="session")

CANARY = "canary-4711"
HELLO = [{"role": "user", "content": CANARY}]
ENDS = ("A generation ended", "A call ended")


def lines(service: Service, event: str = "", **fields: object) -> list[Json]:
    """Those of the log that say this and have these fields."""
    found = [json.loads(line) for line in service.log.split("\n") if line.startswith("{")]
    return [
        line for line in found if line["event"].startswith(event) and fields.items() <= line.items()
    ]


async def line(service: Service, event: str, **fields: object) -> Json:
    """The only one; waits for it."""
    await eventually(lambda: bool(lines(service, event, **fields)))
    (found,) = lines(service, event, **fields)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def locked(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: Upstream
) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("lines")
    url = shared_upstream.base_url
    dies, works = f"a/{mock_model(fail='http-400')}", "b/echo"
    route = f"[routes.falls]\nmodels = ['{dies}', '{works}']"
    tables = [f"[providers.{name}]\nurl = '{url}'" for name in "ab"]
    (folder / "llmchat.toml").write_text("\n".join([*tables, route]))
    settings = {
        **upstream_settings(shared_upstream),
        "LLMCHAT_AUTH": "keys",
        "LLMCHAT_SECRET_KEY": "of-thirty-two-characters-or-more-4711",
        "LLMCHAT_TRUSTED_PROXIES": "127.0.0.1",
    }
    async with Service(folder, **settings).running() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def http(locked: Service) -> AsyncIterator[httpx2.AsyncClient]:
    admin = SECRET.search(locked.log)
    assert admin is not None
    async with httpx2.AsyncClient(
        base_url=locked.base_url, timeout=PATIENCE_SECONDS, headers=bearer(admin[0])
    ) as connected:
        yield connected


PAGE = (Path(__file__).parents[2] / "docs" / "observability.md").read_text("utf-8")
ALWAYS = {"level", "logger", "timestamp", "event"}


async def test_the_page_shows_lines_as_they_are(locked: Service, http: httpx2.AsyncClient) -> None:
    generation = await ask(http, "page-1")
    asked = await line(locked, "A request was answered", request_id="page-1")
    ended = await line(locked, "A generation ended", generation_id=generation["id"])

    shown = json.loads(PAGE[PAGE.index("```json") + 7 :].partition("```")[0])
    assert {*shown} | ALWAYS == {*asked}
    told = {name for row in re.findall(r"^\| (`.*?) \|", PAGE, re.M) for name in row.split("`")}
    assert {*ended} - ALWAYS - told == set()


async def ask(http: httpx2.AsyncClient, request_id: str, **asked: Any) -> Json:
    conversation = await Client(http).conversation()
    path = f"/api/conversations/{conversation}/messages"
    body = {"content": CANARY, "model": "local/echo", **asked}
    sent = await http.post(path, json=body, headers={"X-Request-ID": request_id})
    assert sent.status_code == 202, sent.text
    generation: Json = sent.json()["generation"]
    return generation


async def test_a_request_is_a_line_and_so_is_what_it_began(
    locked: Service, http: httpx2.AsyncClient
) -> None:
    http.headers["X-Forwarded-For"] = "203.0.113.9"
    generation = await ask(http, "first-1")
    await Client(http).read(generation["id"])

    asked = await line(locked, "A request was answered", request_id="first-1")
    assert asked["method"] == "POST"
    assert asked["path"] == "/api/conversations/{id}/messages"
    assert asked["conversation_id"] == generation["conversation_id"]
    assert (asked["status"], asked["client"], asked["user"]) == (202, "203.0.113.9", "admin")
    assert asked["bytes"] > 100
    assert asked["seconds"] > 0
    ended = await line(locked, "A generation ended", request_id="first-1")
    assert ended["generation_id"] == generation["id"]
    assert ended["conversation_id"] == generation["conversation_id"]
    assert (ended["user"], ended["status"], ended["requests"]) == ("admin", "complete", 1)
    # Nobody says the same a second time.
    assert lines(locked, "", logger="uvicorn.access") == []


async def test_a_stream_says_when_it_opens_and_what_came_of_it(
    locked: Service, http: httpx2.AsyncClient
) -> None:
    generation = await ask(http, "streams-1", model=f"local/{mock_model(tokens=200, rate=50)}")
    ticket = (await http.post(f"/api/generations/{generation['id']}/ticket")).json()["ticket"]
    url = f"/api/generations/{generation['id']}/stream"
    stranger = httpx2.AsyncClient(base_url=locked.base_url, timeout=PATIENCE_SECONDS)
    async with stranger, stranger.stream("GET", url, params={"ticket": ticket}) as stream:
        assert stream.status_code == 200
        place = {"path": "/api/generations/{id}/stream", "generation_id": generation["id"]}
        opened = await line(locked, "A stream was opened", **place)
        assert opened["user"] == "admin"
        assert lines(locked, "A stream has ended", **place) == []
        await http.post(f"/api/generations/{generation['id']}/stop")
        body = await stream.aread()
    ended = await line(locked, "A stream has ended", **place)
    assert ended["events"] == body.count(b"\n\n") > 0
    assert ended["seconds"] > 0
    assert ended["request_id"] == opened["request_id"]
    assert ticket not in locked.log
    stopped = await line(locked, "A generation ended", generation_id=generation["id"])
    assert (stopped["status"], stopped["request_id"]) == ("stopped", "streams-1")


async def test_whose_turn_comes_is_named_by_its_own_request(
    locked: Service, http: httpx2.AsyncClient
) -> None:
    conversation = await Client(http).conversation()
    path = f"/api/conversations/{conversation}/messages"
    for name, model in (("one-1", mock_model(tokens=20, rate=40)), ("two-1", "echo")):
        body = {"content": "hello", "model": f"local/{model}", "on_busy": "queue"}
        await http.post(path, json=body, headers={"X-Request-ID": name})
    for name in ("one-1", "two-1"):
        ended = await line(locked, "A generation ended", request_id=name)
        assert ended["conversation_id"] == conversation


async def test_a_fallback_names_who_answered(locked: Service, http: httpx2.AsyncClient) -> None:
    generation = await ask(http, "falls-1", model="route/falls")
    ended = await line(locked, "A generation ended", generation_id=generation["id"])
    assert (ended["requests"], ended["answered_by"], ended["model"]) == (
        *(2, "b/echo"),
        "route/falls",
    )


async def test_a_socket_says_when_it_opens_and_what_passed(
    locked: Service, http: httpx2.AsyncClient
) -> None:
    ticket = (await http.post("/api/ws/ticket")).json()["ticket"]
    async with opened(locked.base_url, query=f"?ticket={ticket}") as socket:
        await socket.asked("ping")
        at = await line(locked, "A socket was opened", path="/api/ws", user="admin")
        assert lines(locked, "A socket was closed") == []
    closed = await line(locked, "A socket was closed", request_id=at["request_id"])
    assert (closed["status"], closed["frames_in"], closed["frames_out"]) == (101, 1, 1)
    assert ticket not in locked.log


async def test_probes_and_files_are_told_of_at_debug_only(
    locked: Service, http: httpx2.AsyncClient
) -> None:
    await http.get("/health/live")
    assert (await http.get("/static/page/main.js")).status_code == 200
    await http.get("/api/me", headers={"X-Request-ID": "behind-it"})
    await line(locked, "A request was answered", request_id="behind-it")
    assert "/health" not in locked.log
    assert "/static" not in locked.log


async def test_a_secret_in_a_path_is_not_told(locked: Service, http: httpx2.AsyncClient) -> None:
    conversation = await Client(http).conversation(title="x")
    made = (await http.post(f"/api/conversations/{conversation}/link")).json()
    assert (await http.get(made["url"])).status_code == 200
    await http.get(f"/elsewhere/{made['secret']}", headers={"X-Request-ID": "lost-1"})
    lost = await line(locked, "A request was answered", request_id="lost-1")
    assert (lost["path"], lost["status"]) == ("/elsewhere/…", 404)
    assert made["secret"] not in locked.log


async def through_every_door(http: httpx2.AsyncClient, service: Service) -> None:
    """What is said, and what is answered, to each of them."""
    model = {"model": "local/echo"}
    for stream in (False, True):
        chat = {"messages": HELLO, "stream": stream, **model}
        await http.post("/v1/chat/completions", json=chat)
        await http.post("/v1/completions", json={"prompt": CANARY, "stream": stream, **model})
        await http.post("/v1/responses", json={"input": CANARY, "stream": stream, **model})
        await http.post("/v1/responses", json={"input": 4711, "instructions": CANARY})
    await http.post("/api/llm/chat", json={"messages": HELLO, **model})
    await http.post("/api/llm/generate", json={"prompt": CANARY, **model})
    body = {"session_id": "mine", "message": CANARY, "system_prompt": CANARY, **model}
    await http.post("/api/llm/chat/session", json=body)
    message = {"id": "1", "role": "user", "parts": [{"type": "text", "text": CANARY}]}
    await http.post("/api/chat", json={"id": "mine", "messages": [message], **model})
    conversation = await Client(http).conversation(title=CANARY, system_prompt=CANARY, **model)
    key = {"Authorization": http.headers["Authorization"]}
    async with joined(service.base_url, conversation, key) as socket:
        await socket.asked("send_message", conversation_id=conversation, content=CANARY)
        await socket.until("finished")
        await socket.asked("llm_request", prompt=CANARY, **model)
        await socket.say("nothing", text=CANARY)
    await http.get("/api/conversations", params={"q": CANARY})


async def test_no_door_tells_what_was_said(locked: Service, http: httpx2.AsyncClient) -> None:
    before = len([it for it in lines(locked) if it["event"] in ENDS])
    await through_every_door(http, locked)
    await eventually(lambda: len([it for it in lines(locked) if it["event"] in ENDS]) > before + 9)
    assert CANARY not in locked.log


@pytest.mark.thorough
async def test_on_a_terminal_the_same_is_readable(tmp_path: Path) -> None:
    settings: Mapping[str, str] = {"LLMCHAT_LOG_FORMAT": "text"}
    async with Service(tmp_path, **settings).running() as service, service.client() as client:
        sent = await client.send(await client.conversation(), model="demo/echo")
        await client.read(sent.generation_id)
        await eventually(lambda: "A stream has ended" in service.log)
    (ended,) = [it for it in service.log.split("\n") if "A generation ended" in it]
    assert f"generation_id={sent.generation_id}" in ended
    assert "path=/api/conversations/{id}/messages" in service.log
