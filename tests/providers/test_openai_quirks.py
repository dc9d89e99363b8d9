"""What one server refuses, and another wants, is put right at once and for good, and no more."""

from collections.abc import Sequence
from typing import Any

import pytest

from llmchat.domain import Params
from llmchat.errors import UpstreamRejected
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.openai_quirks import ThinkingSwitch
from llmchat.providers.retrying import Retrying
from tests.providers.asking import KEY, SAID, Heard, listen, prompt
from tests.upstream import Upstream, mock_model

SKIPPED = Params(skip_thinking=True)
ALWAYS = {"model", "messages", "stream"}


def provider_of(
    upstream: Upstream, switch: ThinkingSwitch, *, prefills: bool = False
) -> OpenAIProvider:
    return OpenAIProvider(
        "mine",
        base_url=upstream.base_url,
        api_key=KEY,
        headers={},
        prefills=prefills,
        thinking_switch=switch,
    )


async def ask(
    upstream: Upstream,
    switch: ThinkingSwitch = "none",
    params: Params = SKIPPED,
    *,
    twice: bool = False,
    **options: str,
) -> Heard:
    """An answer of a single attempt, and perhaps another, with what is known by then."""
    provider = provider_of(upstream, switch)
    once = Retrying(provider, attempts=1)
    asked_for = prompt(mock_model("echo", **options), params)
    heard = await listen(once, asked_for)
    if twice:
        assert (await listen(once, asked_for)).events == heard.events
    await provider.aclose()
    return heard


def asked(upstream: Upstream) -> Sequence[dict[str, Any]]:
    """The fields of every request in order, but for those that all have."""
    return [
        {name: value for name, value in record.body.items() if name not in ALWAYS}
        for record in upstream.completions
    ]


USAGE = {"stream_options": {"include_usage": True}}
SWITCHES: dict[ThinkingSwitch, dict[str, Any]] = {
    "chat_template_kwargs": {"chat_template_kwargs": {"enable_thinking": False}},
    "reasoning_effort": {"reasoning_effort": "none"},
    "reasoning": {"reasoning": {"enabled": False}},
    "think": {"think": False},
    "thinking": {"thinking": {"type": "disabled"}},
    "none": {},
}


@pytest.mark.parametrize("switch", SWITCHES)
async def test_a_server_is_asked_not_to_think_by_its_own_switch(
    switch: ThinkingSwitch, upstream: Upstream
) -> None:
    await ask(upstream, switch)
    await ask(upstream, switch, Params())
    await ask(upstream, switch, Params(skip_thinking=False))

    assert asked(upstream) == [USAGE | SWITCHES[switch], USAGE, USAGE]


@pytest.mark.parametrize(
    ("switch", "extra", "sent"),
    [
        ("reasoning_effort", {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ("reasoning_effort", {"reasoning_effort": None}, {"reasoning_effort": None}),
        ("reasoning", {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ("think", {"think": True}, {"think": True}),
        (
            "chat_template_kwargs",
            {"chat_template_kwargs": {"date": "now"}},
            {"chat_template_kwargs": {"enable_thinking": False, "date": "now"}},
        ),
        (
            "chat_template_kwargs",
            {"chat_template_kwargs": {"enable_thinking": True}},
            {"chat_template_kwargs": {"enable_thinking": True}},
        ),
    ],
)
async def test_whoever_says_how_to_think_is_not_contradicted(
    switch: ThinkingSwitch, extra: dict[str, Any], sent: dict[str, Any], upstream: Upstream
) -> None:
    await ask(upstream, switch, Params(skip_thinking=True, extra=extra))
    assert asked(upstream) == [USAGE | sent]


async def test_what_is_gone_on_with_is_not_thought_about_before(upstream: Upstream) -> None:
    switches: list[ThinkingSwitch] = ["chat_template_kwargs", "reasoning_effort"]
    for switch in switches:
        provider = provider_of(upstream, switch, prefills=True)
        await listen(provider, prompt("story", begun="t0 "))
        await provider.aclose()

    assert "enable_thinking" in str(asked(upstream)[0])
    assert "reasoning_effort" not in asked(upstream)[1]


NONE, MINIMAL, LOW = ({"reasoning_effort": word} for word in ("none", "minimal", "low"))
OPENAI = "Unsupported value: '{}' does not support 'none' with this model. Supported values are: "
REFUSED: dict[str, tuple[ThinkingSwitch, dict[str, str], list[dict[str, Any]]]] = {
    "gpt-4o": ("reasoning_effort", {"refuse_field": "reasoning_effort"}, [NONE, {}]),
    "gpt-5": (
        "reasoning_effort",
        {
            "refuse_field": "reasoning_effort:none",
            "refuse_says": f"{OPENAI}'minimal', 'low', 'medium', and 'high'.",
        },
        [NONE, MINIMAL],
    ),
    "o3": (
        "reasoning_effort",
        {
            "refuse_field": "reasoning_effort:none",
            "refuse_says": f"{OPENAI}'low', 'medium', and 'high'.",
        },
        [NONE, LOW],
    ),
    "one that changes its mind": (
        "reasoning_effort",
        {
            "refuse_field": "reasoning_effort:none,reasoning_effort:minimal,reasoning_effort:low",
            "refuse_says": "{} must be one of none, minimal, low",
        },
        [NONE, MINIMAL, LOW, {}],
    ),
    "Groq's Llama": (
        "reasoning_effort",
        {
            "refuse_field": "reasoning_effort",
            "refuse_says": "`reasoning_effort` is not supported with this model",
        },
        [NONE, {}],
    ),
    "Grok": (
        "reasoning_effort",
        {
            "refuse_field": "reasoning_effort",
            "refuse_says": "Model grok-4 does not support parameter reasoningEffort.",
        },
        [NONE, {}],
    ),
    "Gemini Pro": (
        "reasoning_effort",
        {
            "refuse_field": "reasoning_effort",
            "refuse_says": "Budget 0 is invalid. This model only works in thinking mode.",
        },
        [NONE, {}],
    ),
    "OpenRouter": (
        "reasoning",
        {
            "refuse_field": "reasoning",
            "refuse_says": "Reasoning is mandatory for this endpoint and cannot be disabled.",
        },
        [{"reasoning": {"enabled": False}}, {"reasoning": {"effort": "low"}}, {}],
    ),
    "vLLM with Mistral's tokenizer": (
        "chat_template_kwargs",
        {
            "refuse_field": "chat_template_kwargs",
            "refuse_says": "chat_template is not supported for Mistral tokenizers.",
        },
        [{"chat_template_kwargs": {"enable_thinking": False}}, {}],
    ),
    "one that does not say what": (
        "think",
        {"refuse_field": "think", "refuse_says": "Extra inputs are not permitted"},
        [{"think": False}, {}],
    ),
}


@pytest.mark.parametrize("server", REFUSED)
async def test_a_switch_that_is_refused_is_turned_otherwise_or_left_and_that_is_remembered(
    server: str, upstream: Upstream
) -> None:
    switch, options, tried = REFUSED[server]
    heard = await ask(upstream, switch, SKIPPED, twice=True, **options)

    assert heard.error is None
    assert heard.text == SAID
    assert asked(upstream) == [USAGE | fields for fields in [*tried, tried[-1]]]


async def test_a_server_older_than_stream_options_answers_without_them(upstream: Upstream) -> None:
    heard = await ask(upstream, twice=True, refuse_field="stream_options")

    assert (heard.text, heard.finish_reason) == (SAID, "stop")
    assert asked(upstream) == [USAGE, {}, {}]


async def test_several_refusals_are_put_right_one_after_the_other(upstream: Upstream) -> None:
    params = Params(skip_thinking=True, max_tokens=5)
    heard = await ask(
        upstream,
        "reasoning_effort",
        params,
        twice=True,
        refuse_field="max_tokens,stream_options,reasoning_effort",
    )

    assert heard.text == SAID
    assert asked(upstream) == [
        USAGE | NONE | {"max_tokens": 5},
        USAGE | NONE | {"max_completion_tokens": 5},
        NONE | {"max_completion_tokens": 5},
        {"max_completion_tokens": 5},
        {"max_completion_tokens": 5},
    ]


async def test_neither_name_of_the_limit_is_tried_twice(upstream: Upstream) -> None:
    heard = await ask(
        upstream, params=Params(max_tokens=5), refuse_field="max_tokens,max_completion_tokens"
    )

    assert isinstance(heard.error, UpstreamRejected)
    assert [fields.keys() - USAGE.keys() for fields in asked(upstream)] == [
        {"max_tokens"}, {"max_completion_tokens"},
    ]  # fmt: skip


async def test_a_limit_that_is_too_high_is_no_reason_to_call_it_otherwise(
    upstream: Upstream,
) -> None:
    says = "{} is too large: 5. This model supports at most 4 completion tokens."
    heard = await ask(
        upstream, params=Params(max_tokens=5), refuse_field="max_tokens", refuse_says=says
    )

    assert heard.error is not None
    assert "is too large: 5" in heard.error.detail
    assert len(upstream.completions) == 1


@pytest.mark.parametrize("says", ["Unknown model.", "Messages of this role are not supported"])
async def test_a_refusal_of_something_else_is_told_and_nothing_is_learnt(
    says: str, upstream: Upstream
) -> None:
    heard = await ask(upstream, "think", refuse_field="think", refuse_says=says)

    assert heard.error is not None
    assert says in heard.error.detail
    assert len(upstream.completions) == 1


async def test_another_model_of_the_same_server_is_asked_anew(upstream: Upstream) -> None:
    provider = provider_of(upstream, "reasoning_effort")
    for key in ("a", "b"):
        model = mock_model(tokens=1, refuse_field="reasoning_effort", key=key)
        await listen(provider, prompt(model, SKIPPED))
    await provider.aclose()

    assert asked(upstream) == [USAGE | NONE, USAGE, USAGE | NONE, USAGE]


async def test_what_is_remembered_is_bounded(upstream: Upstream) -> None:
    provider = provider_of(upstream, "reasoning_effort")
    models = [mock_model(tokens=0, refuse_field="reasoning_effort", key=str(n)) for n in range(257)]
    for model in [*models, models[0]]:
        await listen(provider, prompt(model, SKIPPED))
    await provider.aclose()

    assert len(upstream.completions) == 258 * 2, "the first was forgotten, and refused again"


@pytest.mark.parametrize(
    ("field", "variable"), [("temperature", "LLM_TEMPERATURE"), ("top_p", "LLM_TOP_P")]
)
async def test_what_changes_the_answer_is_never_left_out_but_told(
    field: str, variable: str, upstream: Upstream
) -> None:
    says = "Unsupported value: '{}' does not support 0.7 with this model. Only the default (1) is."
    params = Params(temperature=0.7, top_p=0.7)
    heard = await ask(upstream, "reasoning_effort", params, refuse_field=field, refuse_says=says)

    assert isinstance(heard.error, UpstreamRejected)
    assert (
        f"does not take {field}=0.7: leave it out of the request, or unset {variable}"
        in heard.error.detail
    )
    assert "Only the default (1)" in heard.error.detail
    assert len(upstream.completions) == 1


@pytest.mark.parametrize(
    "extra", [{"reasoning_effort": "high"}, {"max_tokens": 5}, {"min_p": 0.1}], ids=str
)
async def test_what_a_caller_asked_for_is_not_taken_back(
    extra: dict[str, Any], upstream: Upstream
) -> None:
    (field,) = extra
    params = Params(skip_thinking=True, extra=extra)
    heard = await ask(upstream, "reasoning_effort", params, refuse_field=field)

    assert isinstance(heard.error, UpstreamRejected)
    assert f"Unrecognized request argument supplied: {field}" in heard.error.detail
    assert len(upstream.completions) == 1
