"""What servers report about prompts makes the estimates better, and touches nothing else."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from llmchat.domain import Role
from llmchat.errors import UpstreamTruncated
from llmchat.events import Delta, Finished, Usage
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.measured import Measured
from llmchat.providers.tokens import TokenCounter
from llmchat.providers.vocabularies import installed_vocabularies
from tests.providers.asking import Scripted, listen, openai_at, prompt
from tests.upstream import Upstream, mock_model

WORDS = 5000
LONG = [PromptMessage(Role.USER, "considerably " * WORDS)]


def long_prompt(model: str) -> Prompt:
    return replace(prompt(model), messages=LONG)


def counted(tokens: TokenCounter, model: str) -> int:
    return tokens.count(model, LONG).tokens


async def test_a_servers_own_count_corrects_the_estimate(upstream: Upstream) -> None:
    """The mock counts words, of which each is estimated at more than two tokens."""
    tokens = TokenCounter(None)
    provider = Measured(openai_at(upstream.base_url), name="mine", tokens=tokens)
    model = mock_model(tokens=3)
    before = counted(tokens, f"mine/{model}")
    for _ in range(20):
        heard = await listen(provider, long_prompt(model))
        assert heard.text == "t0 t1 t2 "
    await provider.aclose()

    assert before > 2 * WORDS
    assert counted(tokens, f"mine/{model}") == pytest.approx(WORDS, rel=0.05)
    assert counted(tokens, "mine/other") == before


@pytest.mark.parametrize("usage", [None, Usage(9, 9, estimated=True), Usage(0, 9)])
async def test_what_is_no_count_teaches_nothing(usage: Usage | None) -> None:
    tokens = TokenCounter(None)
    before = counted(tokens, "mine/model")
    end = Finished("complete", "stop", usage)
    provider = Measured(Scripted([[Delta("a")], [Delta("b"), end]]), name="mine", tokens=tokens)

    assert (await listen(provider, long_prompt("model"))).events == [Delta("a"), Delta("b"), end]
    assert counted(tokens, "mine/model") == before


async def test_an_answer_that_breaks_off_teaches_nothing_and_breaks_off() -> None:
    tokens = TokenCounter(None)
    inner = Scripted([[Delta("a")], UpstreamTruncated("gone")])
    heard = await listen(Measured(inner, name="mine", tokens=tokens), long_prompt("model"))

    assert (heard.text, isinstance(heard.error, UpstreamTruncated)) == ("a", True)
    assert inner.open == 0


@pytest.mark.parametrize(
    "model", ["some-model", "gpt-4o"], ids=["that is estimated", "that is counted"]
)
async def test_whoever_leaves_closes_the_provider(model: str) -> None:
    inner = Scripted([[Delta("a")], [Delta("b")]])
    tokens = TokenCounter(installed_vocabularies())
    stream = Measured(inner, name="openai", tokens=tokens).stream(long_prompt(model))
    first: Sequence[object] = await anext(stream)
    assert (list(first), inner.open) == ([Delta("a")], 1)
    await stream.aclose()

    assert inner.open == 0
