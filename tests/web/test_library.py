"""Lists, search, marks, feedback, branches, and conversations as files, by HTTP."""

import copy
from typing import Any
from urllib.parse import quote

import pytest

from llmchat.web.examples import FILE, IMAGE
from tests.client import Client, Json
from tests.web.conftest import UNPACED
from tests.web.shapes import CONVERSATION_DETAIL, problem_of

ECHO = {"model": "demo/echo", "params": {"extra": UNPACED}}


async def said(client: Client, id: str, content: Any, **fields: Any) -> Json:
    """A question and its answer; the answer."""
    sent = await client.send(id, content, **{**ECHO, **fields})
    await client.read(sent.generation_id)
    return sent.reply


async def listed(client: Client, **query: str) -> list[Json]:
    response = await client.http.get("/api/conversations", params={"limit": "200", **query})
    assert response.status_code == 200, response.text
    return list(response.json()["items"])


async def test_search_shows_where_it_found_something(client: Client) -> None:
    id = await client.conversation(title="zoo")
    reply = await said(client, id, "a Zebrafínch sings")

    (item,) = await listed(client, q="sings zebraf")

    assert item["id"] == id
    assert item["match"]["message_id"] == reply["id"]
    parts = item["match"]["snippet_parts"]
    assert [part["text"] for part in parts if part["hit"]] == ["Zebrafínch", "sings"]
    assert "".join(part["text"] for part in parts) == "You said: a Zebrafínch sings"


async def test_what_is_archived_is_not_listed_unless_it_is_asked_for(client: Client) -> None:
    shown, hidden, pinned = [await client.conversation(title="quagga") for _ in range(3)]
    await client.http.patch(f"/api/conversations/{hidden}", json={"archived": True})
    await client.http.patch(f"/api/conversations/{pinned}", json={"pinned": True})

    async def ids(**query: str) -> set[str]:
        return {item["id"] for item in await listed(client, q="quagga", **query)}

    assert await ids() == {shown, pinned}
    assert await ids(archived="true") == {hidden}
    assert await ids(archived="all") == {shown, hidden, pinned}
    assert await ids(pinned="true") == {pinned}
    assert await ids(archived="all", pinned="false") == {shown, hidden}
    refused = await client.http.get("/api/conversations", params={"archived": "maybe"})
    assert refused.status_code == 422


async def test_a_switch_shows_the_other_branch(client: Client) -> None:
    id = await client.conversation()
    first = await said(client, id, "a")
    second = await said(client, id, "b", parent_id=None)
    assert (await client.show(id))["active_leaf"] == second["id"]

    changed = await client.http.patch(
        f"/api/conversations/{id}", json={"active_leaf": first["parent_id"]}
    )

    assert changed.json()["active_leaf"] == first["id"]
    assert [m["content"] for m in await client.messages(id)] == ["a", "You said: a"]


@pytest.mark.parametrize("leaf", [None, 1, "", "no id!", "x" * 65])
async def test_what_is_no_message_is_no_leaf(client: Client, leaf: Any) -> None:
    id = await client.conversation()
    refused = await client.http.patch(f"/api/conversations/{id}", json={"active_leaf": leaf})
    problem_of(refused, 422)


async def test_feedback_is_shown_to_whoever_gave_it(client: Client) -> None:
    id = await client.conversation()
    reply = await said(client, id, "a")
    path = f"/api/messages/{reply['id']}/feedback"

    assert (await client.http.put(path, json={"rating": 1})).status_code == 204
    better = {"rating": -1, "comment": "no\x00"}
    assert (await client.http.put(path, json=better)).status_code == 204
    shown = (await client.message(id, reply["id"]))["feedback"]
    assert shown == {"rating": -1, "comment": "no\N{REPLACEMENT CHARACTER}"}
    link = (await client.http.post(f"/api/conversations/{id}/link")).json()["url"]
    shared = (await client.http.get(link)).json()
    assert [message["feedback"] for message in shared["messages"]] == [None, None]
    assert (await client.http.delete(path)).status_code == 204
    assert (await client.message(id, reply["id"]))["feedback"] is None


@pytest.mark.parametrize(
    "body", [{}, {"rating": 0}, {"rating": 2}, {"rating": "1"}, {"rating": True}, {"rating": 1.0}]
)
async def test_a_rating_is_one_of_two(client: Client, body: Json) -> None:
    problem_of(await client.http.put("/api/messages/msg_0/feedback", json=body), 422)


async def test_a_conversation_is_the_same_after_export_and_import(client: Client) -> None:
    id = await client.conversation(title='Füchse "&" 狐', metadata={"x": [1, None]}, **ECHO)
    image = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": IMAGE}}]
    first = await said(client, id, image)
    await said(client, id, "b")
    await said(client, id, "B", parent_id=first["id"])
    await client.http.put(f"/api/messages/{first['id']}/feedback", json={"rating": 1})

    exported = await client.http.get(f"/api/conversations/{id}/export")
    json_type = {"Content-Type": "application/json"}
    made = await client.http.post(
        "/api/conversations/import", content=exported.content, headers=json_type
    )
    again = await client.http.get(f"/api/conversations/{made.json()['id']}/export")

    assert made.status_code == 201, made.text
    assert set(made.json()) == CONVERSATION_DETAIL
    assert unnamed(again.json()) == unnamed(exported.json())
    name = exported.headers["content-disposition"]
    assert name.startswith("attachment; filename=\"F_chse ___ _.json\"; filename*=UTF-8''")
    assert quote("Füchse ") in name
    markdown = await client.http.get(f"/api/conversations/{id}/export?format=markdown")
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert markdown.text.startswith('# Füchse "&" 狐\n')


def unnamed(file: Json) -> Json:
    """The file with places for ids."""
    places = {message["id"]: place for place, message in enumerate(file["messages"])}
    messages = [
        {**message, "id": places[message["id"]], "parent_id": places.get(message["parent_id"])}
        for message in file["messages"]
    ]
    return {**file, "messages": messages, "active_leaf": places[file["active_leaf"]]}


def broken(*path: Any, value: Any) -> Json:
    file: Any = copy.deepcopy(FILE)
    at = file
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return dict(file)


@pytest.mark.parametrize(
    "file",
    [
        [],
        {},
        broken("version", value=2),
        broken("format", value="chatgpt"),
        broken("unknown", value=1),
        broken("conversation", "created_at", value="yesterday"),
        broken("conversation", "created_at", value=0),
        broken("conversation", "created_at", value="0001-01-01T00:00:00+14:00"),
        broken("conversation", "created_at", value="2026-11-21T08:43:09"),
        broken("active_leaf", value="msg_elsewhere"),
        broken("messages", 0, "parent_id", value="msg_elsewhere"),
        broken("messages", 0, "parent_id", value=FILE["messages"][1]["id"]),
        broken("messages", 1, "id", value=FILE["messages"][0]["id"]),
        broken("messages", 0, "role", value="root"),
        broken("messages", 0, "status", value="half"),
        broken("messages", 0, "content", value=None),
        broken(
            "messages",
            0,
            "content",
            value=[{"type": "image_url", "image_url": {"url": "http://x"}}],
        ),
        broken("messages", 1, "usage", value={"input_tokens": -1, "output_tokens": 2**70}),
        broken("messages", 1, "error", value={"type": "x"}),
        broken("messages", 1, "feedback", value={"rating": 5}),
        broken("messages", 1, "tool_calls", value=[{"id": "a"}]),
    ],
)
async def test_what_is_no_file_of_ours_is_refused(client: Client, file: Any) -> None:
    before = len(await listed(client, archived="all"))
    refused = await client.http.post("/api/conversations/import", json=file)
    problem_of(refused, 422)
    assert len(await listed(client, archived="all")) == before


async def test_many_are_deleted_at_once(client: Client) -> None:
    ids = [await client.conversation() for _ in range(3)]

    answer = await client.http.post(
        "/api/conversations/delete", json={"ids": [ids[0], "conv_0", ids[2], ids[0]]}
    )

    assert answer.status_code == 200
    assert answer.json() == {"deleted": [ids[0], ids[2]]}
    gone = [(await client.http.get(f"/api/conversations/{id}")).status_code for id in ids]
    assert gone == [404, 200, 404]
    for refused in ([], ["x"] * 101, ["no id!"]):
        answer = await client.http.post("/api/conversations/delete", json={"ids": refused})
        problem_of(answer, 422)
