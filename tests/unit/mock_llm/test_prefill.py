"""An answer that the request has begun already."""

from typing import Any

import pytest

from tests.raw_http import RawReply, ask
from tests.upstream import Upstream, answer_text, mock_model

ASKED = {"role": "user", "content": "one two three"}


async def go_on(upstream: Upstream, model: str, begun: object, **more: Any) -> RawReply:
    messages = [ASKED, {"role": "assistant", "content": begun}]
    return await ask(upstream.base_url, model, messages=messages, **more)


@pytest.mark.parametrize("begun", ["t0 ", "t0 t1 ", "t0 t1 t", "t", "t0 t1 t2 t3 "])
async def test_it_goes_on_behind_what_is_there(upstream: Upstream, begun: str) -> None:
    reply = await go_on(upstream, mock_model(tokens=4), begun)

    assert begun + reply.text == answer_text(tokens=4)
    assert reply.finish_reason == "stop"
    assert reply.done


@pytest.mark.parametrize("begun", ["", "t1 ", "t0 t1 t2 t3 t4 ", "T0", None])
async def test_what_is_no_beginning_of_it_is_heeded_no_more(
    upstream: Upstream, begun: str | None
) -> None:
    reply = await go_on(upstream, mock_model(tokens=4), begun)

    assert reply.text == answer_text(tokens=4)


async def test_it_can_be_told_to_begin_again(upstream: Upstream) -> None:
    reply = await go_on(upstream, mock_model(tokens=4, prefill="ignore"), "t0 t1 ")

    assert reply.text == answer_text(tokens=4)


async def test_every_kind_of_answer_can_be_gone_on_with(upstream: Upstream) -> None:
    text = mock_model(text="one  two")
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": " "}]

    assert (await go_on(upstream, "echo", "one ")).text == "two three"
    assert (await go_on(upstream, text, parts)).text == "two"
    assert (await go_on(upstream, mock_model(fail="tool-calls"), "t0 ")).text == ""


async def test_it_is_not_thought_about_again(upstream: Upstream) -> None:
    reply = await go_on(upstream, mock_model(tokens=3, reasoning=5, usage="on"), "t0 ")
    usage = reply.events[-1]["usage"]

    assert not any("reasoning_content" in choice["delta"] for choice in reply.choices)
    assert (usage["completion_tokens"], usage["prompt_tokens"]) == (2, 4)
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0


async def test_a_limit_counts_what_is_written_now(upstream: Upstream) -> None:
    reply = await go_on(upstream, mock_model(tokens=9), "t0 t1 ", max_tokens=2)

    assert (reply.text, reply.finish_reason) == ("t2 t3 ", "length")


async def test_a_failure_counts_from_where_it_goes_on(upstream: Upstream) -> None:
    reply = await go_on(upstream, mock_model(tokens=9, fail="truncate", after=2), "t0 t1 ")

    assert reply.text == "t2 t3 "
    assert reply.finish_reason is None
