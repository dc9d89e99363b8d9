"""openai-python as it is, with our responses: what it starts, it finds again, whatever dies."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from pydantic import BaseModel

from tests.service import Service
from tests.upstream import Upstream, answer_text, mock_model, mock_upstream

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.embedded]

TOKENS = 250
PACED = {"tokens": TOKENS, "tokens_per_second": 100}
STORY = answer_text(tokens=TOKENS)
QUICK = {"tokens_per_second": 0}
TOOL: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def upstream() -> AsyncIterator[Upstream]:
    async with mock_upstream() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def service(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> AsyncIterator[Service]:
    folder: Path = tmp_path_factory.mktemp("responses")
    config = folder / "llmchat.toml"
    config.write_text(f'[providers.up]\nurl = "{upstream.base_url}"\n')
    settings = {"LLMCHAT_CONFIG": str(config), "LLMCHAT_ON_CRASH": "continue"}
    async with Service(folder, **settings).running() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def client(service: Service) -> AsyncIterator[openai.AsyncOpenAI]:
    base_url = f"{service.base_url}/v1"
    async with openai.AsyncOpenAI(base_url=base_url, api_key="-", max_retries=0) as client:
        yield client


def said(events: Sequence[Any]) -> str:
    return "".join(e.delta for e in events if e.type == "response.output_text.delta")


@pytest.mark.parametrize("dies", [False, True], ids=["it lives", "kill -9"])
async def test_a_stream_that_was_dropped_is_read_on_exactly(
    client: openai.AsyncOpenAI, service: Service, dies: bool
) -> None:
    stream = await client.responses.create(
        model="demo/story", input="a story", background=True, stream=True, extra_body=PACED
    )
    seen: list[Any] = []
    async for event in stream:
        seen.append(event)
        if len(said(seen).split()) > 20:
            break
    await stream.close()
    assert [event.type for event in seen[:2]] == ["response.created", "response.in_progress"]
    if dies:
        await service.kill()
        await service.start()
    id, number = seen[0].response.id, seen[-1].sequence_number
    rest = await client.responses.retrieve(id, stream=True, starting_after=number)
    read = seen + [event async for event in rest]
    assert said(read) == STORY
    numbers = [event.sequence_number for event in read]
    assert numbers == sorted(set(numbers))
    assert read[-1].type == "response.completed"
    replay: list[Any] = [event async for event in await client.responses.retrieve(id, stream=True)]
    assert said(replay) == STORY
    assert [e.type for e in replay if "delta" not in e.type] == [
        e.type for e in read if "delta" not in e.type
    ]
    found = await client.responses.retrieve(id)
    assert (found.status, found.output_text) == ("completed", STORY)
    assert found == read[-1].response
    assert [item.id for item in found.output] == [
        e.item.id for e in read if e.type == "response.output_item.done"
    ]


async def test_its_helper_finds_a_stream_again(client: openai.AsyncOpenAI) -> None:
    asked: Any = {"model": "demo/story", "input": "a story", "extra_body": {"tokens": 30, **QUICK}}
    async with client.responses.stream(background=True, **asked) as stream:
        events: list[Any] = [event async for event in stream]
        final = await stream.get_final_response()
    first = events[0]
    assert final.output_text == answer_text(tokens=30)
    async with client.responses.stream(
        response_id=first.response.id, starting_after=first.sequence_number
    ) as again:
        events = [event async for event in again]
        assert (await again.get_final_response()).output_text == final.output_text
    assert events[0].sequence_number > first.sequence_number


class Weather(BaseModel):
    place: str
    degrees: int


async def test_it_parses_what_has_a_shape(client: openai.AsyncOpenAI) -> None:
    """The echo of a JSON question is no whole JSON; what matters is what was asked."""
    model = "demo/echo"
    with pytest.raises(ValueError, match="Weather"):
        await client.responses.parse(model=model, input="{}", text_format=Weather, extra_body=QUICK)
    newest = (await client.conversations.create()).id
    answer = await client.responses.create(
        model=model,
        input="{}",
        conversation=newest,
        text={"format": {"type": "json_object"}},
        extra_body=QUICK,
    )
    assert answer.text is not None
    assert answer.text.to_dict() == {"format": {"type": "json_object"}}


async def test_a_loop_with_tools(client: openai.AsyncOpenAI, upstream: Upstream) -> None:
    model = f"up/{mock_model(fail='tool-calls')}"
    stream = await client.responses.create(model=model, input="hi", tools=[TOOL], stream=True)
    events: list[Any] = [event async for event in stream]
    response = events[-1].response
    calls = [item for item in response.output if item.type == "function_call"]
    assert calls
    done = [e.item for e in events if e.type == "response.output_item.done"]
    assert [item.id for item in response.output] == [item.id for item in done]
    for call in calls:
        json.loads(call.arguments)
    results: Any = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "21 °C"}
        for call in calls
    ]
    told = await client.responses.create(
        model=f"up/{mock_model(tokens=5)}",
        input=results,
        instructions="Be brief.",
        previous_response_id=response.id,
        tools=[TOOL],
        tool_choice={"type": "function", "name": "weather"},
        reasoning={"effort": "low"},
        max_output_tokens=100,
    )
    assert told.output_text == answer_text(tokens=5)
    body = upstream.completions[-1].body
    assert [message["role"] for message in body["messages"]] == [
        *("system", "user", "assistant", *["tool"] * len(calls))
    ]
    assert body["tools"][0]["function"]["name"] == "weather"
    assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert (body["reasoning_effort"], body["max_tokens"]) == ("low", 100)
    # Instructions are for one response only.
    again = await client.responses.create(
        model=f"up/{mock_model(tokens=5)}", input="go on", previous_response_id=told.id
    )
    assert again.instructions is None
    roles = [message["role"] for message in upstream.completions[-1].body["messages"]]
    assert roles == ["user", "assistant", *["tool"] * len(calls), "assistant", "user"]
    given = (await client.responses.input_items.list(told.id, order="asc")).data
    assert [item.type for item in given] == ["function_call_output"] * len(calls)


async def test_what_it_thought_is_an_item_of_its_own(client: openai.AsyncOpenAI) -> None:
    model = f"up/{mock_model(tokens=6, reasoning=4)}"
    stream = await client.responses.create(model=model, input="hi", stream=True)
    events: list[Any] = [event async for event in stream]
    response = events[-1].response
    assert [item.type for item in response.output] == ["reasoning", "message"]
    thought = "".join(e.delta for e in events if e.type == "response.reasoning_text.delta")
    assert response.output[0].content[0].text == thought


async def test_answers_that_are_cut_or_fail(client: openai.AsyncOpenAI) -> None:
    broken = f"up/{mock_model(tokens=9, fail='cut', after=3)}"
    for model, status in (("demo/story", "incomplete"), (broken, "failed")):
        stream = await client.responses.create(
            model=model, input="hi", stream=True, max_output_tokens=5, extra_body=QUICK
        )
        events: list[Any] = [event async for event in stream]
        assert events[-1].type == f"response.{status}"
        found = await client.responses.retrieve(events[0].response.id)
        assert found == events[-1].response
        assert found.output_text


async def test_conversations(client: openai.AsyncOpenAI) -> None:
    made = await client.conversations.create(
        items=[{"type": "message", "role": "user", "content": "My name is Ada."}],
        metadata={"topic": "names"},
    )
    answer = await client.responses.create(
        model="demo/echo", input="Who am I?", conversation=made.id, extra_body=QUICK
    )
    assert answer.conversation is not None
    assert answer.conversation.id == made.id
    texts = [
        item.content[0].text  # type: ignore[union-attr]
        async for item in client.conversations.items.list(made.id, order="asc", limit=1)
        if item.type == "message"
    ]
    assert texts == ["My name is Ada.", "Who am I?", "You said: Who am I?"]
    changed = await client.conversations.update(made.id, metadata={"topic": "people"})
    assert changed.metadata == {"topic": "people"}
    await client.conversations.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        await client.conversations.retrieve(made.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(answer.id)


async def test_cancel_and_delete(client: openai.AsyncOpenAI) -> None:
    endless = {"tokens": 100_000, "tokens_per_second": 100}
    begun = await client.responses.create(
        model="demo/story", input="a story", background=True, extra_body=endless
    )
    for _ in "twice":
        assert (await client.responses.cancel(begun.id)).status == "cancelled"
    await client.responses.delete(begun.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(begun.id)
