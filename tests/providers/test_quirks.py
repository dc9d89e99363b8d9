"""What upstreams do, right or wrong, and what exactly comes of it: text, end or error."""

import socket

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
from llmchat.events import ToolCall
from llmchat.mock.faults import KINDS
from llmchat.providers.openai import OpenAIProvider
from tests.providers.asking import ask, openai_at
from tests.providers.moods import BYTE_BY_BYTE, CUT_OFF, Broken, cases, must_be_fine, must_break
from tests.upstream import ENDLESS

FINE = (
    "",
    "no-done",
    "done-only",
    "split-utf8",
    "surrogates",
    "u2028",
    "nul",
    "crlf",
    "cr-only",
    "no-space",
    "multi-data",
    "bom",
    "wrong-content-type",
    "usage-null-choices",
    "usage-in-finish",
)
"""Odd, but the whole text comes, and its end, and the usage."""


BROKEN = {
    "truncate": Broken(CUT_OFF, UpstreamTruncated, "no finish reason and no [DONE]"),
    "cut": Broken(CUT_OFF, UpstreamTruncated, "ask again for a whole one"),
    "reset": Broken(CUT_OFF, UpstreamTruncated, "ask again for a whole one"),
    "error-frame": Broken(CUT_OFF, UpstreamUnavailable, "The server had an error while answering."),
    "error-object": Broken(CUT_OFF, UpstreamUnavailable, "try again in a moment"),
    "error-then-done": Broken(CUT_OFF, UpstreamUnavailable, "try again in a moment"),
    "bad-json": Broken(CUT_OFF, UpstreamMalformed, "not JSON"),
    "bad-json-end": Broken(CUT_OFF, UpstreamMalformed, "not JSON"),
    "giant-line": Broken(CUT_OFF, UpstreamTooLarge, "check what the provider's base URL points to"),
    "error-200": Broken("", UpstreamUnavailable, "try again in a moment"),
    "html": Broken("", UpstreamMalformed, "usually ends in /v1"),
    "refuse": Broken("", UpstreamUnavailable, "broke the connection"),
    "http-400": Broken("", UpstreamRejected, "change it. It said: The mock was told to refuse"),
    "http-401": Broken("", UpstreamUnauthorized, "check the key"),
    "http-403": Broken("", UpstreamUnauthorized, "check what the API key may do"),
    "http-404": Broken("", UpstreamRejected, "GET /api/llm/models lists the models"),
    "http-429": Broken("", UpstreamRateLimited, "wait, or raise the account's limit"),
    "http-500": Broken("", UpstreamUnavailable, "try again in a moment"),
    "http-503": Broken("", UpstreamUnavailable, "try again in a moment"),
}
"""Kind of failure → what came before it, the error, and a part of its sentence."""

SPLITS = pytest.mark.parametrize("split", [0, BYTE_BY_BYTE], ids=["frames", "bytes"])


@SPLITS
@pytest.mark.parametrize("kind", FINE)
async def test_an_odd_stream_gives_its_exact_text_its_end_and_its_usage(
    kind: str, split: int, provider: OpenAIProvider
) -> None:
    await must_be_fine(provider, kind, split)


@pytest.mark.parametrize(("kind", "split"), cases(BROKEN))
async def test_a_broken_answer_keeps_its_text_and_is_never_taken_for_a_whole_one(
    kind: str, split: int, provider: OpenAIProvider
) -> None:
    await must_break(provider, kind, split, BROKEN[kind])


def test_every_kind_of_failure_of_the_mock_is_in_a_table_here() -> None:
    assert {*FINE, *BROKEN, *ENDLESS, "tool-calls", "reasoning-field"} == {"", *KINDS}


@SPLITS
async def test_reasoning_has_a_channel_of_its_own_whatever_the_field_is_called(
    split: int, provider: OpenAIProvider
) -> None:
    for kind in ("", "reasoning-field"):
        heard = await ask(provider, tokens=2, reasoning=3, fail=kind, split=split)
        assert (heard.reasoning, heard.text) == ("r0 r1 r2 ", "t0 t1 ")


@SPLITS
async def test_tool_calls_come_in_pieces_and_whole(split: int, provider: OpenAIProvider) -> None:
    heard = await ask(provider, fail="tool-calls", split=split)

    assert heard.calls == [
        ToolCall(0, "call_0", "weather", '{"city":"Zürich","days":3}'),
        ToolCall(1, "call_1", "clock", '{"zone":"Europe/Zurich"}'),
    ]
    assert len([event for event in heard.events if isinstance(event, ToolCall)]) > 4
    assert heard.finish_reason == "tool_calls"
    assert heard.text == ""


async def test_a_server_that_is_not_there_is_named_with_what_to_look_at() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1"
        provider = openai_at(base_url)
        heard = await ask(provider)
        with pytest.raises(UpstreamUnavailable, match="check that it runs"):
            await provider.models()
        await provider.aclose()

    assert isinstance(heard.error, UpstreamUnavailable)
    assert f"openai ({base_url}) cannot be reached; check that it runs" in heard.error.detail
