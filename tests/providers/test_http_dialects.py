"""What holds for every kind of provider over HTTP: its bounds, its secrets, its signs of life."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from llmchat.domain import Params
from llmchat.errors import UpstreamRejected, UpstreamTooLarge, UpstreamUnavailable
from llmchat.providers.anthropic import AnthropicProvider
from llmchat.providers.ollama import OllamaProvider
from tests.providers.asking import DIALECTS, KEY, HttpProvider, ask, listen, prompt
from tests.providers.memory import MIB, memory_bounded
from tests.providers.wire import JSON, data, http, wire
from tests.upstream import Upstream, mock_model

HEADER_KEY = "hdr-77-also-secret"
OWN_KINDS: dict[str, Any] = {
    "ollama": lambda url, **more: OllamaProvider("mine", base_url=url.removesuffix("/v1"), **more),
    "anthropic": lambda url, **more: AnthropicProvider("mine", base_url=url, max_tokens=9, **more),
}


@pytest.fixture(params=["ollama", "anthropic"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def provider(upstream: Upstream, dialect: str) -> AsyncIterator[HttpProvider]:
    opened = DIALECTS[dialect](upstream.base_url)
    yield opened
    await opened.aclose()


async def test_a_line_of_400_mb_is_refused_at_once_and_takes_no_memory(
    upstream: Upstream, provider: HttpProvider
) -> None:
    await ask(provider)
    with memory_bounded():
        heard = await ask(provider, fail="giant-line", after=3, size=400 * MIB)
        record = await upstream.client_gone(attempt=1)

    assert heard.text == "t0 t1 t2 "
    assert isinstance(heard.error, UpstreamTooLarge)
    assert record.tokens_sent == 3


async def test_the_endless_body_of_an_error_is_not_read(dialect: str) -> None:
    answer = http(b"x" * (20 * MIB), status="500 Oops")
    async with wire(answer, then_close=False) as upstream:
        provider = DIALECTS[dialect](upstream.base_url)
        with memory_bounded():
            heard = await listen(provider, prompt())
        await provider.aclose()

    assert isinstance(heard.error, UpstreamUnavailable)
    assert len(heard.error.detail) < 1000


async def test_an_endless_list_of_models_is_not_read(dialect: str) -> None:
    async with wire(http(b"[" * (20 * MIB), content_type=JSON)) as upstream:
        provider = DIALECTS[dialect](upstream.base_url)
        with pytest.raises(UpstreamTooLarge):
            await provider.models()
        await provider.aclose()


async def test_a_prompt_of_megabytes_is_sent_whole(
    upstream: Upstream, provider: HttpProvider
) -> None:
    params = Params(extra={"metadata": "é" * (2 * MIB)})
    heard = await listen(provider, prompt(mock_model(tokens=1), params))

    assert heard.text == "t0 "
    assert upstream.completions[0].body["metadata"] == "é" * (2 * MIB)


@pytest.mark.parametrize("name", DIALECTS)
async def test_thinking_that_nobody_sees_is_a_sign_of_life(upstream: Upstream, name: str) -> None:
    """Or a clock would end an answer that is being thought about."""
    provider = DIALECTS[name](upstream.base_url)
    hidden = Params(skip_thinking=True)
    endless = prompt(mock_model(reasoning=3, fail="silence", after=3), hidden)
    async with aclosing(provider.stream(endless)) as batches:
        assert not await anext(batches)
    heard = await listen(provider, prompt(mock_model(tokens=2, reasoning=3), hidden))
    await provider.aclose()

    assert (heard.reasoning, heard.text) == ("", "t0 t1 ")


@pytest.mark.parametrize(
    "extra",
    [{"x": float("nan")}, {"x": "\ud800"}, {"x": {1, 2}}],
    ids=["not a number", "half a surrogate", "a set"],
)
async def test_what_no_json_can_carry_is_refused_before_it_is_sent(
    extra: dict[str, Any], upstream: Upstream, provider: HttpProvider
) -> None:
    heard = await listen(provider, prompt("story", Params(extra=extra)))

    assert isinstance(heard.error, UpstreamRejected)
    assert not upstream.completions


QUOTE = f"your key {KEY} or {HEADER_KEY} is no good"
ERROR = json.dumps({"type": "error", "error": {"type": "api_error", "message": QUOTE}})
QUOTING = {
    "401": http(ERROR, status="401 No", content_type=JSON),
    "403": http(ERROR, status="403 No", content_type=JSON),
    "429": http(f'{{"error": "{QUOTE}"}}', status="429 Slow", content_type=JSON),
    "500 as text": http(QUOTE, status="500 Oops", content_type="text/plain"),
    "a redirect": http("", status="307 There", location=f"http://x.example/?key={KEY}"),
    "a 200": http(ERROR, content_type=JSON),
    "an event": http(data({"type": "error", "error": {"message": QUOTE}})),
    "a line": http(json.dumps({"message": {"content": "a"}}) + f'\n{{"error": "{QUOTE}"}}\n'),
    "no JSON": http(f"data: {QUOTE}\n\n"),
    "a model that is not there": http(
        json.dumps({"error": f"model '{KEY}' not found"}), status="404 No", content_type=JSON
    ),
}


@pytest.mark.parametrize("where", QUOTING)
async def test_no_error_shows_a_key_that_a_server_quotes(where: str, dialect: str) -> None:
    async with wire(QUOTING[where]) as upstream:
        headers = {"X-Key": f"Token {HEADER_KEY}"}
        provider = OWN_KINDS[dialect](upstream.base_url, api_key=KEY, headers=headers)
        heard = await listen(provider, prompt())
        await provider.aclose()

    assert heard.error is not None
    shown = heard.error.detail + str(heard.error) + repr(heard.error.__cause__)
    for secret in (KEY, HEADER_KEY):
        assert secret not in shown
        assert secret[:8] not in shown


async def test_the_key_follows_no_redirect(upstream: Upstream, dialect: str) -> None:
    async with wire(http("", status="308 There", location=upstream.base_url)) as redirecting:
        provider = DIALECTS[dialect](redirecting.base_url)
        heard = await listen(provider, prompt())
        await provider.aclose()

    assert isinstance(heard.error, UpstreamRejected)
    assert upstream.base_url in heard.error.detail
    assert not upstream.ledger.records


async def test_models_that_the_operator_names_are_not_asked_for(
    upstream: Upstream, dialect: str
) -> None:
    provider = OWN_KINDS[dialect](upstream.base_url, api_key=None, headers={}, models=["one"])
    assert [model.id for model in await provider.models()] == ["one"]
    await provider.aclose()
    assert not upstream.ledger.records


async def test_the_models_of_the_mock_are_listed(provider: HttpProvider) -> None:
    assert [model.id for model in await provider.models()] == ["story", "echo"]


async def test_an_answer_that_is_begun_goes_on(upstream: Upstream, dialect: str) -> None:
    provider = OWN_KINDS[dialect](upstream.base_url, api_key=None, headers={}, prefills=True)
    heard = await listen(provider, prompt(mock_model(tokens=4), begun="t0 t1 "))
    await provider.aclose()

    assert heard.text == "t2 t3 "
