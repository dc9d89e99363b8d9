"""Who may open a socket, and do what over it: every action, by every kind of caller."""

import json
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Literal

import httpx2
import pytest
from websockets.exceptions import InvalidStatus

from tests.client import Json
from tests.issuer import AUDIENCE, Issuer, issuing
from tests.sockets import Socket, joined, opened
from tests.web.conftest import UNPACED
from tests.web.locked import Locked, bearer, locked_service

ECHO = {"model": "demo/echo", "params": {"extra": UNPACED}}
ELSEWHERE = "https://page.example"
FAR = 4_000_000_000

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Action:
    """The least scope and part that it takes, and how it answers then."""

    scope: Literal["read", "chat"]
    part: Literal["viewer", "editor", "anybody"]
    done: str


ACTIONS: Mapping[str, Action] = {
    "join_room": Action("read", "viewer", "joined"),
    "leave_room": Action("read", "viewer", "left"),
    "resume": Action("read", "viewer", "resumed"),
    "ping": Action("read", "anybody", "pong"),
    "typing": Action("chat", "editor", "typing"),
    "send_message": Action("chat", "editor", "message_status"),
    "stop": Action("chat", "editor", "stopped"),
    "llm_request": Action("chat", "editor", "llm_response"),
    "llm_request of one's own": Action("chat", "anybody", "llm_response"),
}
CALLERS: Mapping[str, tuple[str, str, str]] = {
    "the owner": ("owner", "chat", "owner"),
    "the owner, to read": ("owner", "read", "owner"),
    "an editor": ("editor", "chat", "editor"),
    "an editor, to read": ("editor", "read", "editor"),
    "a viewer": ("viewer", "chat", "viewer"),
    "a viewer, to read": ("viewer", "read", "viewer"),
    "a removed editor": ("removed", "chat", "anybody"),
    "another user": ("stranger", "chat", "anybody"),
    "an admin": ("boss", "admin", "anybody"),
}
PARTS = ["anybody", "viewer", "editor", "owner"]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Locked]:
    with locked_service(
        tmp_path_factory.mktemp("locked"),
        wrong_keys_per_minute=1_000_000,
        shutdown_grace_seconds=0,
        cors_origins=[ELSEWHERE],
        oidc_issuer=issuer.url,
        oidc_audience=AUDIENCE,
    ) as service:
        yield service


@pytest.fixture(scope="module")
def keys(service: Locked) -> Mapping[str, dict[str, str]]:
    return {
        name: bearer(service.key(user, scope)["secret"])
        for name, (user, scope, _) in CALLERS.items()
    }


@pytest.fixture(scope="module")
def things(service: Locked, keys: Mapping[str, dict[str, str]]) -> Json:
    """A conversation of the owner, with its members and an answer."""
    with httpx2.Client(base_url=service.base_url, headers=keys["the owner"]) as client:
        id = client.post("/api/conversations", json=ECHO).json()["id"]
        for user, role in {"viewer": "viewer", "editor": "editor", "removed": "editor"}.items():
            member = {"user": user, "role": role}
            client.post(f"/api/conversations/{id}/members", json=member).raise_for_status()
        client.delete(f"/api/conversations/{id}/members/removed").raise_for_status()
        sent = client.post(f"/api/conversations/{id}/messages", json={"content": "hi"}).json()
        client.get(sent["stream_url"]).raise_for_status()
    return {"conversation": id, "generation": sent["generation"]["id"]}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("action", ACTIONS)
async def test_each_caller_does_what_is_theirs_and_no_more(
    action: str, caller: str, service: Locked, keys: Mapping[str, dict[str, str]], things: Json
) -> None:
    async with opened(service.base_url, keys[caller]) as socket:
        if action == "leave_room":
            await socket.say("join_room", conversation_id=things["conversation"])
        answer = await asked(socket, action, things)
    _, scope, part = CALLERS[caller]
    row = ACTIONS[action]
    status = answer["problem"]["status"] if "problem" in answer else None
    if row.scope == "chat" and scope == "read":
        assert status == 403
    elif row.part != "anybody" and part == "anybody":
        assert status == 404
    elif PARTS.index(part) < PARTS.index(row.part):
        assert status == 403
    else:
        assert (answer["type"], status) == (row.done, None)


async def asked(socket: Socket, action: str, things: Json, *, missing: bool = False) -> Json:
    """The answer to it; to a message the last of its two."""
    tail = "zzzz" if missing else ""
    named = {name: id[: len(id) - len(tail)] + tail for name, id in things.items()}
    conversation = {"conversation_id": named["conversation"]}
    generation = {"generation_id": named["generation"]}
    members: Json = {
        "resume": generation,
        "stop": generation,
        "ping": {},
        "send_message": {**conversation, "content": "hi"},
        "llm_request": {**conversation, "content": "hi"},
        "llm_request of one's own": {"content": "hi", **ECHO},
    }.get(action, conversation)
    answer = await socket.asked(action.split(maxsplit=1)[0], **members)
    if answer["type"] == "message_status" and answer["status"] == "sending":
        answer = await socket.until("message_status")
    return answer


@pytest.mark.parametrize("action", [name for name, row in ACTIONS.items() if row.part != "anybody"])
async def test_what_is_anothers_answers_as_if_it_were_not_there(
    action: str, service: Locked, keys: Mapping[str, dict[str, str]], things: Json
) -> None:
    async with opened(service.base_url, keys["another user"]) as socket:
        answers = [
            await asked(socket, action, things, missing=missing) for missing in (False, True)
        ]

    def told(answer: Json) -> str:
        text = str({**answer, "ref": "", "timestamp": ""})
        for id in things.values():
            text = text.replace(id, "…").replace(id[:-4] + "zzzz", "…")
        return text

    assert told(answers[0]) == told(answers[1])


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({}, "", 401),
        ({"Authorization": "Bearer hello"}, "", 401),
        ({"Authorization": "Basic aGVsbG8="}, "", 401),
        ({"Cookie": "llmchat_session=hello.x"}, "", 401),
        ({}, "?ticket=hello.x", 401),
        ({}, "?ticket=", 401),
        ({"Origin": "https://evil.example"}, "", 403),
        ({"Origin": "null"}, "", 403),
    ],
)
async def test_nobody_gets_a_socket(
    service: Locked, headers: dict[str, str], query: str, status: int
) -> None:
    problem = await refused(service, headers, query)
    assert problem["status"] == status
    assert problem["request_id"]


async def refused(service: Locked, headers: Mapping[str, str], query: str = "") -> Json:
    """The problem that came in place of a socket."""
    with pytest.raises(InvalidStatus) as refusal:
        async with opened(service.base_url, headers, query=query):
            pass
    answer = refusal.value.response
    assert answer.headers["content-type"] == "application/problem+json"
    assert "no-store" in answer.headers["cache-control"]
    problem: Json = json.loads(answer.body or b"")
    assert problem["status"] == answer.status_code
    return problem


async def test_a_page_elsewhere_gets_one_only_when_it_is_named(
    service: Locked, keys: Mapping[str, dict[str, str]]
) -> None:
    key = keys["the owner"]
    assert (await refused(service, {**key, "Origin": "https://evil.example"}))["status"] == 403
    async with opened(service.base_url, {**key, "Origin": ELSEWHERE}) as socket:
        assert (await socket.asked("ping"))["type"] == "pong"
    async with opened(service.base_url, {**key, "Origin": service.base_url}) as socket:
        assert (await socket.asked("ping"))["type"] == "pong"


async def test_the_cookie_is_for_pages_of_this_server(service: Locked) -> None:
    secret = service.key("page")["secret"]
    signed = httpx2.post(f"{service.base_url}/api/session", json={"key": secret})
    cookie = {"Cookie": signed.headers["set-cookie"].split(";")[0]}
    async with opened(service.base_url, {**cookie, "Origin": service.base_url}) as socket:
        assert (await socket.asked("ping"))["type"] == "pong"
    # A page that may call with a key may not use another page's cookie.
    assert (await refused(service, {**cookie, "Origin": ELSEWHERE}))["status"] == 403


async def test_a_ticket_opens_sockets_of_who_asked_for_it(
    service: Locked, issuer: Issuer, things: Json
) -> None:
    token, query = issuer.token(sub="someone", exp=FAR), ""
    for secret, user in ((service.key("viewer")["secret"], "viewer"), (token, None)):
        made = httpx2.post(f"{service.base_url}/api/ws/ticket", headers=bearer(secret))
        assert made.status_code == 201
        query = made.json()["socket_url"].removeprefix("/api/ws")
        assert made.json()["ticket"] in query
        async with opened(service.base_url, query=query) as socket:
            answer = await socket.asked("join_room", conversation_id=things["conversation"])
            assert answer["type"] == ("error" if user is None else "joined")
            assert (await asked(socket, "llm_request of one's own", things))["success"]
    generation = httpx2.get(
        f"{service.base_url}/api/generations/{things['generation']}/stream{query}"
    )
    assert generation.status_code == 401


async def test_a_revoked_key_ends_its_sockets(service: Locked) -> None:
    key = service.key("owner")
    ticket = httpx2.post(f"{service.base_url}/api/ws/ticket", headers=bearer(key["secret"]))
    query = ticket.json()["socket_url"].removeprefix("/api/ws")
    async with AsyncExitStack() as stack:
        by_key = await stack.enter_async_context(opened(service.base_url, bearer(key["secret"])))
        by_ticket = await stack.enter_async_context(opened(service.base_url, query=query))
        assert (await by_key.asked("ping"))["type"] == "pong"
        service.revoke(key["id"])
        assert [await by_key.closed(), await by_ticket.closed()] == [4401, 4401]
    assert (await refused(service, {}, query))["status"] == 401


async def test_who_is_removed_is_out_at_once_and_who_comes_is_seen(
    service: Locked, keys: Mapping[str, dict[str, str]]
) -> None:
    owner = keys["the owner"]
    with httpx2.Client(base_url=service.base_url, headers=owner) as client:
        id = client.post("/api/conversations", json=ECHO).json()["id"]
        members = f"/api/conversations/{id}/members"
        client.post(members, json={"user": "viewer", "role": "viewer"}).raise_for_status()
        async with (
            joined(service.base_url, id, owner) as ann,
            joined(service.base_url, id, keys["a viewer"]) as bob,
        ):
            came = await ann.until("presence")
            assert (came["user"], came["present"]) == ("viewer", True)
            assert came["members"] == bob.frames[0]["members"] == ["owner", "viewer"]
            # Twice is one person.
            async with joined(service.base_url, id, keys["a viewer"]):
                pass
            client.delete(f"{members}/viewer").raise_for_status()
            client.post(f"/api/conversations/{id}/messages", json={"content": "secret"})
            assert (await bob.until("left"))["reason"] == "removed"
            await bob.asked("ping")
            assert "secret" not in str(bob.frames)
            await ann.until("finished")
            gone = await ann.until("presence")
            assert (gone["user"], gone["present"], gone["members"]) == ("viewer", False, ["owner"])
            assert len(ann.of("presence")) == 2


async def test_an_author_is_named_and_the_model_is_told_who_asks(
    service: Locked, keys: Mapping[str, dict[str, str]]
) -> None:
    with httpx2.Client(base_url=service.base_url, headers=keys["the owner"]) as client:
        id = client.post("/api/conversations", json=ECHO).json()["id"]
        member = {"user": "editor", "role": "editor"}
        client.post(f"/api/conversations/{id}/members", json=member).raise_for_status()
        async with joined(service.base_url, id, keys["an editor"]) as bob:
            for headers in (keys["the owner"], keys["an editor"]):
                async with opened(service.base_url, headers) as socket:
                    await socket.say("send_message", conversation_id=id, content="hi")
                    await bob.until("finished")
        found = client.get(f"/api/conversations/{id}/messages").json()["items"]
        link = client.post(f"/api/conversations/{id}/link").json()["url"]
        shown = client.get(link).json()["messages"]
    assert [(m["author"], m["content"]) for m in found] == [
        ("owner", "hi"),
        (None, "You said: hi"),
        ("editor", "hi"),
        (None, "You said: editor: hi"),
    ]
    assert {message["author"] for message in shown} == {None}
