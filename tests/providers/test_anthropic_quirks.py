"""What a server that speaks Anthropic's API does, right or wrong, and what exactly comes of it."""

from collections.abc import AsyncIterator

import pytest

from llmchat.errors import (
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTooLarge,
    UpstreamTruncated,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from llmchat.events import Finished, ToolCall, Usage
from llmchat.mock.anthropic_wire import LACKS
from llmchat.mock.faults import KINDS
from llmchat.providers.anthropic import AnthropicProvider
from tests.providers.asking import anthropic_at, ask
from tests.providers.moods import (
    BYTE_BY_BYTE,
    CUT_OFF,
    USAGE,
    Broken,
    cases,
    must_be_fine,
    must_break,
)
from tests.upstream import ENDLESS, Upstream

FINE = (
    *("", "no-done", "done-only", "split-utf8", "surrogates", "u2028", "nul", "crlf", "cr-only"),
    *("no-space", "multi-data", "bom", "wrong-content-type"),
)
BROKEN = {
    "truncate": Broken(CUT_OFF, UpstreamTruncated, "no stop_reason and no message_stop"),
    "cut": Broken(CUT_OFF, UpstreamTruncated, "ask again for a whole one"),
    "reset": Broken(CUT_OFF, UpstreamTruncated, "ask again for a whole one"),
    "error-frame": Broken(CUT_OFF, UpstreamUnavailable, "It said: Internal server error"),
    "error-object": Broken(CUT_OFF, UpstreamUnavailable, "try again in a moment"),
    "error-then-done": Broken(CUT_OFF, UpstreamUnavailable, "try again in a moment"),
    "bad-json": Broken(CUT_OFF, UpstreamMalformed, "not JSON"),
    "bad-json-end": Broken(CUT_OFF, UpstreamMalformed, "not JSON"),
    "giant-line": Broken(CUT_OFF, UpstreamTooLarge, "check what the provider's base URL points to"),
    "error-200": Broken("", UpstreamUnavailable, "try again in a moment"),
    "html": Broken("", UpstreamMalformed, "https://api.anthropic.com/v1"),
    "refuse": Broken("", UpstreamUnavailable, "broke the connection"),
    "http-400": Broken("", UpstreamRejected, "change it. It said: The mock was told to refuse"),
    "http-401": Broken("", UpstreamUnauthorized, "check the key"),
    "http-403": Broken("", UpstreamUnauthorized, "forbids this (403)"),
    "http-404": Broken("", UpstreamRejected, "It said: model: no-such-model"),
    "http-429": Broken("", UpstreamRateLimited, "wait, or raise the account's limit"),
    "http-500": Broken("", UpstreamUnavailable, "try again in a moment"),
    "http-503": Broken("", UpstreamUnavailable, "It said: Overloaded"),
}
SPLITS = pytest.mark.parametrize("split", [0, BYTE_BY_BYTE], ids=["frames", "bytes"])


@pytest.fixture
async def provider(upstream: Upstream) -> AsyncIterator[AnthropicProvider]:
    opened = anthropic_at(upstream.base_url)
    yield opened
    await opened.aclose()


@SPLITS
@pytest.mark.parametrize("kind", FINE)
async def test_odd_events_give_their_exact_text_their_end_and_their_usage(
    kind: str, split: int, provider: AnthropicProvider
) -> None:
    await must_be_fine(provider, kind, split)


@pytest.mark.parametrize(("kind", "split"), cases(BROKEN))
async def test_a_broken_answer_keeps_its_text_and_is_never_taken_for_a_whole_one(
    kind: str, split: int, provider: AnthropicProvider
) -> None:
    await must_break(provider, kind, split, BROKEN[kind])


def test_every_kind_of_failure_of_the_mock_is_in_a_table_here() -> None:
    assert {*FINE, *BROKEN, *ENDLESS, "tool-calls"} == {"", *(KINDS.keys() - LACKS)}


@pytest.mark.parametrize("kind", sorted(LACKS))
async def test_the_mock_says_which_kinds_the_dialect_does_not_have(
    kind: str, provider: AnthropicProvider
) -> None:
    heard = await ask(provider, fail=kind)

    assert isinstance(heard.error, UpstreamRejected)
    assert f"there is no '{kind}' in Anthropic's dialect" in heard.error.detail


@SPLITS
async def test_thinking_has_a_channel_of_its_own_and_is_counted(
    split: int, provider: AnthropicProvider
) -> None:
    heard = await ask(provider, tokens=2, reasoning=3, split=split)

    assert (heard.reasoning, heard.text) == ("r0 r1 r2 ", "t0 t1 ")
    assert heard.finished == Finished("complete", "stop", Usage(2, 5, reasoning_tokens=3))


@SPLITS
async def test_tool_calls_come_in_pieces_and_whole(split: int, provider: AnthropicProvider) -> None:
    heard = await ask(provider, fail="tool-calls", split=split)

    assert heard.calls == [
        ToolCall(0, "call_0", "weather", '{"city":"Zürich","days":3}'),
        ToolCall(1, "call_1", "clock", '{"zone":"Europe/Zurich"}'),
    ]
    assert len([event for event in heard.events if isinstance(event, ToolCall)]) > 4
    assert heard.finish_reason == "tool_calls"
    assert heard.text == ""


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("max_tokens", "length"),
        ("stop_sequence", "stop"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause_turn"),
    ],
)
async def test_why_it_stopped_is_said_in_the_words_of_all(
    theirs: str, ours: str, provider: AnthropicProvider
) -> None:
    heard = await ask(provider, tokens=6, finish_reason=theirs)

    assert heard.finished == Finished("complete", ours, USAGE)


async def test_a_server_that_counts_nothing_has_no_usage(provider: AnthropicProvider) -> None:
    assert (await ask(provider, usage="off")).finished == Finished("complete", "stop")
