"""A server that keeps its answers, over a real socket: what breaks off is read on, once."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from llmchat.domain import Role
from llmchat.errors import (
    UpstreamMalformed,
    UpstreamTruncated,
    UpstreamUnavailable,
)
from llmchat.events import Delta
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.responses import ResponsesProvider
from llmchat.providers.retrying import Retrying
from llmchat.text import clean
from tests.providers.asking import Heard, listen, prompt
from tests.providers.kept import SOON, hear, marked, responses_at
from tests.upstream import Upstream, answer_text, mock_model, mock_upstream

TOKENS = 40
STORY = answer_text(tokens=TOKENS)
TRANSPORT_QUIRKS = ["crlf", "cr-only", "no-space", "multi-data", "bom", "wrong-content-type"]
TEXT_QUIRKS = ["split-utf8", "surrogates", "u2028", "nul"]


@pytest.fixture
async def kept(upstream: Upstream) -> AsyncIterator[ResponsesProvider]:
    provider = responses_at(upstream.base_url)
    yield provider
    await provider.aclose()


async def ask(provider: ResponsesProvider, **options: Any) -> Heard:
    heard, _ = await hear(provider, prompt(mock_model(**options)))
    return heard


async def test_an_answer_is_asked_for_once_in_the_background(
    upstream: Upstream, kept: ResponsesProvider
) -> None:
    asked = Prompt(
        mock_model(tokens=TOKENS, reasoning=2), [PromptMessage(Role.USER, "hi")], key="gen_1"
    )
    heard, marks = await hear(kept, asked)
    assert (heard.text, heard.reasoning, heard.finish_reason) == (STORY, "r0 r1 ", "stop")
    assert heard.finished is not None
    assert heard.finished.usage is not None
    assert heard.finished.usage.output_tokens == TOKENS + 2
    assert heard.finished.usage.reasoning_tokens == 2
    [record] = upstream.ledger.records
    assert (record.method, record.path) == ("POST", "/v1/responses")
    assert record.headers["idempotency-key"] == "gen_1"
    assert (record.body["background"], record.body["stream"], record.body["store"]) == (True,) * 3
    assert next(iter(marks)).startswith(f"{upstream.ledger.responses[0].id}:0:0:0:")


async def test_calls_are_given_whole(kept: ResponsesProvider) -> None:
    heard = await ask(kept, fail="tool-calls")
    assert [(it.id, it.name, json.loads(it.arguments)) for it in heard.calls] == [
        ("call_0", "weather", {"city": "Zürich", "days": 3}),
        ("call_1", "clock", {"zone": "Europe/Zurich"}),
    ]
    assert heard.finish_reason == "tool_calls"


@pytest.mark.parametrize("fail", TRANSPORT_QUIRKS + TEXT_QUIRKS)
@pytest.mark.parametrize("split", [0, 1])
async def test_however_it_is_spelt_and_split_it_is_the_same(
    kept: ResponsesProvider, fail: str, split: int
) -> None:
    heard = await ask(kept, tokens=5, fail=fail, split=split)
    assert (heard.text, heard.error) == (clean(answer_text(tokens=5, fail=fail)), None)


@pytest.mark.parametrize("fail", ["cut", "reset", "truncate"])
@pytest.mark.parametrize("after", [1, 7, TOKENS])
async def test_what_breaks_off_is_read_on(
    upstream: Upstream, kept: ResponsesProvider, fail: str, after: int
) -> None:
    """Each connection breaks after so many tokens."""
    heard = await ask(kept, tokens=TOKENS, fail=fail, after=after)
    assert (heard.text, heard.finish_reason) == (STORY, "stop")
    [response] = upstream.ledger.responses
    assert response.tokens == TOKENS
    asked = [record.method for record in upstream.ledger.records]
    assert asked[0] == "POST"
    assert set(asked[1:]) == {"GET"} if after < TOKENS else asked[1:] == []


async def test_a_server_that_ignores_the_cursor_doubles_nothing(
    upstream: Upstream, kept: ResponsesProvider
) -> None:
    _, marks = await hear(kept, prompt(mock_model(tokens=TOKENS, fail="ignore-cursor")))
    for mark in marks:
        heard, _ = await hear(kept, marked(mark))
        assert heard.text == STORY[int(mark.split(":")[2]) :]
    assert len(upstream.ledger.responses) == 1


@pytest.mark.parametrize(
    "options", [{"reasoning": 5}, {"fail": "tool-calls"}, {"fail": "no-replay"}]
)
async def test_from_every_mark_comes_exactly_the_rest(
    upstream: Upstream, kept: ResponsesProvider, options: dict[str, Any]
) -> None:
    """As after a crash at any moment: the answer is read on, and not asked for again."""
    whole, marks = await hear(kept, prompt(mock_model(tokens=TOKENS, rate=400, **options)))
    # However many there are: a slow machine reads several events at once.
    assert len(marks) > 1
    for mark, given in marks.items():
        rest, _ = await hear(kept, marked(mark))
        both = Heard([*given, *rest.events])
        assert (both.text, both.reasoning) == (whole.text, whole.reasoning)
        assert both.calls == whole.calls
        assert both.finished == whole.finished
    assert len(upstream.ledger.responses) == 1


async def test_a_mark_before_the_first_event_gives_everything(
    upstream: Upstream, kept: ResponsesProvider
) -> None:
    await ask(kept, tokens=TOKENS)
    [response] = upstream.ledger.responses
    heard, _ = await hear(kept, marked(f"{response.id}:-1:0:0:0:0"))
    assert heard.text == STORY


async def test_an_answer_is_waited_for_where_it_is_not_streamed_again(
    upstream: Upstream, kept: ResponsesProvider
) -> None:
    """Longer than the tries that a server has which fails: this one does not fail."""
    asked = prompt(mock_model(tokens=TOKENS, rate=80, fail="no-replay"))
    async with aclosing(kept.stream(asked)) as batches:
        [begin] = await anext(batches)
    assert isinstance(begin, Delta)
    assert begin.mark is not None
    heard, _ = await hear(kept, marked(begin.mark))
    assert (heard.text, heard.finish_reason) == (STORY, "stop")
    assert sum(record.method == "GET" for record in upstream.ledger.records) > 2 * SOON.attempts


async def test_an_answer_that_is_gone_is_a_clear_error_and_not_asked_for_again(
    upstream: Upstream, kept: ResponsesProvider
) -> None:
    for ask_again in (
        prompt(mock_model(tokens=TOKENS, rate=200, fail="response-gone", after=5)),
        marked("resp_gone:9:12:0:0:0"),
    ):
        heard = await listen(Retrying(kept, attempts=3), ask_again)
        assert isinstance(heard.error, UpstreamTruncated)
        assert "no longer has this answer (404)" in heard.error.detail
    assert len(upstream.ledger.responses) == 1
    assert sum(record.method == "POST" for record in upstream.ledger.records) == 1


async def test_a_server_that_stays_away_is_given_up(kept: ResponsesProvider) -> None:
    async with mock_upstream() as away:
        provider = responses_at(away.base_url)
        stream = provider.stream(prompt(mock_model(tokens=1_000_000, rate=200)))
        async with aclosing(stream) as batches:
            await anext(batches)
            await away.server.__aexit__(None, None, None)
            with pytest.raises(UpstreamTruncated, match="could not be read on"):
                async for _ in batches:
                    pass
            await away.server.__aenter__()
        await provider.aclose()


async def test_a_server_that_breaks_every_connection_at_once_is_given_up(
    upstream: Upstream, kept: ResponsesProvider
) -> None:
    heard = await ask(kept, tokens=TOKENS, fail="cut", after=0)
    assert isinstance(heard.error, UpstreamTruncated)
    assert "could not be read on" in heard.error.detail
    assert len(upstream.ledger.records) == 1 + SOON.attempts


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"fail": "response-failed", "after": 3}, UpstreamUnavailable),
        ({"fail": "error-object", "after": 3}, UpstreamUnavailable),
        ({"fail": "error-frame", "after": 3}, UpstreamUnavailable),
        ({"fail": "bad-json", "after": 3}, UpstreamMalformed),
    ],
)
async def test_a_failure_in_mid_answer_keeps_the_text(
    upstream: Upstream, kept: ResponsesProvider, options: dict[str, Any], kind: type[Exception]
) -> None:
    heard = await listen(Retrying(kept, attempts=3), prompt(mock_model(tokens=TOKENS, **options)))
    assert isinstance(heard.error, kind)
    assert heard.text == answer_text(tokens=3)
    assert len(upstream.ledger.records) == 1


async def test_a_filtered_answer_says_so(kept: ResponsesProvider) -> None:
    heard = await ask(kept, tokens=TOKENS, fail="response-filtered", after=3)
    assert (heard.text, heard.finish_reason) == (answer_text(tokens=3), "content_filter")


async def test_a_refused_request_is_tried_again_under_the_same_key(upstream: Upstream) -> None:
    provider = responses_at(upstream.base_url)
    asked = Prompt(
        mock_model(tokens=TOKENS, fail="http-503", fail_times=2, key="again"),
        [PromptMessage(Role.USER, "hi")],
        key="gen_2",
    )
    heard = await listen(Retrying(provider, attempts=3), asked)
    await provider.aclose()
    assert heard.text == STORY
    keys = [record.headers["idempotency-key"] for record in upstream.ledger.records]
    assert keys == ["gen_2"] * 3


async def test_cancel_ends_what_goes_on_without_a_reader(
    upstream: Upstream, kept: ResponsesProvider
) -> None:
    async with aclosing(kept.stream(prompt(mock_model(tokens=1_000_000, rate=200)))) as batches:
        [begin] = await anext(batches)
    assert isinstance(begin, Delta)
    assert begin.mark is not None
    [response] = upstream.ledger.responses
    written = response.tokens
    await upstream.until(lambda: response.tokens > written + 5)
    for _ in range(2):
        await kept.cancel(begin.mark)
    assert (response.status, response.cancels) == ("cancelled", 2)
    await kept.cancel("resp_gone:0:0:0:0:0")
    heard, _ = await hear(kept, marked(begin.mark))
    assert isinstance(heard.error, UpstreamTruncated)
    assert "cancelled" in heard.error.detail


async def test_closing_the_stream_closes_the_socket_and_ends_nothing(
    upstream: Upstream, kept: ResponsesProvider
) -> None:
    async with aclosing(kept.stream(prompt(mock_model(tokens=TOKENS, rate=100)))) as batches:
        await anext(batches)
    await upstream.until(lambda: upstream.ledger.records[0].client_gone)
    [response] = upstream.ledger.responses
    await upstream.until(lambda: response.status == "completed")
