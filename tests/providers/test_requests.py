"""What is sent to a server, over which way, and what is never sent or said."""

from pathlib import Path
from typing import Any

import pytest

from llmchat.domain import Image, Params, Role
from llmchat.errors import UpstreamRejected, UpstreamUnauthorized
from llmchat.events import ToolCall
from llmchat.mock.ledger import json_object
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.transport import proxy_for
from tests.providers.asking import KEY, SAID, ask, listen, openai_at, prompt
from tests.providers.wire import DONE, JSON, data, delta, finish, http, wire
from tests.upstream import Upstream

HEADER_KEY = "hdr-77-also-secret"


async def test_a_prompt_is_sent_with_its_parameters_and_nothing_can_replace_it(
    upstream: Upstream, provider: OpenAIProvider
) -> None:
    params = Params(
        temperature=0.5,
        top_p=0.9,
        max_tokens=3,
        stop=["END"],
        seed=7,
        skip_thinking=True,
        extra={"min_p": 0.1, "stream": False, "messages": [], "model": "other", "seed": 8},
    )
    messages = [PromptMessage(Role.SYSTEM, "be brief"), PromptMessage(Role.USER, "é😀\n")]
    heard = await listen(provider, Prompt("story", messages, params))

    assert heard.finish_reason == "length"
    assert upstream.completions[0].body == {
        "model": "story",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "é😀\n"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 3,
        "stop": ["END"],
        "seed": 7,
        "min_p": 0.1,
    }


async def test_calls_results_and_images_are_sent_in_openais_shape(
    upstream: Upstream, provider: OpenAIProvider
) -> None:
    png, gif = "data:image/png;base64,iVBORw0KGgo=", "data:image/gif;base64,R0lGODlh"
    calls = [ToolCall(0, "call_a", "weather", '{"city": "Zürich"}'), ToolCall(1, "b", "clock", "")]
    messages = [
        PromptMessage(Role.USER, "This?", [Image(png), "This?", Image(gif, "low")]),
        PromptMessage(Role.ASSISTANT, "Let me see.", tool_calls=calls[:1]),
        PromptMessage(Role.TOOL, "21 °C", tool_call_id="call_a"),
        PromptMessage(Role.ASSISTANT, "", tool_calls=calls[1:]),
        PromptMessage(Role.TOOL, "", tool_call_id="b"),
    ]
    heard = await listen(provider, Prompt("echo", messages))

    assert heard.error is None
    assert upstream.completions[0].body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": png}},
                {"type": "text", "text": "This?"},
                {"type": "image_url", "image_url": {"url": gif, "detail": "low"}},
            ],
        },
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "call_a",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Zürich"}'},
                }
            ],
        },
        {"role": "tool", "content": "21 °C", "tool_call_id": "call_a"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "b", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "content": "", "tool_call_id": "b"},
    ]


async def test_what_is_said_of_tools_and_formats_is_sent_as_it_is(
    upstream: Upstream, provider: OpenAIProvider
) -> None:
    said: dict[str, Any] = {
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {}}}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "response_format": {"type": "json_object"},
    }
    heard = await listen(provider, prompt("story", Params(**said)))

    assert heard.error is None
    body = upstream.completions[0].body
    assert {name: body[name] for name in said} == said


async def test_openai_itself_is_told_the_limit_by_the_name_that_all_its_models_know() -> None:
    asked = await asked_by_way_of_a_proxy("http://api.openai.com/v1")

    assert asked["max_completion_tokens"] == 3
    assert "max_tokens" not in asked


@pytest.mark.parametrize(
    "extra",
    [{"x": float("nan")}, {"x": "\ud800"}, {"x": {1, 2}}],
    ids=["not a number", "half a surrogate", "a set"],
)
async def test_what_no_json_can_carry_is_refused_before_it_is_sent(
    extra: dict[str, Any], upstream: Upstream, provider: OpenAIProvider
) -> None:
    heard = await listen(provider, prompt("story", Params(extra=extra)))

    assert isinstance(heard.error, UpstreamRejected)
    assert not upstream.completions


async def test_a_server_with_a_key_gets_it_and_the_headers_of_the_operator(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-another-provider")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-another-provider")
    provider = OpenAIProvider(
        "mine", base_url=upstream.base_url, api_key=KEY, headers={"X-Team": "blue"}
    )
    await ask(provider, tokens=1)
    await provider.aclose()
    headers = upstream.completions[0].headers

    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["x-team"] == "blue"
    assert "another-provider" not in str(headers)


async def test_the_operators_own_authorization_wins(upstream: Upstream) -> None:
    provider = OpenAIProvider(
        "mine", base_url=upstream.base_url, api_key=None, headers={"Authorization": "Basic abcd"}
    )
    await ask(provider, tokens=1)
    await provider.aclose()

    assert upstream.completions[0].headers["authorization"] == "Basic abcd"


async def test_a_server_that_wants_a_key_where_none_is_set_says_so(upstream: Upstream) -> None:
    provider = openai_at(upstream.base_url, api_key=None)
    heard = await ask(provider, fail="http-401")
    await provider.aclose()

    assert isinstance(heard.error, UpstreamUnauthorized)
    assert "wants an API key" in heard.error.detail


QUOTE = f"your key {KEY} or {HEADER_KEY} is no good"
QUOTING = {
    "401": http(f'{{"error": {{"message": "{QUOTE}"}}}}', status="401 No", content_type=JSON),
    "403": http(f'{{"error": {{"message": "{QUOTE}"}}}}', status="403 No", content_type=JSON),
    "429": http(f'{{"error": "{QUOTE}"}}', status="429 Slow", content_type=JSON),
    "500 as text": http(QUOTE, status="500 Oops", content_type="text/plain"),
    "a redirect": http("", status="307 There", location=f"http://x.example/?key={KEY}"),
    "a 200": http(f'{{"error": {{"message": "{QUOTE}"}}}}', content_type=JSON),
    "an error frame": http("event: error\n" + data({"message": QUOTE})),
    "in mid-answer": http(delta(content="a") + data({"error": {"message": QUOTE}})),
    "no JSON": http(f"data: {QUOTE}\n\n"),
}


# Whatever is cut off what is shown, one of these cuts is in the middle of a key.
QUOTING |= {
    f"over and over, from {place} on": http("x" * place + f"{KEY}|" * 99, status="400 No")
    for place in range(0, len(KEY), 4)
}


@pytest.mark.parametrize("where", QUOTING)
async def test_no_error_shows_a_key_that_a_server_quotes(where: str) -> None:
    async with wire(QUOTING[where]) as upstream:
        headers = {"X-Key": f"Token {HEADER_KEY}"}
        provider = OpenAIProvider("mine", base_url=upstream.base_url, api_key=KEY, headers=headers)
        heard = await listen(provider, prompt())
        await provider.aclose()

    assert heard.error is not None
    shown = heard.error.detail + str(heard.error) + repr(heard.error.__cause__)
    for secret in (KEY, HEADER_KEY):
        assert secret not in shown
        assert secret[:8] not in shown


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 There", "308 For ever"])
async def test_the_key_follows_no_redirect(status: str, upstream: Upstream) -> None:
    location = f"{upstream.base_url}/chat/completions"
    async with wire(http("", status=status, location=location)) as redirecting:
        provider = openai_at(redirecting.base_url)
        heard = await listen(provider, prompt())
        await provider.aclose()

    assert isinstance(heard.error, UpstreamRejected)
    assert location in heard.error.detail
    assert not upstream.completions


async def test_a_server_on_this_machine_is_reached_without_the_proxy_of_the_environment(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    provider = openai_at(upstream.base_url.replace("127.0.0.1", "localhost"))
    heard = await ask(provider, tokens=2)
    await provider.aclose()

    assert heard.text == "t0 t1 "


async def test_a_server_elsewhere_is_reached_over_the_proxy_of_the_environment() -> None:
    asked = await asked_by_way_of_a_proxy("http://models.example/v1")

    assert asked["max_tokens"] == 3


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://models.example/v1", "http://proxy.example:3128"),
        ("https://models.example/v1", "http://secure.example:3128"),
        ("http://inside.example/v1", None),
        ("http://127.0.0.1:8080/v1", None),
        ("http://127.8.8.8/v1", None),
        ("http://localhost:11434/v1", None),
        ("http://[::1]:8080/v1", None),
    ],
)
def test_the_environments_proxies_are_for_other_machines(
    url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("https_proxy", "http://secure.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")

    assert proxy_for(url) == proxy


async def test_a_netrc_file_changes_nothing(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    provider = openai_at(upstream.base_url)
    heard = await ask(provider, tokens=1)
    await provider.aclose()

    assert heard.error is None
    assert upstream.completions[0].headers["authorization"] == f"Bearer {KEY}"


async def asked_by_way_of_a_proxy(base_url: str) -> dict[str, Any]:
    """What the proxy was asked to send on to that server, with a limit of three tokens."""
    with pytest.MonkeyPatch.context() as environment:
        async with wire(http(delta(content="x") + finish() + DONE)) as proxy:
            environment.delenv("no_proxy", raising=False)
            environment.setenv("http_proxy", proxy.base_url.removesuffix("/v1"))
            provider = openai_at(base_url)
            heard = await listen(provider, prompt("m", Params(max_tokens=3)))
            await provider.aclose()
        assert heard.text == "x"
    request = proxy.requests[0]
    assert request.path == f"{base_url}/chat/completions"
    assert SAID.encode() in request.body
    return json_object(request.body)
