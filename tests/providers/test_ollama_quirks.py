"""What a server that speaks Ollama's API does, right or wrong, and what exactly comes of it."""

import json
import socket
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
from llmchat.events import Finished, ToolCall
from llmchat.mock.faults import KINDS
from llmchat.mock.ollama_wire import LACKS
from llmchat.providers.ollama import OllamaProvider
from tests.providers.asking import ask, listen, ollama_at, prompt
from tests.providers.moods import (
    BYTE_BY_BYTE,
    CUT_OFF,
    USAGE,
    Broken,
    cases,
    must_be_fine,
    must_break,
)
from tests.providers.wire import JSON, http, wire
from tests.upstream import ENDLESS, Upstream

FINE = (
    *("", "done-only", "split-utf8", "surrogates", "u2028", "nul", "crlf", "bom"),
    "wrong-content-type",
)
BROKEN = {
    "truncate": Broken(CUT_OFF, UpstreamTruncated, 'no line that says "done": true'),
    "cut": Broken(CUT_OFF, UpstreamTruncated, "ask again for a whole one"),
    "reset": Broken(CUT_OFF, UpstreamTruncated, "ask again for a whole one"),
    "error-object": Broken(CUT_OFF, UpstreamUnavailable, "encountered while running the model"),
    "error-then-done": Broken(CUT_OFF, UpstreamUnavailable, "try again in a moment"),
    "bad-json": Broken(CUT_OFF, UpstreamMalformed, "not JSON"),
    "bad-json-end": Broken(CUT_OFF, UpstreamMalformed, "not JSON"),
    "giant-line": Broken(CUT_OFF, UpstreamTooLarge, "check what the provider's base URL points to"),
    "error-200": Broken("", UpstreamUnavailable, "encountered while running the model"),
    "html": Broken("", UpstreamMalformed, "with no /v1"),
    "refuse": Broken("", UpstreamUnavailable, "broke the connection"),
    "http-400": Broken("", UpstreamRejected, "change it. It said: The mock was told to refuse"),
    "http-401": Broken("", UpstreamUnauthorized, "check the key"),
    "http-403": Broken("", UpstreamUnauthorized, "forbids this (403)"),
    "http-404": Broken(
        "", UpstreamRejected, "Ollama runs, but has no model story: `ollama pull story`"
    ),
    "http-429": Broken("", UpstreamRateLimited, "wait, or raise the account's limit"),
    "http-500": Broken("", UpstreamUnavailable, "try again in a moment"),
    "http-503": Broken("", UpstreamUnavailable, "maximum pending requests exceeded"),
}
SPLITS = pytest.mark.parametrize("split", [0, BYTE_BY_BYTE], ids=["frames", "bytes"])


@pytest.fixture
async def provider(upstream: Upstream) -> AsyncIterator[OllamaProvider]:
    opened = ollama_at(upstream.base_url)
    yield opened
    await opened.aclose()


@SPLITS
@pytest.mark.parametrize("kind", FINE)
async def test_odd_lines_give_their_exact_text_their_end_and_their_usage(
    kind: str, split: int, provider: OllamaProvider
) -> None:
    await must_be_fine(provider, kind, split)


@pytest.mark.parametrize(("kind", "split"), cases(BROKEN))
async def test_a_broken_answer_keeps_its_text_and_is_never_taken_for_a_whole_one(
    kind: str, split: int, provider: OllamaProvider
) -> None:
    await must_break(provider, kind, split, BROKEN[kind])


def test_every_kind_of_failure_of_the_mock_is_in_a_table_here() -> None:
    assert {*FINE, *BROKEN, *ENDLESS, "tool-calls"} == {"", *(KINDS.keys() - LACKS), "pings"}


@pytest.mark.parametrize("kind", sorted(LACKS))
async def test_the_mock_says_which_kinds_the_dialect_does_not_have(
    kind: str, provider: OllamaProvider
) -> None:
    heard = await ask(provider, fail=kind)

    assert isinstance(heard.error, UpstreamRejected)
    assert f"there is no '{kind}' in Ollama's dialect" in heard.error.detail


@SPLITS
async def test_thinking_has_a_channel_of_its_own(split: int, provider: OllamaProvider) -> None:
    heard = await ask(provider, tokens=2, reasoning=3, split=split)

    assert (heard.reasoning, heard.text) == ("r0 r1 r2 ", "t0 t1 ")


@SPLITS
async def test_tool_calls_come_whole_and_with_ids_of_ours(
    split: int, provider: OllamaProvider
) -> None:
    heard = await ask(provider, fail="tool-calls", split=split)
    calls = [event for event in heard.events if isinstance(event, ToolCall)]

    assert [(call.index, call.name, call.arguments) for call in calls] == [
        (0, "weather", '{"city":"Zürich","days":3}'),
        (1, "clock", '{"zone":"Europe/Zurich"}'),
    ]
    assert len({call.id for call in calls if call.id}) == 2
    assert heard.finish_reason == "tool_calls"
    assert heard.text == ""


async def test_an_answer_that_its_limit_cuts_says_so(provider: OllamaProvider) -> None:
    heard = await ask(provider, tokens=6, finish_reason="length")

    assert heard.finished == Finished("complete", "length", USAGE)


async def test_an_ollama_that_counts_nothing_has_no_usage(provider: OllamaProvider) -> None:
    assert (await ask(provider, usage="off")).finished == Finished("complete", "stop")


async def test_an_ollama_that_is_not_there_is_to_be_started() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        root = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        provider = ollama_at(root)
        heard = await ask(provider)
        with pytest.raises(UpstreamUnavailable, match="start it with `ollama serve`"):
            await provider.models()
        await provider.aclose()

    assert isinstance(heard.error, UpstreamUnavailable)
    assert f"Ollama is not running at {root}: start it with `ollama serve`." in heard.error.detail


@pytest.mark.parametrize("model", ["llama3", "llama3:8b", "hf.co/bartowski/Llama-3.2-1B-GGUF:Q4"])
async def test_a_model_that_it_has_not_is_to_be_pulled(model: str) -> None:
    async with wire(
        http(
            json.dumps({"error": f'model "{model}" not found, try pulling it'}),
            status="404 Not Found",
            content_type=JSON,
        )
    ) as upstream:
        asked = ollama_at(upstream.base_url)
        heard = await listen(asked, prompt(model))
        await asked.aclose()

    assert isinstance(heard.error, UpstreamRejected)
    assert f"Ollama runs, but has no model {model}: `ollama pull {model}`." in heard.error.detail


SAYING = {
    '"x" does not support tools': (UpstreamRejected, "does not support tools: choose another"),
    "llm server loading model": (UpstreamUnavailable, "is still loading the model; try again"),
    "timed out waiting for llama runner to start": (UpstreamUnavailable, "still loading"),
}


@pytest.mark.parametrize("said", SAYING)
@pytest.mark.parametrize("status", ["400 Bad Request", "500 Oops", "200 OK"])
async def test_what_ollama_says_is_said_with_what_to_do(said: str, status: str) -> None:
    async with wire(http(json.dumps({"error": said}), status=status)) as upstream:
        provider = ollama_at(upstream.base_url)
        heard = await listen(provider, prompt())
        await provider.aclose()

    kind, says = SAYING[said]
    assert isinstance(heard.error, kind)
    assert says in heard.error.detail
    assert said.rpartition('"')[2] in heard.error.detail


async def test_a_path_that_is_not_there_is_a_wrong_base_url() -> None:
    async with wire(http("404 page not found", status="404 Not Found")) as upstream:
        provider = ollama_at(upstream.base_url)
        heard = await listen(provider, prompt())
        await provider.aclose()

    assert isinstance(heard.error, UpstreamRejected)
    assert "such as http://127.0.0.1:11434, with no /v1" in heard.error.detail
