"""Going on with an answer that broke off: a sibling that begins with all that it says."""

from contextlib import aclosing
from typing import Any

from tests.client import Client, Json
from tests.web.conftest import UNPACED
from tests.web.shapes import problem_of

STORY = "demo/story"


async def cut(client: Client, id: str, tokens: int = 5) -> Json:
    """An answer that was cut by its length, as the history has it."""
    params = {"max_tokens": tokens, "extra": {**UNPACED, "tokens": 12}}
    sent = await client.send(id, model=STORY, params=params)
    await client.read(sent.generation_id)
    return await client.message(id, sent.reply_id)


async def go_on(client: Client, message_id: str, **fields: Any) -> Json:
    response = await client.http.post(f"/api/messages/{message_id}/continue", json=fields)
    assert response.status_code == 202, response.text
    return dict(response.json())


async def test_what_was_cut_goes_on_in_a_sibling(client: Client) -> None:
    id = await client.conversation()
    old = await cut(client, id)

    made = await go_on(client, old["id"], params={"max_tokens": 100})
    reader = await client.read(made["generation"]["id"])

    whole = "".join(f"t{i} " for i in range(12))
    assert old["content"] == whole[:15]
    assert reader.text == whole
    message = await client.message(id, made["reply"]["id"])
    assert message["content"] == whole
    assert message["siblings"] == [old["id"], message["id"]]
    assert message["parent_id"] == old["parent_id"]
    assert (await client.message(id, old["id"]))["content"] == old["content"]
    # What the first one used is its own.
    assert message["usage"]["output_tokens"] == 12 - 5
    assert (await client.show(id))["active_leaf"] == message["id"]


async def test_nothing_need_be_said_to_go_on_or_to_answer_again(client: Client) -> None:
    old = await cut(client, await client.conversation())
    for verb in ("continue", "regenerate"):
        made = await client.http.post(f"/api/messages/{old['id']}/{verb}")
        assert made.status_code == 202, made.text
        assert made.json()["reply"]["parent_id"] == old["parent_id"]
        assert made.headers["Location"] == f"/api/generations/{made.json()['generation']['id']}"
        await client.read(made.json()["generation"]["id"])

    undeclared = await client.http.post(f"/api/messages/{old['id']}/continue", content=b"{}")
    problem_of(undeclared, 415)


async def test_the_log_begins_with_the_old_text_in_one_delta(client: Client) -> None:
    old = await cut(client, await client.conversation())
    made = await go_on(client, old["id"])
    await client.read(made["generation"]["id"])

    stream = await client.http.get(f"/api/generations/{made['generation']['id']}/stream")

    frames = [frame for frame in stream.text.split("\n\n") if "event: delta" in frame]
    assert made["reply"]["content"] == ""
    # Merged with what follows it, or by itself.
    assert '"offset":[2,' in frames[0]
    assert f'"text":"{old["content"]}' in frames[0]


async def test_with_the_parameters_of_the_first_it_is_cut_and_goes_on_again(
    client: Client,
) -> None:
    id = await client.conversation()
    old = await cut(client, id)
    for tokens in (10, 12):
        made = await go_on(client, old["id"])
        await client.read(made["generation"]["id"])
        old = await client.message(id, made["reply"]["id"])
        assert old["content"] == "".join(f"t{i} " for i in range(tokens))


async def test_what_was_stopped_goes_on_and_what_is_whole_does_not(client: Client) -> None:
    id = await client.conversation()
    slow = {"extra": {"tokens": 300, "tokens_per_second": 50}}
    sent = await client.send(id, model=STORY, params=slow)
    reader = client.reader(sent.generation_id)
    async with aclosing(reader.follow()) as steps:
        async for _ in steps:
            if len(reader.text) > 10:
                break
    busy = await client.http.post(f"/api/messages/{sent.reply_id}/continue", json={})
    await client.stop(sent.generation_id)
    stopped = await client.message(id, sent.reply_id)

    made = await go_on(client, sent.reply_id, params={"extra": {**UNPACED, "tokens": 300}})
    await client.read(made["generation"]["id"])
    whole = await client.message(id, made["reply"]["id"])
    again = await client.http.post(f"/api/messages/{whole['id']}/continue", json={})

    assert busy.status_code == 422
    assert whole["content"].startswith(stopped["content"])
    assert whole["content"] == "".join(f"t{i} " for i in range(300))
    assert again.status_code == 422
    assert "complete" in again.json()["detail"]


async def test_a_question_is_not_gone_on_with(client: Client) -> None:
    id = await client.conversation()
    sent = await client.send(id, model="demo/echo", params={"extra": UNPACED})
    await client.read(sent.generation_id)

    refused = await client.http.post(f"/api/messages/{sent.message['id']}/continue", json={})
    missing = await client.http.post("/api/messages/msg_0/continue", json={})

    assert refused.status_code == 422
    assert missing.status_code == 404
