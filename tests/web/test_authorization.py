"""Who may do what: every operation, by every kind of caller. A new route wants a row here."""

import itertools
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
import pytest
from fastapi.routing import iter_route_contexts

from llmchat.app import create_app
from llmchat.settings import Settings
from llmchat.web.examples import FILE
from tests.issuer import AUDIENCE, Issuer, issuing
from tests.web.conftest import UNPACED
from tests.web.locked import Locked, bearer, locked_service

Thing = Literal[
    "conversation",
    "message",
    "cut message",
    "generation",
    "anybody's generation",
    "session",
    "key",
    "model",
    "response",
    "item",
    "template",
    "draft",
    "experiment",
    "stopped experiment",
]
Part = Literal["viewer", "editor", "owner"]
FRESH = "a-new-name"
"""In a body: another one each time."""
ECHO = {"model": "demo/echo", "params": {"extra": UNPACED}}
SAY = {"content": "hello", **ECHO}
GUEST = {"user": "guest", "role": "viewer"}
ASKED = {"id": "q1", "role": "user", "parts": [{"type": "text", "text": "hello"}]}
UI_CHAT = {"id": "a-chat", "messages": [ASKED], **ECHO}
RESPOND = {"model": "demo/echo", "input": "hello", **UNPACED}
ITEMS = {"items": [{"role": "user", "content": "hello"}]}
SESSION = {"session_id": "mine", "message": "hello", **ECHO}
PROMPT = {"system_prompt": "Be brief."}
TEMPLATE = {"name": FRESH, **PROMPT}
EXPERIMENT = {"name": FRESH, "template": "of-all", "variants": [{"name": "a"}, {"name": "b"}]}
# What is everybody's or an admin's: there are no strangers to it.
COMMON = (
    *("key", "model", "template", "draft", "experiment", "stopped experiment"),
    "anybody's generation",
)
PUBLIC = {"/api/session", "/api/shared/{secret}", "/health", "/health/live", "/health/ready"}
# What is no operation of the API: files, the document itself, and sockets.
PAGES = {"/", "/shared", "/docs", "/openapi.json", "/static", "/api/ws"}

FAR = 4_000_000_000
NAMES = (f"name-{number}" for number in itertools.count())


@dataclass(frozen=True, slots=True)
class Row:
    """What the operation takes, whose `thing` its path names, and how it answers whom it serves."""

    scope: Literal["read", "chat", "admin", "any"]
    done: int
    thing: Thing | None = None
    body: Mapping[str, Any] | None = None
    part: Part = "viewer"
    """Who of those that share a conversation may do it, and whoever may do more."""
    unseen: int = 404
    """How it answers those for whom there is no such thing."""


ROWS: Mapping[tuple[str, str], Row] = {
    ("get", "/api/conversations"): Row("read", 200),
    ("post", "/api/conversations"): Row("chat", 201, body={}),
    ("get", "/api/conversations/{id}"): Row("read", 200, "conversation"),
    ("get", "/api/conversations/{id}/export"): Row("read", 200, "conversation"),
    ("post", "/api/conversations/import"): Row("chat", 201, body=FILE),
    ("post", "/api/conversations/delete"): Row("chat", 200, body={"ids": ["conv_0"]}),
    ("patch", "/api/conversations/{id}"): Row(
        "chat", 200, "conversation", {"title": "x"}, "editor"
    ),
    ("delete", "/api/conversations/{id}"): Row("chat", 204, "conversation", part="owner"),
    ("get", "/api/conversations/{id}/messages"): Row("read", 200, "conversation"),
    ("post", "/api/conversations/{id}/messages"): Row("chat", 202, "conversation", SAY, "editor"),
    ("delete", "/api/conversations/{id}/messages"): Row("chat", 204, "conversation", part="owner"),
    ("get", "/api/conversations/{id}/stream"): Row("read", 200, "conversation"),
    ("get", "/api/conversations/{id}/members"): Row("read", 200, "conversation"),
    ("post", "/api/conversations/{id}/members"): Row("chat", 201, "conversation", GUEST, "owner"),
    ("delete", "/api/conversations/{id}/members/{user}"): Row(
        "chat", 204, "conversation", part="owner"
    ),
    ("post", "/api/conversations/{id}/link"): Row("chat", 201, "conversation", part="owner"),
    ("delete", "/api/conversations/{id}/link"): Row("chat", 204, "conversation", part="owner"),
    ("post", "/api/messages/{id}/regenerate"): Row("chat", 202, "message", ECHO, "editor"),
    ("post", "/api/messages/{id}/continue"): Row("chat", 202, "cut message", ECHO, "editor"),
    ("put", "/api/messages/{id}/feedback"): Row("chat", 204, "message", {"rating": 1}),
    ("delete", "/api/messages/{id}/feedback"): Row("chat", 204, "message"),
    ("get", "/api/generations/{id}"): Row("read", 200, "generation"),
    ("get", "/api/generations/{id}/stream"): Row("read", 200, "generation"),
    ("post", "/api/generations/{id}/stop"): Row("chat", 200, "generation", part="editor"),
    ("post", "/api/generations/{id}/ticket"): Row("chat", 201, "generation"),
    ("get", "/api/llm/models"): Row("read", 200),
    ("get", "/api/llm/health"): Row("read", 200),
    ("post", "/api/llm/generate"): Row("chat", 200, body={"prompt": "hello", **ECHO}),
    ("post", "/api/llm/chat"): Row(
        "chat", 200, body={"messages": [{"role": "user", "content": "hello"}], **ECHO}
    ),
    ("post", "/api/llm/chat/session"): Row("chat", 200, body=SESSION),
    ("get", "/api/llm/chat/session/{id}"): Row("read", 200, "session"),
    ("delete", "/api/llm/chat/session/{id}"): Row("chat", 204, "session"),
    ("get", "/api/llm/chat/session/{id}/history"): Row("read", 200, "session"),
    ("delete", "/api/llm/chat/session/{id}/history"): Row("chat", 204, "session"),
    ("post", "/api/chat"): Row("chat", 200, body=UI_CHAT),
    ("get", "/api/chat/{id}/messages"): Row("read", 200, "conversation"),
    # Nothing is being written in it, which a client wants to know of a chat that is to be made.
    ("get", "/api/chat/{id}/stream"): Row("read", 204, "conversation", unseen=204),
    ("post", "/api/chat/{id}/stop"): Row("chat", 200, "conversation", part="editor"),
    ("post", "/api/ws/ticket"): Row("chat", 201),
    ("get", "/api/keys"): Row("admin", 200),
    ("post", "/api/keys"): Row("admin", 201, body={"name": "x", "user": "somebody"}),
    ("delete", "/api/keys/{id}"): Row("admin", 204, "key"),
    ("get", "/api/templates"): Row("read", 200),
    ("post", "/api/templates"): Row("admin", 201, body=TEMPLATE),
    ("get", "/api/templates/{name}"): Row("read", 200, "template"),
    ("put", "/api/templates/{name}"): Row("admin", 200, "template", PROMPT),
    ("delete", "/api/templates/{name}"): Row("admin", 204, "template"),
    ("get", "/api/templates/{name}/versions"): Row("read", 200, "template"),
    ("post", "/api/templates/{name}/render"): Row("chat", 200, "template", {}),
    ("get", "/api/experiments"): Row("admin", 200),
    ("post", "/api/experiments"): Row("admin", 201, body=EXPERIMENT),
    ("get", "/api/experiments/{name}"): Row("admin", 200, "experiment"),
    ("patch", "/api/experiments/{name}"): Row("admin", 200, "experiment", {"weights": {"a": 2}}),
    ("delete", "/api/experiments/{name}"): Row("admin", 204, "draft"),
    ("post", "/api/experiments/{name}/start"): Row("admin", 200, "experiment"),
    ("post", "/api/experiments/{name}/stop"): Row("admin", 200, "stopped experiment"),
    ("get", "/api/experiments/{name}/results"): Row("admin", 200, "stopped experiment"),
    ("get", "/api/me"): Row("any", 200),
    ("get", "/api/usage"): Row("read", 200),
    ("get", "/api/usage/allowances"): Row("read", 200),
    ("get", "/api/admin/generations"): Row("admin", 200),
    ("post", "/api/admin/generations/{id}/stop"): Row("admin", 200, "anybody's generation"),
    ("get", "/api/admin/users"): Row("admin", 200),
    ("post", "/v1/chat/completions"): Row(
        "chat", 200, body={"messages": [{"role": "user", "content": "hello"}], "model": "demo/echo"}
    ),
    ("post", "/v1/completions"): Row("chat", 200, body={"prompt": "hello", **ECHO}),
    ("post", "/v1/responses"): Row("chat", 200, body=RESPOND),
    ("get", "/v1/responses/{id}"): Row("read", 200, "response"),
    ("delete", "/v1/responses/{id}"): Row("chat", 200, "response", part="owner"),
    ("post", "/v1/responses/{id}/cancel"): Row("chat", 200, "response", part="editor"),
    ("get", "/v1/responses/{id}/input_items"): Row("read", 200, "response"),
    ("post", "/v1/conversations"): Row("chat", 200, body={}),
    ("get", "/v1/conversations/{id}"): Row("read", 200, "conversation"),
    ("post", "/v1/conversations/{id}"): Row(
        "chat", 200, "conversation", {"metadata": {"a": "b"}}, "editor"
    ),
    ("delete", "/v1/conversations/{id}"): Row("chat", 200, "conversation", part="owner"),
    ("get", "/v1/conversations/{id}/items"): Row("read", 200, "conversation"),
    ("post", "/v1/conversations/{id}/items"): Row("chat", 200, "conversation", ITEMS, "editor"),
    ("get", "/v1/conversations/{id}/items/{item_id}"): Row("read", 200, "item"),
    ("delete", "/v1/conversations/{id}/items/{item_id}"): Row("chat", 200, "item", part="editor"),
    ("get", "/metrics"): Row("admin", 200),
    ("get", "/v1/models"): Row("read", 200),
    ("get", "/v1/models/{id}"): Row("read", 200, "model"),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """`scope` None: nobody that the service knows."""

    name: str
    scope: Literal["read", "chat", "admin"] | None
    part: Part | None = None


CALLERS = [
    Caller("nobody", None),
    Caller("no key at all", None),
    Caller("a wrong secret", None),
    Caller("a revoked key", None),
    Caller("two keys at once", None),
    Caller("an expired token", None),
    Caller("a token with alg=none", None),
    Caller("a token", "chat"),
    Caller("a token, to read", "read"),
    Caller("a token of an admin", "admin"),
    Caller("the owner", "chat", part="owner"),
    Caller("the owner, to read", "read", part="owner"),
    Caller("the owner, as admin", "admin", part="owner"),
    Caller("a viewer", "chat", part="viewer"),
    Caller("a viewer, to read", "read", part="viewer"),
    Caller("an editor", "chat", part="editor"),
    Caller("an editor, to read", "read", part="editor"),
    Caller("a removed editor", "chat"),
    Caller("another user", "chat"),
    Caller("another user, to read", "read"),
    Caller("an admin", "admin"),
]
MEMBERS = {"viewer": "viewer", "editor": "editor", "guest": "viewer", "removed": "editor"}
PARTS: list[Part] = ["viewer", "editor", "owner"]
INCLUDED = {
    "any": {"read", "chat", "admin"},
    "read": {"read", "chat", "admin"},
    "chat": {"chat", "admin"},
    "admin": {"admin"},
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Locked]:
    with locked_service(
        tmp_path_factory.mktemp("locked"),
        wrong_keys_per_minute=1_000_000,
        oidc_issuer=issuer.url,
        oidc_audience=AUDIENCE,
    ) as service:
        _make_templates(service)
        yield service


def _make_templates(service: Locked) -> None:
    """And experiments on two of them, by the same names: both are started."""
    with httpx2.Client(base_url=service.base_url, headers=bearer(service.admin)) as client:
        for name in ("of-all", "template", "experiment", "stopped-experiment"):
            client.post("/api/templates", json={**PROMPT, "name": name}).raise_for_status()
        for name in ("experiment", "stopped-experiment"):
            body = {**EXPERIMENT, "name": name, "template": name}
            client.post("/api/experiments", json=body).raise_for_status()
            client.post(f"/api/experiments/{name}/start").raise_for_status()


def unsigned(issuer: Issuer) -> str:
    head, claims = {"alg": "none", "typ": "JWT"}, issuer.claims(scope="chat read admin")
    parts = [urlsafe_b64encode(json.dumps(it).encode()) for it in (head, claims)]
    return b".".join([*(part.rstrip(b"=") for part in parts), b""]).decode()


@pytest.fixture(scope="module")
def headers(service: Locked, issuer: Issuer) -> Mapping[str, list[tuple[str, str]]]:
    """What each of the callers sends."""
    revoked = service.key("owner")
    service.revoke(revoked["id"])
    good = service.key("owner")["secret"]
    secrets = {
        "a wrong secret": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "no key at all": "hello",
        "a revoked key": revoked["secret"],
        "the owner": good,
        "the owner, to read": service.key("owner", "read")["secret"],
        "the owner, as admin": service.key("owner", "admin")["secret"],
        "a viewer": service.key("viewer")["secret"],
        "a viewer, to read": service.key("viewer", "read")["secret"],
        "an editor": service.key("editor")["secret"],
        "an editor, to read": service.key("editor", "read")["secret"],
        "a removed editor": service.key("removed")["secret"],
        "another user": service.key("stranger")["secret"],
        "another user, to read": service.key("stranger", "read")["secret"],
        "an admin": service.admin,
        "an expired token": issuer.token(exp=1_700_000_000, scope="chat read admin"),
        "a token with alg=none": unsigned(issuer),
        # By the name of the owner, who is no user of the issuer.
        "a token": issuer.token(sub="owner", exp=FAR),
        "a token, to read": issuer.token(sub="owner", scope="openid read", exp=FAR),
        "a token of an admin": issuer.token(sub="owner", scope="admin", exp=FAR),
    }
    sent = {name: list(bearer(secret).items()) for name, secret in secrets.items()}
    return {**sent, "nobody": [], "two keys at once": [*sent["the owner"], *sent["an admin"]]}


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
@pytest.mark.parametrize(("method", "path"), ROWS)
def test_each_caller_gets_what_is_theirs_and_no_more(
    method: str,
    path: str,
    caller: Caller,
    service: Locked,
    headers: Mapping[str, list[tuple[str, str]]],
) -> None:
    row = ROWS[method, path]
    with httpx2.Client(base_url=service.base_url, timeout=30) as client:
        owner = bearer(dict(headers["the owner"])["Authorization"].split()[1])
        id = _make(client, service, owner, row.thing)
        with client.stream(
            method, _at(path, id), json=_fresh(row.body), headers=headers[caller.name]
        ) as answer:
            status = answer.status_code

    assert status == _expected(row, caller)


def _expected(row: Row, caller: Caller) -> int:
    if caller.scope is None:
        return 401
    if caller.scope not in INCLUDED[row.scope]:
        return 403
    if row.thing is None or row.thing in COMMON:
        return row.done
    if caller.part is None or (row.thing == "session" and caller.part != "owner"):
        return row.unseen
    return row.done if PARTS.index(caller.part) >= PARTS.index(row.part) else 403


def _make(
    client: httpx2.Client, service: Locked, owner: Mapping[str, str], thing: Thing | None
) -> str:
    """One of the owner's own, and its id."""
    match thing:
        case None:
            return ""
        case "model":
            return "demo/echo"
        case "key":
            return str(service.key("owner")["id"])
        case "template" | "draft" | "experiment" | "stopped experiment":
            return _make_common(client, bearer(service.admin), thing)
        case "session":
            named = {**SESSION, "session_id": "of-the-owner"}
            client.post("/api/llm/chat/session", json=named, headers=owner).raise_for_status()
            return "of-the-owner"
    return _make_shared(client, owner, thing)


def _make_common(client: httpx2.Client, admin: Mapping[str, str], thing: Thing) -> str:
    """Most of what is done to these may be done again: one is enough, except of what is deleted."""
    if thing != "draft":
        return thing.replace(" ", "-")
    name = next(NAMES)
    body = {**EXPERIMENT, "name": name}
    client.post("/api/experiments", json=body, headers=admin).raise_for_status()
    return name


def _fresh(body: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return {**body, "name": next(NAMES)} if body and body.get("name") == FRESH else body


def _make_shared(client: httpx2.Client, owner: Mapping[str, str], thing: Thing) -> str:
    """One that others have a part in."""
    conversation = client.post("/api/conversations", json={}, headers=owner).json()["id"]
    _share(client, f"/api/conversations/{conversation}/members", owner)
    if thing == "conversation":
        return str(conversation)
    cut = {"params": {"max_tokens": 1, "extra": UNPACED}} if thing == "cut message" else {}
    sent = client.post(
        f"/api/conversations/{conversation}/messages", json={**SAY, **cut}, headers=owner
    ).json()
    generation = sent["generation"]["id"]
    client.get(f"/api/generations/{generation}/stream", headers=owner).raise_for_status()
    made: Mapping[Thing, str] = {
        "message": sent["reply"]["id"],
        "cut message": sent["reply"]["id"],
        "item": f"{conversation} {sent['reply']['id']}",
        "response": generation.replace("gen_", "resp_"),
        "generation": generation,
        "anybody's generation": generation,
    }
    return made[thing]


def _at(path: str, id: str) -> str:
    id, _, item = id.partition(" ")
    return path.format(id=id, item_id=item, user="guest", name=id)


def _share(client: httpx2.Client, members: str, owner: Mapping[str, str]) -> None:
    for user, role in MEMBERS.items():
        body = {"user": user, "role": role}
        client.post(members, json=body, headers=owner).raise_for_status()
    client.delete(f"{members}/removed", headers=owner).raise_for_status()


@pytest.mark.parametrize(
    ("method", "path"), [at for at, row in ROWS.items() if row.thing], ids=" ".join
)
def test_what_is_anothers_answers_as_if_it_were_not_there(
    method: str, path: str, service: Locked, headers: Mapping[str, list[tuple[str, str]]]
) -> None:
    row = ROWS[method, path]
    if row.thing in COMMON:
        pytest.skip("all keys are an admin's, and models everybody's")
    with httpx2.Client(base_url=service.base_url, timeout=30) as client:
        owner = bearer(dict(headers["the owner"])["Authorization"].split()[1])
        theirs = _make(client, service, owner, row.thing)
        missing = theirs[:-4] + "zzzz"
        answers = [
            client.request(
                method,
                _at(path, id),
                json=row.body,
                headers=headers["another user"],
            )
            for id in (theirs, missing)
        ]

    def told(answer: httpx2.Response, id: str) -> str:
        members = (answer.json() if answer.content else {}) | {"request_id": ""}
        return str(members).replace(id, "…")

    assert told(answers[0], theirs) == told(answers[1], missing)
    shown = [set(answer.headers) for answer in answers]
    assert shown[0] == shown[1]


def test_every_operation_has_a_row() -> None:
    document = create_app(Settings(discover=False)).openapi()
    operations = {
        (method, path) for path, methods in document["paths"].items() for method in methods
    }

    assert {at for at in operations if at[1] not in PUBLIC} == set(ROWS)


def test_every_route_is_in_the_document() -> None:
    app = create_app(Settings(discover=False))
    documented = app.openapi()["paths"]
    undocumented = {
        route.path
        for route in iter_route_contexts(app.routes)
        if route.path and route.path not in documented and route.path not in PAGES
    }

    # Sessions have names with slashes: their parameter has a converter, which the document omits.
    assert {path for path in undocumented if ":" not in path} == set()
