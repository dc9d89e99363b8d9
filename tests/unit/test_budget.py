"""How much a model is sent, and what is refused before anybody asks it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.chat.budget import Budget
from llmchat.domain import Params, Role
from llmchat.errors import Invalid, PromptTooLong
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.base import Count
from llmchat.providers.factory import ProviderFactory, Source
from llmchat.providers.tokens import TokenCounter
from tests.contract.strategies import bounded
from tests.providers.asking import Scripted

MODEL = "some/model"


class Characters:
    """Tokens that are characters, counted exactly or not; the tools are one each."""

    def __init__(self, *, exact: bool = True) -> None:
        self._exact = exact

    def count(
        self, model: str, messages: Sequence[PromptMessage], params: Params | None = None
    ) -> Count:
        tools = (params.tools or ()) if params is not None else ()
        return Count(sum(len(each.content) for each in messages) + len(tools), self._exact)

    def count_text(self, model: str, text: str) -> int:
        return len(text)

    def learns(self, model: str) -> bool:
        return False

    def learn(self, model: str, prompt: Prompt, reported: int) -> None:
        raise AssertionError("there is nothing to learn")


def budget(
    window: int | None = None, most_tokens: int | None = None, *, exact: bool = True
) -> Budget:
    source = Source("some", Scripted(), "", "the test", context_window=window)
    models = ProviderFactory([source], default_model=None)
    models._listed_at = 0  # Nothing is asked in the background.
    return Budget(Characters(exact=exact), models, most_tokens=most_tokens)


def said(tokens: int) -> list[PromptMessage]:
    return [PromptMessage(Role.SYSTEM, "s"), PromptMessage(Role.USER, "q" * (tokens - 1))]


@pytest.mark.parametrize(
    ("window", "most_tokens", "max_tokens", "expected"),
    [
        (None, None, None, 8192),
        (None, None, 100_000, 8192),
        (None, 500, None, 500),
        (None, 100_000, None, 100_000),
        (128_000, None, None, 8192),
        (4096, None, None, 3072),
        (4096, None, 1000, 3096),
        (4096, None, 4000, 96),
        (4096, None, 4096, 3072),
        (4096, 500, None, 500),
        (128_000, 1_000_000, None, 123_904),
    ],
)
def test_there_is_room_for_the_answer(
    window: int | None, most_tokens: int | None, max_tokens: int | None, expected: int
) -> None:
    params = Params(max_tokens=max_tokens)
    assert budget(window, most_tokens).for_messages(MODEL, params) == expected


def test_there_is_room_for_the_tools() -> None:
    assert budget(4096).for_messages(MODEL, Params(tools=[{}, {}])) == 3070


def test_what_nobody_limits_is_not_refused() -> None:
    budget().check(MODEL, said(10_000_000), Params())


@pytest.mark.parametrize(
    ("window", "most_tokens", "says", "remedy"),
    [
        (1000, None, "the context window of some/model holds 1000.", "larger context window."),
        (None, 1000, "LLM_MAX_HISTORY_TOKENS allows 1000.", "raise LLM_MAX_HISTORY_TOKENS."),
        (5000, 1000, "LLM_MAX_HISTORY_TOKENS allows 1000.", "raise LLM_MAX_HISTORY_TOKENS."),
        (1000, 5000, "the context window of some/model holds 1000.", "larger context window."),
    ],
)
def test_what_cannot_fit_is_refused_and_says_what_to_do(
    window: int | None, most_tokens: int | None, says: str, remedy: str
) -> None:
    budget(window, most_tokens).check(MODEL, said(1000), Params())
    with pytest.raises(PromptTooLong) as refused:
        budget(window, most_tokens).check(MODEL, said(1001), Params())
    problem = refused.value.problem()
    assert (problem.type, problem.status) == ("prompt_too_long", 422)
    assert " 1001 tokens" in problem.detail
    assert "about" not in problem.detail
    assert says in problem.detail
    assert problem.detail.endswith(remedy)
    assert isinstance(refused.value, Invalid)


def test_tools_are_a_part_of_the_prompt() -> None:
    with pytest.raises(PromptTooLong):
        budget(1000).check(MODEL, said(1000), Params(tools=[{}]))


def test_an_estimate_may_be_off_by_a_tenth() -> None:
    budget(1000, exact=False).check(MODEL, said(1100), Params())
    with pytest.raises(PromptTooLong, match="about 1101 tokens"):
        budget(1000, exact=False).check(MODEL, said(1101), Params())


@bounded
@given(st.integers(128, 20_000), st.none() | st.integers(1, 30_000), st.integers(1, 30_000))
def test_what_is_trimmed_to_its_budget_is_never_refused(
    window: int, max_tokens: int | None, tokens: int
) -> None:
    params = Params(max_tokens=max_tokens)
    within = budget(window)
    if tokens <= within.for_messages(MODEL, params):
        within.check(MODEL, said(tokens), params)


def test_the_real_counter_fits_in() -> None:
    source = Source("some", Scripted(), "", "the test", context_window=1000)
    models = ProviderFactory([source], default_model=None)
    within = Budget(TokenCounter(None), models)
    assert within.count(MODEL, said(500)) == TokenCounter(None).count(MODEL, said(500)).tokens
    with pytest.raises(PromptTooLong):
        within.check(MODEL, said(10_000), Params())
