"""An answer that was begun goes on, and nothing of it is shown twice."""

from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.domain import Params
from llmchat.errors import UpstreamTruncated
from llmchat.events import Delta, Finished, ToolCall
from llmchat.providers.base import ProviderEvent, prefilled
from llmchat.providers.continuing import Continuing
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.retrying import Retrying
from tests.providers.asking import Heard, Script, Scripted, listen, openai_at, prompt
from tests.upstream import Upstream, answer_text, mock_model

BEGUN = "t0 t1 t2 "
BROKEN = UpstreamTruncated("gone")
STOP = Finished("complete", "stop")
LENGTH = Finished("complete", "length")
GO_ON = {"add_generation_prompt": False, "continue_final_message": True}


async def go_on(script: Script, begun: str = BEGUN) -> Heard:
    inner = Scripted(script, prefills=True)
    heard = await listen(Continuing(inner), prompt(begun=begun))
    assert inner.open == 0
    return heard


def batches(text: str, *lengths: int) -> list[list[ProviderEvent]]:
    """The text in deltas of these lengths, the rest in one more, and an end."""
    script: list[list[ProviderEvent]] = []
    for length in [*lengths, len(text)]:
        if text:
            script.append([Delta(text[:length])])
        text = text[length:]
    return [*script, [STOP]]


@given(st.lists(st.integers(1, 9)), st.sampled_from(["", "t3 ", "t3 t4"]))
async def test_a_repetition_is_left_out_however_it_is_cut(cuts: list[int], rest: str) -> None:
    heard = await go_on(batches(BEGUN + rest, *cuts))

    assert (heard.text, heard.finished) == (rest, STOP)


@given(
    st.lists(st.integers(1, 9)),
    st.sampled_from(["t3 t4 ", "t0 t1 t3 ", "t0 t1", "t0 t1 t2", " t0 t1 t2 t3 ", "x", ""]),
)
async def test_whatever_else_comes_is_given_as_it_is(cuts: list[int], text: str) -> None:
    heard = await go_on(batches(text, *cuts))

    assert (heard.text, heard.finished) == (text, STOP)


@pytest.mark.parametrize(
    ("end", "text"), [(STOP, "t0 t1"), (LENGTH, ""), (BROKEN, "")], ids=["stop", "length", "error"]
)
async def test_half_a_repetition_is_shown_only_when_it_is_a_whole_answer(
    end: Finished | UpstreamTruncated, text: str
) -> None:
    last = end if isinstance(end, UpstreamTruncated) else [end]
    heard = await go_on([[Delta("t0 ")], [Delta("t1")], last])

    assert heard.text == text
    assert (heard.finished or heard.error) is end


async def test_what_is_left_out_shows_that_the_model_works() -> None:
    provider = Continuing(Scripted([[], [Delta("t0 t1 ")], [Delta("t2 t3"), STOP]], prefills=True))
    shown = [batch async for batch in provider.stream(prompt(begun=BEGUN))]

    assert shown == [[], [], [Delta("t3"), STOP]]


async def test_what_is_thought_and_called_is_not_held_back() -> None:
    call = ToolCall(0, "c", "weather", "{}")
    thought = Delta("hm", "reasoning")
    heard = await go_on([[thought, Delta("t0 ")], [call], [Delta("t1 t2 t3"), thought, STOP]])

    assert heard.events == [thought, call, Delta("t3"), thought, STOP]


async def test_an_answer_that_continues_nothing_is_not_touched() -> None:
    inner = Scripted([[Delta(BEGUN), STOP]], [[Delta(BEGUN), STOP]], prefills=True)
    whole = await listen(Continuing(inner), prompt())
    assert whole.text == BEGUN

    unable = Scripted([[Delta(BEGUN), STOP]], models=["a"])
    other = Continuing(Retrying(unable, attempts=1))
    assert (await listen(other, prompt(begun=BEGUN))).text == BEGUN
    assert not other.prefills
    assert Continuing(Retrying(inner, attempts=1)).prefills
    assert [model.id for model in await other.models()] == ["a"]
    await other.aclose()
    assert unable.closed


async def test_closing_in_the_middle_closes_what_is_inside() -> None:
    inner = Scripted(batches("t0 t1 t2 t3 t4 ", 12), prefills=True)
    async with aclosing(Continuing(inner).stream(prompt(begun=BEGUN))) as stream:
        assert await anext(stream) == [Delta("t3 ")]
        assert inner.open == 1

    assert inner.open == 0


def test_only_an_assistants_last_message_begins_an_answer() -> None:
    assert prefilled(prompt(begun="x")) == "x"
    assert prefilled(prompt()) == ""


@pytest.mark.parametrize("prefill", ["continue", "ignore"])
@pytest.mark.parametrize("tokens", [0, 1, 7, 20])
async def test_an_answer_in_two_requests_is_the_answer_in_one(
    prefill: str, tokens: int, upstream: Upstream
) -> None:
    whole, begun = answer_text(tokens=20), answer_text(tokens=tokens)
    provider = openai_at(upstream.base_url, prefills=True)
    model = mock_model(tokens=20, prefill=prefill, split=7)
    heard = await listen(Continuing(provider), prompt(model, begun=begun))
    await provider.aclose()

    assert (begun + heard.text, heard.finish_reason) == (whole, "stop")


async def test_a_server_that_can_is_asked_to_go_on(
    upstream: Upstream, provider: OpenAIProvider
) -> None:
    able = openai_at(upstream.base_url, prefills=True)
    for asked in (prompt(begun="t0 "), prompt(), prompt(params=Params(extra=GO_ON))):
        await listen(able, asked)
    await listen(provider, prompt(begun="t0 "))
    await able.aclose()
    bodies = [record.body or {} for record in upstream.completions]

    assert [{name for name in GO_ON if name in body} for body in bodies] == [
        set(GO_ON),
        set(),
        set(GO_ON),
        set(),
    ]
    assert bodies[0].items() >= GO_ON.items()
    assert bodies[0]["messages"] == bodies[3]["messages"]
    assert bodies[0]["messages"][-1] == {"role": "assistant", "content": "t0 "}
