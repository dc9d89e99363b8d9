"""The models that need no network keep the contract of those that do."""

import asyncio
from contextlib import aclosing
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.domain import Image, Params, Part, Role
from llmchat.errors import UpstreamRejected
from llmchat.events import Finished, ToolCall, Usage
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.demo import DemoProvider
from llmchat.text import clean
from tests.providers.asking import Heard, listen

DEMO = DemoProvider()
MANY = 50_000
FAST = {"tokens_per_second": 0}
IMAGE = Image("data:image/png;base64,iVBORw0KGgo=")


async def demo(model: str, said: str = "hi", begun: str = "", **params: object) -> Heard:
    extra = {**FAST, **params.pop("extra", {})}  # type: ignore[dict-item]
    messages = [PromptMessage(Role.SYSTEM, "be brief"), PromptMessage(Role.USER, said)]
    messages += [PromptMessage(Role.ASSISTANT, begun)] if begun else []
    return await listen(DEMO, Prompt(model, messages, Params(extra=extra, **params)))  # type: ignore[arg-type]


async def test_there_are_three() -> None:
    assert [model.id for model in await DEMO.models()] == ["echo", "story", "markdown"]


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_echo_says_exactly_what_it_was_told(said: str) -> None:
    heard = asyncio.run(demo("echo", said))

    assert heard.text == f"You said: {clean(said)}"
    assert heard.finish_reason == "stop"


@pytest.mark.parametrize(
    ("text", "parts", "echo"),
    [
        ("this?", [IMAGE, "this?"], "this? (1 image)"),
        ("these? ", ["these? ", IMAGE, IMAGE], "these?  (2 images)"),
        ("", [IMAGE], "(1 image)"),
    ],
)
async def test_echo_says_how_many_images_it_saw(text: str, parts: list[Part], echo: str) -> None:
    messages = [
        PromptMessage(Role.USER, "before", [IMAGE] * 3),
        PromptMessage(Role.USER, text, parts),
    ]
    heard = await listen(DEMO, Prompt("echo", messages, Params(extra=FAST)))

    assert heard.text == f"You said: {echo}"


async def test_echo_says_back_what_a_tool_said() -> None:
    told = [
        PromptMessage(Role.USER, "How warm is it?"),
        PromptMessage(Role.ASSISTANT, "", tool_calls=[ToolCall(0, "call_a", "weather", "{}")]),
        PromptMessage(Role.TOOL, "21 °C", tool_call_id="call_a"),
    ]
    heard = await listen(DEMO, Prompt("echo", told, Params(extra=FAST)))

    assert heard.text == "You said: 21 °C"


async def test_story_counts() -> None:
    heard = await demo("story", extra={"tokens": 1000})

    assert heard.text == "".join(f"t{number} " for number in range(1000))
    assert heard.finished == Finished("complete", "stop", Usage(3, 1000))


async def test_markdown_is_the_whole_demo() -> None:
    page = files("llmchat").joinpath("static", "demo.md").read_text("utf-8")

    assert (await demo("markdown")).text == page


@pytest.mark.parametrize("model", ["echo", "story", "markdown"])
async def test_what_is_begun_is_gone_on_with_from_any_character(model: str) -> None:
    assert DEMO.prefills
    said, extra = "two  words", {"tokens": 12}
    whole = (await demo(model, said, extra=extra)).text
    for length in range(1, min(len(whole), 100)):
        heard = await demo(model, said, begun=whole[:length], extra=extra)
        assert (heard.text, heard.finish_reason) == (whole[length:], "stop")
    assert (await demo(model, said, begun=whole, extra=extra)).text == ""
    for other in ("x", f"{whole}x", f"{whole[:5]}\0"):
        assert (await demo(model, said, begun=other, extra=extra)).text == whole


@pytest.mark.parametrize(
    ("most", "text", "reason"),
    [(2, "t0 t1 ", "length"), (3, "t0 t1 t2 ", "stop"), (9, "t0 t1 t2 ", "stop")],
)
async def test_a_limit_of_tokens_is_kept_and_told(most: int, text: str, reason: str) -> None:
    heard = await demo("story", extra={"tokens": 3}, max_tokens=most)

    assert (heard.text, heard.finish_reason) == (text, reason)
    assert heard.finished is not None
    assert heard.finished.usage == Usage(3, len(text) // 3)


async def test_no_tokens_is_an_answer_as_well() -> None:
    heard = await demo("story", extra={"tokens": 0})

    assert (heard.text, heard.finish_reason) == ("", "stop")


@pytest.mark.parametrize(
    "extra",
    [
        {"tokens": -1},
        {"tokens": "many"},
        {"tokens": True},
        {"tokens": 10**9},
        {"tokens": float("nan")},
        {"tokens_per_second": -1},
        {"tokens_per_second": float("inf")},
        {"tokens_per_second": [1]},
    ],
)
async def test_a_wish_that_cannot_be_met_is_refused(extra: dict[str, object]) -> None:
    heard = await demo("story", extra=extra)

    assert isinstance(heard.error, UpstreamRejected)
    assert f"`params.extra.{next(iter(extra))}` must be" in heard.error.detail


async def test_a_model_that_is_not_there_is_refused_with_those_that_are() -> None:
    heard = await demo("ehco")

    assert isinstance(heard.error, UpstreamRejected)
    assert "demo/echo, demo/story, demo/markdown" in heard.error.detail


@pytest.mark.parametrize(
    ("model", "said", "extra"),
    [
        ("story", "hi", {"tokens": MANY}),
        ("story", "hi", {"tokens": MANY, "tokens_per_second": 100_000}),
        ("echo", "a " * MANY, {}),
    ],
)
async def test_the_fastest_answer_lets_others_have_their_turns(
    model: str, said: str, extra: dict[str, object]
) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    someone = asyncio.create_task(other())
    heard = await demo(model, said, extra=extra)
    someone.cancel()

    assert heard.error is None
    assert turns > MANY / 100


async def test_it_comes_at_the_pace_that_was_asked_for() -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    heard = await demo("story", extra={"tokens": 11, "tokens_per_second": 50})

    assert heard.text.endswith("t10 ")
    # One token less: the clock of the loop counts whole milliseconds.
    assert loop.time() - begun >= 9 / 50


async def test_closing_in_the_middle_ends_it() -> None:
    prompt = Prompt("story", [], Params(extra={"tokens": 100_000}))
    async with aclosing(DEMO.stream(prompt)) as batches:
        await anext(batches)
    with pytest.raises(StopAsyncIteration):
        await anext(batches)
