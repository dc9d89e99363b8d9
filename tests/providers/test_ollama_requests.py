"""What is sent to Ollama, and what is made of the list of its models."""

from typing import Any

import pytest

from llmchat.domain import Image, Params, Part, Role
from llmchat.errors import UpstreamMalformed, UpstreamRejected, UpstreamUnavailable
from llmchat.events import ToolCall
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.base import NoModels
from llmchat.providers.factory import ProviderFactory, Source
from tests.providers.asking import KEY, SAID, Heard, ask, listen, ollama_at, prompt
from tests.providers.wire import JSON, http, wire
from tests.upstream import Upstream, mock_model

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "clock", "parameters": SCHEMA}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


async def asked(
    upstream: Upstream, *messages: PromptMessage, model: str = "story", **params: Any
) -> dict[str, Any]:
    """The body of the request that this prompt becomes."""
    await hear(upstream, *messages, model=model, **params)
    return upstream.completions[-1].body


async def hear(
    upstream: Upstream, *messages: PromptMessage, model: str = "story", **params: Any
) -> Heard:
    provider = ollama_at(upstream.base_url)
    said = messages or (PromptMessage(Role.USER, SAID),)
    heard = await listen(provider, Prompt(model, said, Params(**params)))
    await provider.aclose()
    return heard


async def test_a_prompt_is_sent_with_its_parameters_and_nothing_can_replace_it(
    upstream: Upstream,
) -> None:
    body = await asked(
        upstream,
        PromptMessage(Role.SYSTEM, "be brief"),
        PromptMessage(Role.USER, "é😀\n"),
        temperature=0.5,
        top_p=0.9,
        max_tokens=3,
        stop=["END"],
        seed=7,
        skip_thinking=True,
        extra={
            "options": {"num_ctx": 8192, "seed": 8},
            "keep_alive": "5m",
            "truncate": False,
            "stream": False,
            "messages": [],
            "model": "other",
            "think": True,
        },
    )

    assert body == {
        "model": "story",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "é😀\n"},
        ],
        "stream": True,
        "think": False,
        "keep_alive": "5m",
        "truncate": False,
        "options": {
            "num_ctx": 8192,
            "temperature": 0.5,
            "top_p": 0.9,
            "num_predict": 3,
            "stop": ["END"],
            "seed": 7,
        },
    }


async def test_a_plain_prompt_leaves_everything_to_ollama(upstream: Upstream) -> None:
    assert await asked(upstream) == {
        "model": "story",
        "messages": [{"role": "user", "content": SAID}],
        "stream": True,
    }


async def test_what_the_operator_set_is_sent_unless_a_request_says_otherwise(
    upstream: Upstream,
) -> None:
    provider = ollama_at(upstream.base_url, keep_alive=-1, context_window=16384)
    await ask(provider)
    extra = {"keep_alive": 0, "options": {"num_ctx": 4096}}
    await listen(provider, prompt("story", Params(extra=extra)))
    await provider.aclose()
    first, second = (record.body for record in upstream.completions)

    assert (first["keep_alive"], first["options"]) == (-1, {"num_ctx": 16384})
    assert (second["keep_alive"], second["options"]) == (0, {"num_ctx": 4096})


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, "json"),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}, SCHEMA),
    ],
)
async def test_the_format_of_an_answer(
    upstream: Upstream, wanted: dict[str, Any], sent: Any
) -> None:
    assert (await asked(upstream, response_format=wanted)).get("format") == sent


@pytest.mark.parametrize(
    "params",
    [
        {"response_format": {"type": "xml"}},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": "x"}}},
        {"tools": [TOOL], "tool_choice": "required"},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "clock"}}},
        {"extra": {"options": 7}},
    ],
)
async def test_what_ollama_cannot_do_is_refused_before_it_is_asked(
    upstream: Upstream, params: dict[str, Any]
) -> None:
    heard = await hear(upstream, **params)

    assert isinstance(heard.error, UpstreamRejected)
    assert not upstream.completions


async def test_tools_are_sent_unless_they_are_not_to_be_called(upstream: Upstream) -> None:
    assert (await asked(upstream, tools=[TOOL], tool_choice="auto"))["tools"] == [TOOL]
    assert "tools" not in await asked(upstream, tools=[TOOL], tool_choice="none")


async def test_calls_and_what_came_of_them_are_told(upstream: Upstream) -> None:
    calls = [ToolCall(0, "call_1", "clock", '{"zone":"UTC"}'), ToolCall(1, "call_2", "dice", "{")]
    body = await asked(
        upstream,
        PromptMessage(Role.USER, "when?"),
        PromptMessage(Role.ASSISTANT, "", tool_calls=calls),
        PromptMessage(Role.TOOL, "noon", tool_call_id="call_1"),
        PromptMessage(Role.TOOL, "six", tool_call_id="unknown"),
    )

    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "call_1",
                    "function": {"index": 0, "name": "clock", "arguments": {"zone": "UTC"}},
                },
                {
                    "id": "call_2",
                    "function": {
                        "index": 1,
                        "name": "dice",
                        "arguments": {"INVALID_JSON": "{"},
                    },
                },
            ],
        },
        {"role": "tool", "content": "noon", "tool_call_id": "call_1", "tool_name": "clock"},
        {"role": "tool", "content": "six", "tool_call_id": "unknown"},
    ]


async def test_images_are_sent_as_bare_base64(upstream: Upstream) -> None:
    parts: list[Part] = ["look: ", Image(PIXEL), " nice?"]
    body = await asked(upstream, PromptMessage(Role.USER, "look:  nice?", parts=parts))

    assert body["messages"] == [
        {"role": "user", "content": "look:  nice?", "images": ["iVBORw0KGgo="]}
    ]


@pytest.mark.parametrize("url", ["https://x.example/a.png", "data:image/png,abc", "data:", ""])
async def test_an_image_elsewhere_is_refused(upstream: Upstream, url: str) -> None:
    heard = await hear(upstream, PromptMessage(Role.USER, "", parts=[Image(url)]))

    assert isinstance(heard.error, UpstreamRejected)
    assert "data URL" in heard.error.detail
    assert not upstream.completions


@pytest.mark.parametrize(
    "params", [Params(skip_thinking=True), Params(extra={"think": "high"})], ids=["off", "on"]
)
async def test_a_model_that_cannot_think_is_asked_again_without_a_word_of_it(
    upstream: Upstream, params: Params
) -> None:
    provider = ollama_at(upstream.base_url)
    model = mock_model(tokens=2, lacks="thinking")
    for _ in range(2):
        assert (await listen(provider, prompt(model, params))).text == "t0 t1 "
    await provider.aclose()

    asked = ["think" in record.body for record in upstream.completions]
    assert asked == [True, False, False], "the second time it is known"


async def test_a_model_that_cannot_call_tools_says_so(upstream: Upstream) -> None:
    heard = await hear(upstream, model=mock_model(lacks="tools"), tools=[TOOL])

    assert isinstance(heard.error, UpstreamRejected)
    assert "does not support tools: choose another, or ask without" in heard.error.detail
    assert len(upstream.completions) == 1


async def test_a_key_is_sent_where_one_is_set(upstream: Upstream) -> None:
    for key in (KEY, None):
        provider = ollama_at(upstream.base_url, api_key=key)
        await ask(provider, tokens=1)
        await provider.aclose()
    first, second = (record.headers for record in upstream.completions)

    assert first["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in second
    assert first["content-type"] == "application/json"


NO_LISTS = {
    "not JSON": http("<html>", content_type=JSON),
    "a list": http("[]", content_type=JSON),
    "OpenAI's": http('{"data": []}', content_type=JSON),
    "of texts": http('{"models": ["llama3"]}', content_type=JSON),
}


@pytest.mark.parametrize("answer", NO_LISTS)
async def test_what_is_no_list_of_models_is_a_wrong_base_url(answer: str) -> None:
    async with wire(NO_LISTS[answer]) as upstream:
        provider = ollama_at(upstream.base_url)
        with pytest.raises(UpstreamMalformed, match="Ollama's base URL is such as"):
            await provider.models()
        await provider.aclose()


@pytest.mark.parametrize("models", ["[]", "null"])
async def test_an_ollama_without_models_is_there_and_says_how_it_gets_one(models: str) -> None:
    async with wire(http(f'{{"models": {models}}}', content_type=JSON)) as upstream:
        provider = ollama_at(upstream.base_url)
        with pytest.raises(NoModels, match="but has no models: for example `ollama pull"):
            await provider.models()
        source = Source("ollama", provider, upstream.base_url, "looked for", optional=True)
        factory = ProviderFactory([source], default_model=None)
        [health] = await factory.health()
        assert (health.status, health.model) == ("degraded", None)
        assert health.detail is not None
        assert "`ollama pull llama3.2`" in health.detail
        assert await factory.available() == []
        await factory.aclose()


async def test_names_of_models_are_bounded() -> None:
    names = ", ".join(f'{{"name": "{name}"}}' for name in ("a", "b" * 257, ""))
    async with wire(http(f'{{"models": [{names}]}}', content_type=JSON)) as upstream:
        provider = ollama_at(upstream.base_url)
        assert [model.id for model in await provider.models()] == ["a"]
        await provider.aclose()


async def test_a_list_that_does_not_come_is_not_waited_for() -> None:
    async with wire(b"", then_close=False) as upstream:
        provider = ollama_at(upstream.base_url)
        with pytest.raises(UpstreamUnavailable, match="did not list its models in"):
            await provider.models()
        await provider.aclose()
