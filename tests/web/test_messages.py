"""Messages: sent, paged, branched, made anew, cleared."""

from itertools import chain
from typing import Any

import pytest

from tests.client import Client, Json, Sent
from tests.reader import HEADERS, Frames
from tests.web.conftest import UNPACED
from tests.web.shapes import GENERATION, MESSAGE, USAGE, is_id, is_private, problem_of, utc

QUICK: Json = {"model": "demo/echo", "params": {"extra": UNPACED}}


async def ask(client: Client, conversation: str, content: str = "hello", **fields: Any) -> Sent:
    """Send, and wait until it is answered."""
    sent = await client.send(conversation, content, **(QUICK | fields))
    await client.read(sent.generation_id)
    return sent


async def page(client: Client, conversation: str, **query: Any) -> Json:
    path = f"/api/conversations/{conversation}/messages"
    response = await client.http.get(path, params=query)
    assert response.status_code == 200, response.text
    assert is_private(response)
    found: Json = response.json()
    assert set(found) == {"items", "next_cursor"}
    return found


async def contents(client: Client, conversation: str, **query: Any) -> list[str]:
    return [item["content"] for item in (await page(client, conversation, **query))["items"]]


async def regenerate(client: Client, message_id: str, **body: Any) -> Sent:
    path = f"/api/messages/{message_id}/regenerate"
    response = await client.http.post(path, json=QUICK | body)
    assert response.status_code == 202, response.text
    sent = Sent(**response.json())
    await client.read(sent.generation_id)
    return sent


async def test_a_send_is_answered_before_the_first_token(client: Client) -> None:
    conversation = await client.conversation()

    response = await client.try_send(conversation, "hi", model="demo/story")

    assert response.status_code == 202
    assert is_private(response)
    accepted = response.json()
    assert set(accepted) == {"message", "reply", "generation", "stream_url"}
    message, reply, generation = (accepted[name] for name in ("message", "reply", "generation"))
    location = f"/api/generations/{generation['id']}"
    assert response.headers["location"] == location
    assert accepted["stream_url"] == f"{location}/stream"
    assert (set(message), set(reply), set(generation)) == (MESSAGE, MESSAGE, GENERATION)
    assert all(is_id(thing["id"]) for thing in (message, reply, generation))
    assert (message["role"], message["status"], message["content"]) == ("user", "complete", "hi")
    assert (message["parent_id"], message["generation_id"]) == (None, None)
    assert (reply["role"], reply["status"], reply["content"]) == ("assistant", "streaming", "")
    assert (reply["parent_id"], reply["generation_id"]) == (message["id"], generation["id"])
    assert (generation["status"], generation["attempt"]) == ("queued", 1)
    assert generation["model"] == reply["model"] == "demo/story"
    assert generation["message_id"] == reply["id"]
    await client.stop(generation["id"])


async def test_an_answered_message_says_how_it_was_made(client: Client) -> None:
    conversation = await client.conversation()
    sent = await ask(client, conversation, "the quick brown fox")

    question, answer = await client.messages(conversation)

    assert question == sent.message
    assert set(answer) == MESSAGE
    assert answer["content"] == "You said: the quick brown fox"
    assert (answer["status"], answer["error"], answer["reasoning"]) == ("complete", None, "")
    assert set(answer["usage"]) == USAGE
    assert answer["siblings"] == [answer["id"]]
    assert utc(question["created_at"]) <= utc(answer["created_at"])


async def test_a_send_can_answer_with_the_stream_itself(client: Client) -> None:
    conversation = await client.conversation()
    path = f"/api/conversations/{conversation}/messages"
    body = {"content": "hello", **QUICK}
    headers = {"Accept": "text/html, text/event-stream;q=0.9"}

    response = await client.http.post(path, json=body, headers=headers)

    assert response.status_code == 200
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    names = [frame.event for frame in Frames().feed(response.content) if frame.event]
    assert (names[0], names[-1]) == ("started", "finished")
    assert await contents(client, conversation) == ["hello", "You said: hello"]


async def test_the_conversation_decides_what_a_message_leaves_open(client: Client) -> None:
    conversation = await client.conversation(
        model="demo/story", params={"max_tokens": 3, "extra": UNPACED}
    )
    first = await client.send(conversation)
    await client.read(first.generation_id)
    second = await client.send(conversation, model="demo/echo", params={"max_tokens": 1})
    await client.read(second.generation_id)

    assert [m["content"] for m in await client.messages(conversation)] == [
        "hello",
        "t0 t1 t2 ",
        "hello",
        "You ",
    ]
    assert (await client.generation(second.generation_id))["finish_reason"] == "length"


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_of_messages_are_whole_and_in_order(client: Client, order: str) -> None:
    conversation = await client.conversation()
    for word in ("one", "two", "three"):
        await ask(client, conversation, word)
    whole = await contents(client, conversation, order=order)

    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        found = await page(client, conversation, limit=4, order=order, **cursor)
        pages.append([item["content"] for item in found["items"]])
        if found["next_cursor"] is None:
            break
        cursor = {"cursor": found["next_cursor"]}

    assert [len(found) for found in pages] == [4, 2]
    assert list(chain(*pages)) == whole
    expected = [said for w in ("one", "two", "three") for said in (w, f"You said: {w}")]
    assert whole == (expected if order == "asc" else expected[::-1])


async def test_a_page_that_is_exactly_full_is_the_last(client: Client) -> None:
    conversation = await client.conversation()
    await ask(client, conversation)

    assert (await page(client, conversation, limit=2))["next_cursor"] is None
    assert await page(client, await client.conversation()) == {"items": [], "next_cursor": None}


async def test_another_answer_is_a_sibling_and_becomes_the_active_branch(client: Client) -> None:
    conversation = await client.conversation()
    first = await ask(client, conversation)

    second = await regenerate(client, first.reply_id)
    third = await regenerate(client, second.reply_id)

    siblings = [first.reply_id, second.reply_id, third.reply_id]
    assert second.message == first.message
    assert second.reply["siblings"] == siblings[:2]
    _, answer = await client.messages(conversation)
    assert answer["id"] == third.reply_id
    assert answer["siblings"] == siblings
    old = (await page(client, conversation, leaf=first.reply_id))["items"]
    assert [item["id"] for item in old] == [first.message["id"], first.reply_id]
    assert old[1]["content"] == "You said: hello"


async def test_a_message_with_a_parent_begins_a_branch(client: Client) -> None:
    conversation = await client.conversation()
    first = await ask(client, conversation, "one")
    second = await ask(client, conversation, "two")

    edited = await ask(client, conversation, "two, edited", parent_id=first.reply_id)
    anew = await ask(client, conversation, "anew", parent_id=None)

    assert edited.message["siblings"] == [second.message["id"], edited.message["id"]]
    assert anew.message["siblings"] == [first.message["id"], anew.message["id"]]
    assert await contents(client, conversation) == ["anew", "You said: anew"]
    branch = await contents(client, conversation, leaf=edited.reply_id)
    assert branch == ["one", "You said: one", "two, edited", "You said: two, edited"]
    inner = await contents(client, conversation, leaf=edited.message["id"])
    assert inner == branch[:3]


async def test_a_branch_of_another_conversation_does_not_exist(client: Client) -> None:
    conversation, other = await client.conversation(), await client.conversation()
    elsewhere = await ask(client, other)
    path = f"/api/conversations/{conversation}/messages"

    leaf = await client.http.get(path, params={"leaf": elsewhere.reply_id})
    parent = await client.try_send(conversation, parent_id=elsewhere.reply_id)

    assert problem_of(leaf, 404)["type"] == "not_found"
    assert problem_of(parent, 404)["type"] == "not_found"
    assert await client.messages(conversation) == []


async def test_only_an_answer_is_made_anew(client: Client) -> None:
    conversation = await client.conversation()
    sent = await ask(client, conversation)

    question = f"/api/messages/{sent.message['id']}/regenerate"

    assert problem_of(await client.http.post(question, json={}), 422)["type"] == "invalid"
    nothing = await client.http.post("/api/messages/msg_none/regenerate", json={})
    assert problem_of(nothing, 404)["type"] == "not_found"


async def test_a_busy_conversation_names_its_generation(client: Client) -> None:
    conversation = await client.conversation()
    live = await client.send(conversation, model="demo/story")

    refused = problem_of(await client.try_send(conversation), 409)
    again = await client.http.post(f"/api/messages/{live.reply_id}/regenerate", json={})

    assert refused["type"] == "conversation_busy"
    assert refused["generation_id"] == live.generation_id
    assert problem_of(again, 409)["generation_id"] == live.generation_id
    active = (await client.show(conversation))["active_generations"]
    assert active == [{"id": live.generation_id, "message_id": live.reply_id}]
    await client.stop(live.generation_id)
    assert (await client.show(conversation))["active_generations"] == []


async def test_cleared_messages_leave_the_conversation(client: Client) -> None:
    conversation = await client.conversation(title="stays", system_prompt="Be brief.")
    sent = await ask(client, conversation)
    live = await client.send(conversation, model="demo/story")
    path = f"/api/conversations/{conversation}/messages"

    response = await client.http.delete(path)

    assert (response.status_code, response.content) == (204, b"")
    assert await client.messages(conversation) == []
    shown = await client.show(conversation)
    assert (shown["title"], shown["system_prompt"]) == ("stays", "Be brief.")
    assert shown["active_generations"] == []
    for gone in (sent, live):
        problem_of(await client.http.get(gone.stream_url), 404)
    assert (await client.http.delete(path)).status_code == 204
    await ask(client, conversation, "after")
    assert await contents(client, conversation) == ["after", "You said: after"]
