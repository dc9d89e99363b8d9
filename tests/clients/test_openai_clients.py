"""Clients of OpenAI's chat completions, unmodified, as their users run them."""

import pytest

from tests.clients.dialects import REQUESTS_PER_MINUTE, Dialects
from tests.clients.environments import PINS, python_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("environment", ["openai-1", "openai-2", "newest"])
async def test_openai_python(served: Dialects, environment: str) -> None:
    before = len(served.upstream.completions)
    locked = f"{served.locked.base_url}/v1"
    key = await served.key_for(environment)
    told = await served.run(environment, "with_openai", locked, key)

    assert f"openai=={told['version']}" == PINS[environment][0]
    assert told["chat"] == ["You said: hello", "stop", 3]
    assert told["stream"] == ["t0 t1 t2 t3 t4 ", "r0 r1 ", 7]
    assert told["tools"] == ["tool_calls", ["weather", "clock"], "clock is fine"]
    arguments = [{"city": "Zürich", "days": 3}, {"zone": "Europe/Zurich"}]
    assert told["streamed_tools"] == [["weather", arguments[0]], ["clock", arguments[1]]]
    assert told["image"] == "You said: look (1 image)"
    assert told["models"] == [True, "demo/echo"]
    assert told["headers"] == [str(REQUESTS_PER_MINUTE), True]
    assert told["unknown_model"] == ["NotFoundError", 404, "model_not_found", "model"]
    assert told["two_answers"] == ["BadRequestError", 400, None, "n"]
    assert told["nothing_said"] == ["BadRequestError", 400, None, "messages"]
    assert told["failed_upstream"][:2] == ["InternalServerError", 503]
    assert told["failed_in_mid_stream"] == ["t0 t1 t2 ", "APIError", "upstream_truncated"]
    assert told["bad_key"] == [401, "invalid_api_key"]
    assert told["rate_limit"] == ["rate_limit_exceeded", True]
    assert told["logprobs"] == ["t0 ", "t1 ", "t2 "]
    assert told["text"] == ["t0 t1 t2 ", "t0 t1 t2 ", 3]
    assert told["cancel"] == "closed"
    asked = served.upstream.completions[before]
    assert asked.body["stream"] is True
    cancelled = len(served.upstream.completions) - 1
    assert (await served.upstream.client_gone(cancelled)).tokens_sent < 1000


async def test_langchain(served: Dialects) -> None:
    told = await served.run("newest", "with_langchain")

    assert told == {
        "answer": "hello",
        "stream": "You said: hello",
        "usage": 3,
        "calls": ["weather", "clock"],
        "told": "fine",
    }


async def test_the_llm_command_without_a_stream(served: Dialects) -> None:
    (served.folder / "extra-openai-models.yaml").write_text(
        f"- model_id: fox\n  model_name: demo/echo\n  api_base: {served.open.base_url}/v1\n"
    )
    llm = str(python_of("newest").with_name("llm"))

    assert await served.output(llm, "-m", "fox", "--no-stream", "hello") == "You said: hello\n"


async def test_openai_agents(served: Dialects) -> None:
    told = await served.run("newest", "with_agents")

    assert told == {"answer": "You said: hello", "stream": "t0 t1 t2 t3 "}


async def test_openai_agents_over_responses(served: Dialects) -> None:
    told = await served.run("newest", "with_agents_responses")

    answers = ["You said: hello", "You said: again"]
    assert told == {"answers": answers, "stream": "t0 t1 t2 t3 ", "ids": True}


async def test_pydantic_ai(served: Dialects) -> None:
    told = await served.run("newest", "with_pydantic_ai")

    assert told == {"answer": "You said: hello", "stream": "t0 t1 t2 t3 ", "usage": 6}
