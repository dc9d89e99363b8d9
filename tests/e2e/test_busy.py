"""P11: whoever sends at the same time as others gets what `on_busy` says, and nothing is lost."""

import asyncio
from itertools import pairwise

import pytest

from tests.client import Client, Json, Sent
from tests.upstream import Upstream, answer_text, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDLESS = f"openai/{mock_model(tokens=5, fail='silence', after=5)}"


async def all_ended(client: Client, sent: list[Sent]) -> list[Json]:
    """Read every stream to its end; the generations as they then are."""
    await asyncio.gather(*[client.read(one.generation_id) for one in sent])
    return [await client.generation(one.generation_id) for one in sent]


def in_turns(messages: list[Json]) -> list[tuple[str, str]]:
    """The branch as questions and answers, each answer behind its own question."""
    questions, answers = messages[::2], messages[1::2]
    assert {message["role"] for message in questions} == {"user"}
    assert {message["role"] for message in answers} == {"assistant"}
    for one, other in pairwise(messages):
        assert other["parent_id"] == one["id"]
    return [(q["content"], a["content"]) for q, a in zip(questions, answers, strict=True)]


async def test_of_many_sends_at_once_one_is_taken_and_the_others_name_it(client: Client) -> None:
    conversation = await client.conversation(model=ENDLESS)
    responses = await asyncio.gather(
        *[client.try_send(conversation, f"question {i}") for i in range(12)]
    )
    [taken] = [r.json() for r in responses if r.status_code == 202]
    refused = [r.json() for r in responses if r.status_code != 202]
    assert {(r["status"], r["type"]) for r in refused} == {(409, "conversation_busy")}
    assert {r["generation_id"] for r in refused} == {taken["generation"]["id"]}
    await client.stop(taken["generation"]["id"])
    [(question, _)] = in_turns(await client.messages(conversation))
    assert question == taken["message"]["content"]


async def test_queued_sends_run_one_after_another_in_their_order(client: Client) -> None:
    conversation = await client.conversation(model="demo/echo")
    fast = {"extra": {"tokens_per_second": 0}}
    sent = await asyncio.gather(
        *[
            client.send(conversation, f"question {i}", on_busy="queue", params=fast)
            for i in range(24)
        ]
    )
    generations = await all_ended(client, sent)
    assert {generation["status"] for generation in generations} == {"complete"}
    turns = in_turns(await client.messages(conversation))
    assert sorted(question for question, _ in turns) == sorted(f"question {i}" for i in range(24))
    assert all(answer == f"You said: {question}" for question, answer in turns)
    ran = sorted(generations, key=lambda generation: str(generation["started_at"]))
    replies = [message["id"] for message in await client.messages(conversation)][1::2]
    assert [generation["message_id"] for generation in ran] == replies
    for one, other in pairwise(ran):
        assert one["ended_at"] <= other["started_at"]


async def test_a_queued_question_is_asked_with_the_answer_before_it(
    client: Client, upstream: Upstream
) -> None:
    conversation = await client.conversation(model=f"openai/{mock_model(tokens=50, rate=100)}")
    first = await client.send(conversation, "one")
    second = await client.send(conversation, "two", on_busy="queue")
    await all_ended(client, [first, second])
    assert [message["content"] for message in upstream.completions[1].body["messages"]] == [
        "one",
        answer_text(tokens=50),
        "two",
    ]


async def test_an_interrupt_stops_all_before_it_and_runs(
    client: Client, upstream: Upstream
) -> None:
    conversation = await client.conversation(model=ENDLESS)
    first = await client.send(conversation, "first")
    await upstream.tokens_sent(5)
    sent = await asyncio.gather(
        *[client.send(conversation, f"interrupt {i}", on_busy="interrupt") for i in range(8)]
    )
    [running] = (await client.show(conversation))["active_generations"]
    turns = await client.messages(conversation)
    assert running["message_id"] == turns[-1]["id"]
    assert sorted(q for q, _ in in_turns(turns)) == ["first", *(f"interrupt {i}" for i in range(8))]
    await client.stop(running["id"])
    ended = await all_ended(client, [first, *sent])
    assert {generation["status"] for generation in ended} == {"stopped"}
    assert (await client.generation(first.generation_id))["text"] == answer_text(tokens=5)


async def test_an_interrupt_also_stops_what_is_queued(client: Client, upstream: Upstream) -> None:
    conversation = await client.conversation(model=ENDLESS)
    first = await client.send(conversation, "first")
    queued = await client.send(conversation, "queued", on_busy="queue")
    last = await client.send(conversation, "last", on_busy="interrupt", model="demo/echo")
    assert (await client.read(last.generation_id)).text == "You said: last"
    assert [(await client.generation(one.generation_id))["status"] for one in (first, queued)] == [
        "stopped",
        "stopped",
    ]


async def test_a_queue_that_many_stop_and_fill_at_once_runs_dry(client: Client) -> None:
    conversation = await client.conversation(model="demo/echo")
    fast = {"extra": {"tokens_per_second": 500}}

    async def send_and_stop(number: int) -> Sent:
        sent = await client.send(conversation, f"{number}", on_busy="queue", params=fast)
        if number % 2:
            await client.stop(sent.generation_id)
        return sent

    sent = await asyncio.gather(*[send_and_stop(number) for number in range(30)])
    ended = await all_ended(client, sent)
    assert {generation["status"] for generation in ended[::2]} == {"complete"}
    assert {generation["status"] for generation in ended[1::2]} <= {"complete", "stopped"}
    assert (await client.show(conversation))["active_generations"] == []
