"""What is sent to Anthropic, and what is made of the list of its models."""

import json
from typing import Any

import pytest

from llmchat.domain import Image, Params, Part, Role
from llmchat.errors import UpstreamRejected, UpstreamUnavailable
from llmchat.events import ToolCall
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.anthropic import AnthropicProvider
from tests.providers.asking import KEY, SAID, Heard, anthropic_at, ask, listen
from tests.providers.wire import http, wire
from tests.upstream import Upstream

MAX_TOKENS = 4096
SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
FUNCTION = {"name": "clock", "description": "tells the time", "parameters": SCHEMA}
TOOL = {"type": "function", "function": FUNCTION}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


async def asked(upstream: Upstream, *messages: PromptMessage, **params: Any) -> dict[str, Any]:
    """The body of the request that this prompt becomes."""
    heard = await hear(upstream, *messages, **params)
    assert heard.error is None
    return upstream.completions[-1].body


async def hear(upstream: Upstream, *messages: PromptMessage, **params: Any) -> Heard:
    provider = AnthropicProvider(
        "mine", base_url=upstream.base_url, api_key=KEY, headers={}, max_tokens=MAX_TOKENS
    )
    said = messages or (PromptMessage(Role.USER, SAID),)
    heard = await listen(provider, Prompt("story", said, Params(**params)))
    await provider.aclose()
    return heard


async def test_a_prompt_is_sent_with_its_parameters_and_nothing_can_replace_it(
    upstream: Upstream,
) -> None:
    body = await asked(
        upstream,
        PromptMessage(Role.SYSTEM, "be brief"),
        PromptMessage(Role.USER, "é😀\n"),
        temperature=1.5,
        top_p=0.9,
        max_tokens=3,
        stop=["END", "\n"],
        seed=7,
        extra={
            "top_k": 5,
            "stream": False,
            "messages": [],
            "model": "other",
            "max_tokens": 9,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
        },
    )

    assert body == {
        "model": "story",
        "system": "be brief",
        "messages": [{"role": "user", "content": [text("é😀\n")]}],
        "stream": True,
        "temperature": 1.0,
        "top_p": 0.9,
        "max_tokens": 3,
        "stop_sequences": ["END"],
        "top_k": 5,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }


async def test_a_plain_prompt_has_only_the_limit_that_it_must_have(upstream: Upstream) -> None:
    assert await asked(upstream) == {
        "model": "story",
        "messages": [{"role": "user", "content": [text(SAID)]}],
        "max_tokens": MAX_TOKENS,
        "stream": True,
    }
    assert (await asked(upstream, extra={"max_tokens": 9}))["max_tokens"] == 9


async def test_thinking_that_is_to_be_skipped_is_not_asked_for(upstream: Upstream) -> None:
    extra = {"thinking": {"type": "adaptive"}}
    assert "thinking" in await asked(upstream, extra=extra)
    assert "thinking" not in await asked(upstream, extra=extra, skip_thinking=True)


async def test_what_one_role_says_in_a_row_is_one_message(upstream: Upstream) -> None:
    body = await asked(
        upstream,
        PromptMessage(Role.SYSTEM, "one"),
        PromptMessage(Role.USER, "a"),
        PromptMessage(Role.USER, "b"),
        PromptMessage(Role.SYSTEM, "two"),
        PromptMessage(Role.ASSISTANT, " \n"),
        PromptMessage(Role.USER, "c"),
        PromptMessage(Role.ASSISTANT, "d "),
        PromptMessage(Role.USER, "e"),
    )

    assert body["system"] == "one\n\ntwo"
    assert body["messages"] == [
        {"role": "user", "content": [text("a"), text("b"), text("c")]},
        {"role": "assistant", "content": [text("d ")]},
        {"role": "user", "content": [text("e")]},
    ]


async def test_calls_and_what_came_of_them_are_told(upstream: Upstream) -> None:
    calls = [ToolCall(0, "call_1", "clock", '{"zone":"UTC"}'), ToolCall(1, "call_2", "dice", "[")]
    body = await asked(
        upstream,
        PromptMessage(Role.USER, "when?"),
        PromptMessage(Role.ASSISTANT, "let me see", tool_calls=calls),
        PromptMessage(Role.TOOL, "noon", tool_call_id="call_1"),
        PromptMessage(Role.TOOL, "six", tool_call_id="call_2"),
        PromptMessage(Role.USER, "and?"),
        tools=[TOOL],
    )

    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                text("let me see"),
                {"type": "tool_use", "id": "call_1", "name": "clock", "input": {"zone": "UTC"}},
                {
                    "type": "tool_use",
                    "id": "call_2",
                    "name": "dice",
                    "input": {"INVALID_JSON": "["},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "noon"},
                {"type": "tool_result", "tool_use_id": "call_2", "content": "six"},
                text("and?"),
            ],
        },
    ]


async def test_images_are_sent_between_the_texts(upstream: Upstream) -> None:
    parts: list[Part] = ["look: ", Image(PIXEL), " ", Image("data:image/jpeg;base64,AAAA")]
    body = await asked(upstream, PromptMessage(Role.USER, "look:  ", parts=parts))

    def image(media_type: str, data: str) -> dict[str, Any]:
        source = {"type": "base64", "media_type": media_type, "data": data}
        return {"type": "image", "source": source}

    assert body["messages"][0]["content"] == [
        text("look: "),
        image("image/png", "iVBORw0KGgo="),
        image("image/jpeg", "AAAA"),
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "clock"}}, {"type": "tool", "name": "clock"}),
        ({"type": "any", "disable_parallel_tool_use": True},
         {"type": "any", "disable_parallel_tool_use": True}),
    ],
)  # fmt: skip
async def test_tools_are_translated(upstream: Upstream, choice: Any, sent: Any) -> None:
    search = {"type": "web_search_20250305", "name": "web_search"}
    bare = {"type": "function", "function": {"name": "dice", "strict": True}}
    body = await asked(upstream, tools=[TOOL, bare, search], tool_choice=choice)

    assert body["tools"] == [
        {"name": "clock", "description": "tells the time", "input_schema": SCHEMA},
        {"name": "dice", "input_schema": {"type": "object", "properties": {}}, "strict": True},
        search,
    ]
    assert body.get("tool_choice") == sent


async def test_a_schema_for_the_answer_is_sent_beside_other_wishes(upstream: Upstream) -> None:
    body = await asked(
        upstream,
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
        extra={"output_config": {"effort": "low"}},
    )
    assert body["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": SCHEMA},
    }
    assert "output_config" not in await asked(upstream, response_format={"type": "text"})


@pytest.mark.parametrize(
    "params",
    [
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema"}},
        {"tools": [TOOL], "tool_choice": "sometimes"},
        {"tools": [TOOL], "tool_choice": {"type": "custom"}},
    ],
)
async def test_what_this_api_cannot_do_is_refused_before_it_is_asked(
    upstream: Upstream, params: dict[str, Any]
) -> None:
    heard = await hear(upstream, **params)

    assert isinstance(heard.error, UpstreamRejected)
    assert not upstream.completions


async def test_an_answer_that_is_begun_loses_the_whitespace_that_is_refused(
    upstream: Upstream,
) -> None:
    begun = PromptMessage(Role.ASSISTANT, "t0 t1 ")
    body = await asked(upstream, PromptMessage(Role.USER, SAID), begun)

    assert body["messages"][1] == {"role": "assistant", "content": [text("t0 t1")]}


async def test_the_key_and_the_version_are_headers(upstream: Upstream) -> None:
    provider = anthropic_at(upstream.base_url)
    await ask(provider, tokens=1)
    await provider.models()
    await provider.aclose()

    for record in upstream.ledger.records:
        assert record.headers["x-api-key"] == KEY
        assert record.headers["anthropic-version"] == "2023-06-01"
        assert "authorization" not in record.headers


async def test_the_operators_headers_win(upstream: Upstream) -> None:
    provider = AnthropicProvider(
        "mine",
        base_url=upstream.base_url,
        api_key=None,
        headers={"Anthropic-Version": "2030-01-01", "Authorization": "Bearer abcd"},
        max_tokens=9,
    )
    await ask(provider, tokens=1)
    await provider.aclose()
    headers = upstream.completions[0].headers

    assert headers["anthropic-version"] == "2030-01-01"
    assert headers["authorization"] == "Bearer abcd"
    assert "x-api-key" not in headers


async def test_a_server_that_is_overloaded_may_be_asked_again() -> None:
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    answer = http(json.dumps(body), status="529 Overloaded", retry_after="7")
    async with wire(answer) as upstream:
        heard = await hear_at(upstream.base_url)

    assert isinstance(heard.error, UpstreamUnavailable)
    assert heard.error.retry_after_seconds == 7
    assert "It said: Overloaded" in heard.error.detail


async def hear_at(base_url: str) -> Heard:
    provider = anthropic_at(base_url)
    heard = await ask(provider)
    await provider.aclose()
    return heard
