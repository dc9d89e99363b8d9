"""Conversations: made, listed, changed, deleted."""

import re
from typing import Any

import pytest

from tests.client import Client, Json
from tests.web.shapes import (
    CONVERSATION,
    CONVERSATION_DETAIL,
    is_id,
    is_private,
    problem_of,
    utc,
)

EVERYTHING: dict[str, Any] = {
    "title": "Foxes",
    "system_prompt": "Be brief.",
    "model": "demo/echo",
    "params": {
        "temperature": 0.5,
        "top_p": 1,
        "max_tokens": 9,
        "stop": ["\n", "END"],
        "seed": 7,
        "skip_thinking": True,
        "response_format": {"type": "json_object"},
        "tools": [{"type": "function", "function": {"name": "look"}}],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
        "extra": {"a": [1, 2.5, None, True, {"b": "c"}]},
    },
    "metadata": {"topic": "animals", "nested": {"list": [1, [2, [3]]]}},
}


async def test_a_conversation_keeps_all_that_it_was_given(client: Client) -> None:
    response = await client.http.post("/api/conversations", json=EVERYTHING)

    assert response.status_code == 201
    assert is_private(response)
    made = response.json()
    assert set(made) == CONVERSATION_DETAIL
    assert is_id(made["id"])
    assert made["id"].startswith("conv_")
    assert {name: made[name] for name in EVERYTHING} == EVERYTHING
    assert (made["archived"], made["active_generations"]) == (False, [])
    assert utc(made["created_at"]) == utc(made["updated_at"])
    assert await client.show(made["id"]) == made


async def test_all_of_a_conversation_may_be_left_out(client: Client) -> None:
    made = await client.show(await client.conversation())

    assert (made["title"], made["system_prompt"], made["model"]) == (None, None, None)
    assert (made["params"], made["metadata"]) == ({}, {})


async def test_ones_own_name_begins_a_conversation_once(client: Client) -> None:
    name = "a name/of my own"
    made = await client.http.post("/api/conversations", json={**EVERYTHING, "session_id": name})
    assert made.status_code == 201, made.text
    again = await client.http.post("/api/conversations", json={"session_id": name, "title": "no"})
    assert again.json() == made.json()
    session = await client.http.get(f"/api/llm/chat/session/{name}/history")
    assert session.json()["messages"] == []
    for wrong in ("", "x" * 129, 7):
        refused = await client.http.post("/api/conversations", json={"session_id": wrong})
        assert "session_id" in problem_of(refused, 422)["detail"]


async def test_the_list_is_newest_first_and_pages_without_loss(client: Client) -> None:
    made = [await client.conversation(title=f"paged {i}") for i in range(5)]

    pages: list[list[Json]] = []
    query = {"q": "paged", "limit": "2"}
    while True:
        response = await client.http.get("/api/conversations", params=query)
        assert response.status_code == 200
        assert is_private(response)
        page = response.json()
        assert set(page) == {"items", "next_cursor"}
        pages.append(page["items"])
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    found = [item for page in pages for item in page]

    assert [len(page) for page in pages] == [2, 2, 1]
    assert all(set(item) == CONVERSATION | {"match"} for item in found)
    assert [item["id"] for item in found] == made[::-1]


async def test_a_page_is_not_moved_by_what_is_made_meanwhile(client: Client) -> None:
    made = [await client.conversation(title=f"steady {i}") for i in range(4)]
    query = {"q": "steady", "limit": "2"}
    first = (await client.http.get("/api/conversations", params=query)).json()

    await client.conversation(title="steady, but new")
    await client.http.delete(f"/api/conversations/{made[3]}")
    query["cursor"] = first["next_cursor"]
    second = (await client.http.get("/api/conversations", params=query)).json()

    assert [item["id"] for item in second["items"]] == [made[1], made[0]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Ünïcode", True),
        ("100% sure_thing", True),
        ("100% sure of the thing", False),
        ("%", True),
        ("needle in", True),
        ("NEEDLE", True),
        ("no such text", False),
    ],
)
async def test_a_search_looks_in_titles_and_messages(
    client: Client, query: str, found: bool
) -> None:
    conversation = await client.conversation(title="Ünïcode 100% sure_thing", model="demo/echo")
    await client.send(conversation, "a Needle in a haystack")

    response = await client.http.get("/api/conversations", params={"q": query, "limit": 1000})

    ids = [item["id"] for item in response.json()["items"]]
    assert (conversation in ids) is found


async def test_a_change_leaves_what_it_does_not_name(client: Client) -> None:
    conversation = await client.conversation(**EVERYTHING)

    response = await client.http.patch(
        f"/api/conversations/{conversation}", json={"title": "Hares", "archived": True}
    )

    assert response.status_code == 200
    changed = response.json()
    assert set(changed) == CONVERSATION_DETAIL
    assert changed == await client.show(conversation)
    assert (changed["title"], changed["archived"]) == ("Hares", True)
    rest = EVERYTHING.keys() - {"title"}
    assert {name: changed[name] for name in rest} == {name: EVERYTHING[name] for name in rest}
    assert utc(changed["updated_at"]) > utc(changed["created_at"])


async def test_a_change_to_null_unsets(client: Client) -> None:
    conversation = await client.conversation(**EVERYTHING)

    nothing: dict[str, Any] = dict.fromkeys([*EVERYTHING, "archived"])
    response = await client.http.patch(f"/api/conversations/{conversation}", json=nothing)

    changed = response.json()
    assert (changed["title"], changed["system_prompt"], changed["model"]) == (None, None, None)
    assert (changed["params"], changed["metadata"], changed["archived"]) == ({}, {}, False)


async def test_an_empty_change_changes_nothing(client: Client) -> None:
    conversation = await client.conversation(**EVERYTHING)
    before = await client.show(conversation)

    after = (await client.http.patch(f"/api/conversations/{conversation}", json={})).json()

    assert after | {"updated_at": None} == before | {"updated_at": None}


async def test_what_is_deleted_is_gone_everywhere(client: Client) -> None:
    conversation = await client.conversation()
    sent = await client.send(conversation, model="demo/echo")
    await client.read(sent.generation_id)
    path = f"/api/conversations/{conversation}"

    response = await client.http.delete(path)

    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers
    generation = f"/api/generations/{sent.generation_id}"
    for gone in (path, f"{path}/messages", f"{path}/stream", generation, f"{generation}/stream"):
        problem = problem_of(await client.http.get(gone), 404)
        assert problem["type"] == "not_found"
        assert problem["instance"] == gone
    for method, url in (("DELETE", path), ("POST", f"{generation}/stop")):
        problem_of(await client.http.request(method, url), 404)
    again = await client.http.post(f"/api/messages/{sent.reply_id}/regenerate", json={})
    problem_of(again, 404)


async def test_a_live_generation_ends_when_its_conversation_is_deleted(client: Client) -> None:
    conversation = await client.conversation()
    sent = await client.send(conversation, model="demo/story")

    assert (await client.http.delete(f"/api/conversations/{conversation}")).status_code == 204

    assert (await client.http.get(sent.stream_url)).status_code == 404


async def test_ids_say_what_they_name_and_sort_by_age(client: Client) -> None:
    ids = [await client.conversation() for _ in range(20)]

    assert ids == sorted(ids)
    assert all(re.fullmatch(r"conv_[0-9A-Za-z_-]+", id_) for id_ in ids)
