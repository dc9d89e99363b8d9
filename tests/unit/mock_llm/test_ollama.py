"""The mock as an Ollama: lines of JSON, and what they cannot be made to do."""

import json
from typing import Any

import pytest

from llmchat.mock.faults import INSTEAD, KINDS, MIDWAY
from llmchat.mock.manual import manual
from llmchat.mock.ollama_wire import LACKS
from tests.raw_http import RawClient, RawReply, get, post
from tests.upstream import ENDLESS, Upstream, answer_text, mock_model

HELLO = [{"role": "user", "content": "hello there"}]


async def chat(upstream: Upstream, model: str, **more: Any) -> RawReply:
    return await post(upstream.base_url, "/api/chat", {"model": model, "messages": HELLO, **more})


def text_of(reply: RawReply) -> str:
    return "".join(line.get("message", {}).get("content", "") for line in reply.lines)


async def test_a_stream_is_spelt_as_ollama_spells_it(upstream: Upstream) -> None:
    model = mock_model(tokens=2, reasoning=1)
    reply = await chat(upstream, model)

    assert (reply.status, reply.headers["content-type"]) == (200, "application/x-ndjson")
    assert reply.body.endswith(b"}\n")
    thought, first, second, last = reply.lines
    assert thought.pop("created_at").endswith("+00:00")
    message = {"role": "assistant", "content": "", "thinking": "r0 "}
    assert thought == {"model": model, "message": message, "done": False}
    assert first["message"] == {"role": "assistant", "content": "t0 "}
    assert second["done"] is False
    assert last["done"] is True
    assert (last["done_reason"], last["prompt_eval_count"], last["eval_count"]) == ("stop", 2, 3)
    assert upstream.completions[0].tokens_sent == 3


async def test_what_is_not_streamed_is_one_object(upstream: Upstream) -> None:
    reply = await chat(upstream, mock_model(tokens=2, reasoning=2), stream=False)
    whole = json.loads(reply.body)

    assert reply.headers["content-type"] == "application/json"
    assert whole["message"] == {"role": "assistant", "content": "t0 t1 ", "thinking": "r0 r1 "}
    assert (whole["done"], whole["done_reason"], whole["eval_count"]) == (True, "stop", 4)


@pytest.mark.parametrize("stream", [True, False])
async def test_calls_are_told_whole(upstream: Upstream, stream: bool) -> None:
    reply = await chat(upstream, mock_model(fail="tool-calls"), stream=stream)
    calls = [call for line in reply.lines for call in line["message"].get("tool_calls", [])]

    assert [call["function"] for call in calls] == [
        {"name": "weather", "index": 0, "arguments": {"city": "Zürich", "days": 3}},
        {"name": "clock", "index": 1, "arguments": {"zone": "Europe/Zurich"}},
    ]
    assert reply.lines[-1]["done_reason"] == "stop"


async def test_a_limit_and_a_beginning_are_heeded(upstream: Upstream) -> None:
    limited = await chat(upstream, mock_model(tokens=9), options={"num_predict": 2})
    assert (text_of(limited), limited.lines[-1]["done_reason"]) == ("t0 t1 ", "length")
    assert text_of(await chat(upstream, mock_model(tokens=2), options={"num_predict": -1})) != ""

    begun = [*HELLO, {"role": "assistant", "content": "t0 t1 "}]
    assert text_of(await chat(upstream, mock_model(tokens=3), messages=begun)) == "t2 "
    assert text_of(await chat(upstream, "echo")) == "hello there"


@pytest.mark.parametrize("kind", sorted(LACKS))
async def test_a_kind_that_it_has_not_is_refused_and_named(upstream: Upstream, kind: str) -> None:
    reply = await chat(upstream, mock_model(fail=kind))

    assert reply.status == 400
    assert json.loads(reply.body) == {"error": f"fail: there is no '{kind}' in Ollama's dialect"}
    assert kind in KINDS
    assert kind in manual().rpartition("There is no")[2]


ERRORS = {
    400: "told to refuse",
    401: "unauthorized",
    404: "model 'story' not found",
    429: "too many",
    500: "running the model",
    503: "server busy",
}


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_is_a_sentence(upstream: Upstream, status: int, stream: bool) -> None:
    reply = await chat(upstream, mock_model(fail=f"http-{status}"), stream=stream)

    assert reply.status == status
    assert ERRORS[status] in json.loads(reply.body)["error"]
    assert ("retry-after" in reply.headers) is (status == 429)


ENDS = {
    "truncate": b'"done":false}\n',
    "cut": b'"created_at":"20',
    "reset": b'"created_at":"20',
    "error-object": b'running the model"}\n',
    "error-then-done": b'"done_reason":"stop"}\n',
    "bad-json-end": b"\n\n",
}


@pytest.mark.parametrize("kind", ENDS)
async def test_a_stream_fails_after_so_many_tokens(upstream: Upstream, kind: str) -> None:
    reply = await chat(upstream, mock_model(tokens=9, fail=kind, after=3))

    assert text_of(reply) == answer_text(tokens=3)
    assert ENDS[kind] in reply.body[-60:]
    assert reply.complete is (kind not in ("cut", "reset"))
    assert upstream.completions[0].tokens_sent == 3


def test_every_kind_that_ends_is_tested_here() -> None:
    assert MIDWAY.keys() - ENDLESS - LACKS == {*ENDS, "bad-json", "giant-line"}
    assert not LACKS & INSTEAD.keys()


async def test_the_answer_goes_on_behind_one_bad_or_giant_line(upstream: Upstream) -> None:
    bad = await chat(upstream, mock_model(tokens=5, fail="bad-json", after=2))
    giant = await chat(upstream, mock_model(tokens=2, fail="giant-line", after=1, size=100_001))

    assert text_of(bad) == answer_text(tokens=5)
    assert len([line for line in bad.body.split(b"\n") if line]) == len(bad.lines) + 1
    assert text_of(giant) == "t0 " + "x" * 100_001 + "t1 "


@pytest.mark.parametrize(
    ("ability", "asked"),
    [("thinking", {"think": False}), ("thinking", {"think": True}), ("tools", {"tools": [{}]})],
)
async def test_a_model_may_lack_an_ability(
    upstream: Upstream, ability: str, asked: dict[str, Any]
) -> None:
    model = mock_model(tokens=1, lacks=ability)
    refused = await chat(upstream, model, **asked)

    assert refused.status == 400
    assert json.loads(refused.body)["error"] == f"'{model}' does not support {ability}"
    assert (await chat(upstream, model)).status == 200


async def test_a_request_that_cannot_be_served_is_refused_in_its_dialect(
    upstream: Upstream,
) -> None:
    unknown = await chat(upstream, "llama3")
    unusable = await chat(upstream, "story?tokens=many")
    empty = await post(upstream.base_url, "/api/chat", {})

    assert (unknown.status, unusable.status, empty.status) == (404, 400, 400)
    assert "model 'llama3' not found" in json.loads(unknown.body)["error"]
    assert "tokens: " in json.loads(unusable.body)["error"]
    assert "model: Field required" in json.loads(empty.body)["error"]


async def test_the_models_are_listed(upstream: Upstream) -> None:
    reply = await get(upstream.base_url, "/api/tags")

    names = [(model["name"], model["model"]) for model in json.loads(reply.body)["models"]]
    assert names == [("story", "story"), ("echo", "echo")]


@pytest.mark.parametrize("kind", sorted(ENDLESS - LACKS))
async def test_a_client_that_leaves_is_noticed(upstream: Upstream, kind: str) -> None:
    sent = 2 if kind in MIDWAY else 0
    async with await RawClient.connect(upstream.base_url) as client:
        body = {"model": mock_model(fail=kind, after=2), "messages": HELLO}
        client.send("POST /api/chat HTTP/1.1", json.dumps(body).encode())
        await upstream.tokens_sent(sent)

    assert (await upstream.client_gone()).tokens_sent == sent
