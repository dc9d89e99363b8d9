"""What a model thinks is never in its answer, however its server marks it and cuts it up."""

from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.catalogue import providers_of, token_counter
from llmchat.config.provider import OpenAISettings
from llmchat.domain import Params
from llmchat.errors import UpstreamTruncated
from llmchat.events import Delta, Finished, ToolCall
from llmchat.providers.base import ProviderEvent, Restarted
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.think_tags import TagSplitter
from llmchat.providers.thinking import Thinking
from llmchat.settings import Settings
from tests.providers.asking import Heard, Script, Scripted, listen, prompt
from tests.upstream import Upstream, mock_model

STOP = Finished("complete", "stop")
BROKEN = UpstreamTruncated("gone")
CALL = ToolCall(0, "c", "weather", "{}")
SKIPPED = Params(skip_thinking=True)

PIECES = [
    "<think>", "</think>", "<thinking>", "</thinking>", "<thought>", "</thought>", "<", ">", "</",
    "<thi", "nk>", "`", "``", "```", "\n```\n", "```py\n", "\n", "\r\n", "\n\n", " ", "a",
    "é😀", "x y ",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
CUTS = st.lists(st.integers(0, 200), max_size=8)
MARKUP = {*"</think>", *"</thinking>", *"</thought>", "\r", "\n"}
SHAPES = {"auto": TagSplitter, "begun": lambda: TagSplitter(begun=True)}


def split(pieces: Sequence[str], splitter: TagSplitter | None = None) -> list[tuple[str, str]]:
    """The channels in order, each with all of its text up to the next."""
    splitter = splitter or TagSplitter()
    given = [delta for piece in pieces for delta in splitter.feed(piece)] + splitter.rest()
    assert all(delta.text for delta in given)
    runs = groupby(given, key=lambda delta: delta.channel)
    return [(channel, "".join(delta.text for delta in run)) for channel, run in runs]


def cut(text: str, places: Sequence[int]) -> list[str]:
    ends = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(ends)]


@pytest.mark.parametrize("shape", SHAPES)
@given(text=TEXTS, places=CUTS)
def test_any_split_of_any_text_gives_the_same_channels(
    shape: str, text: str, places: list[int]
) -> None:
    whole = split([text], SHAPES[shape]())

    assert split(cut(text, places), SHAPES[shape]()) == whole
    assert split(list(text), SHAPES[shape]()) == whole


@given(TEXTS, CUTS)
def test_nothing_is_lost_but_tags_and_line_breaks(text: str, places: list[int]) -> None:
    given_text = "".join(part for _, part in split(cut(text, places)))
    rest = iter(text)
    assert all(character in rest for character in given_text), "something that was never there"

    markup = str.maketrans("", "", "".join(MARKUP))
    assert given_text.translate(markup) == text.translate(markup)


WORDS = st.text(st.sampled_from("ab é😀>/"), min_size=1, max_size=6)


@given(st.lists(st.tuples(st.sampled_from(["think", "thinking"]), WORDS, WORDS)), WORDS, CUTS)
def test_every_block_of_many_goes_to_its_channel(
    blocks: list[tuple[str, str, str]], first: str, places: list[int]
) -> None:
    text = first + "".join(
        f"<{tag}>\n{thought}\r\n</{tag}>{answer}" for tag, thought, answer in blocks
    )
    parts = split(cut(text, places))

    said = "".join(part for channel, part in parts if channel == "answer")
    assert said == first + "".join(answer for _, _, answer in blocks)
    thought = "".join(part for channel, part in parts if channel == "reasoning")
    assert thought == "".join(block[1] for block in blocks)


EXACT = {
    "a block before the answer": ("<think>\nhm\n</think>\n\nyes", "hm", "yes"),
    "line breaks within": ("<think>\na\n\nb\n</think>yes\n\nno\n", "a\n\nb", "yes\n\nno\n"),
    "nothing in it": ("<think>\n\n</think>\n\nyes", "", "yes"),
    "in mid-line": ("one <think>hm</think>\ntwo", "hm", "one \ntwo"),
    "behind a line": ("one\n<think>hm</think>\ntwo", "hm", "one\ntwo"),
    "never closed": ("<think>hm\nso <b>\n", "hm\nso <b>\n", ""),
    "never opened": ("hm</think>yes", "", "hm</think>yes"),
    "another tag closes nothing": ("<think>a</thinking>b</think>c", "a</thinking>b", "c"),
    "one within": ("<think>a<think>b</think>c", "a<think>b", "c"),
    "half a tag at the end": ("yes <thin", "", "yes <thin"),
    "half a closing tag at the end": ("<think>hm</thin", "hm</thin", ""),
    "no tags": ("a < b <thinker> <think/> <THINK>", "", "a < b <thinker> <think/> <THINK>"),
    "Gemini's, first of all": (" <thought>hm</thought>yes", "hm", " yes"),
    "Gemini's, later": ("a <thought>b</thought>", "", "a <thought>b</thought>"),
    "inline code": ("the `<think>` tag", "", "the `<think>` tag"),
    "longer inline code": ("``a ` <think>`` b", "", "``a ` <think>`` b"),
    "behind inline code": ("`a`<think>hm</think>b", "hm", "`a`b"),
    "behind a lone backtick": ("a ` b\n<think>hm</think>c", "hm", "a ` b\nc"),
    "a block of code": ("```xml\n<think>\n```\n", "", "```xml\n<think>\n```\n"),
    "in a list": ("- a\n  ```\n  <think>\n  ```\n", "", "- a\n  ```\n  <think>\n  ```\n"),
    "behind a block of code": ("```\na\n```\n<think>hm</think>b", "hm", "```\na\n```\nb"),
    "a longer fence": ("````\n```\n<think>\n````\n", "", "````\n```\n<think>\n````\n"),
    "a fence with a word closes none": ("```\n```py\n<think>\n```", "", "```\n```py\n<think>\n```"),
    "code on a line of its own": ("```a``` <think>hm</think>b", "hm", "```a``` b"),
    "three backticks in mid-line": ("a ```\n<think>hm</think>b", "hm", "a ```\nb"),
    "code that is only thought of": ("<think>```py\nx\n</think>yes", "```py\nx", "yes"),
    "a tag that is thought of": ("<think>a `</think>` b</think>yes", "a `</think>` b", "yes"),
    "a backtick before the end": ("<think>`a`</think>yes", "`a`", "yes"),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_a_text_is_split_like_this(name: str) -> None:
    text, reasoning, answer = EXACT[name]
    parts = split([text])

    assert "".join(part for channel, part in parts if channel == "reasoning") == reasoning
    assert "".join(part for channel, part in parts if channel == "answer") == answer


def test_an_answer_may_begin_inside() -> None:
    begun = TagSplitter(begun=True)
    assert split(["\nhm\n</think>\n\nyes <think>so</think>"], begun) == [
        ("reasoning", "hm"), ("answer", "yes "), ("reasoning", "so"),
    ]  # fmt: skip


def test_what_goes_on_with_an_answer_does_not_begin_inside() -> None:
    assert split(["es", "<think>"], TagSplitter(begun=True, answered="y")) == [("answer", "es")]
    assert split(["<thought>"], TagSplitter(answered="y")) == [("answer", "<thought>")]
    fenced = TagSplitter(answered="```\nfirst ")
    assert split(["<think>\n```\n<think>hm"], fenced) == [
        ("answer", "<think>\n```\n"), ("reasoning", "hm"),
    ]  # fmt: skip


async def think(script: Script, params: Params | None = None, **more: bool) -> Heard:
    inner = Scripted(script)
    heard = await listen(Thinking(inner, **more), prompt(params=params))
    assert inner.open == 0
    return heard


@given(TEXTS, CUTS, st.booleans())
async def test_the_provider_splits_as_the_splitter_does(
    text: str, places: list[int], in_one_batch: bool
) -> None:
    deltas = [Delta(piece) for piece in cut(text, places)]
    heard = await think([[*deltas, STOP]] if in_one_batch else [*([it] for it in deltas), [STOP]])

    parts = split([text])
    assert heard.text == "".join(part for channel, part in parts if channel == "answer")
    assert heard.reasoning == "".join(part for channel, part in parts if channel == "reasoning")


@pytest.mark.parametrize(
    "pieces",
    [
        ["so", "`", "<think>", "`"],
        ["so", "\n", "```", "\n", "<think>", "\n```"],
        ["so", "\n ", "on", "```\n<think>hm"],
        ["so\n", "on ", "<think>hm</think>", "\n", "so"],
    ],
)
async def test_what_passes_by_is_seen_as_well(pieces: list[str]) -> None:
    heard = await think([*([Delta(piece)] for piece in pieces), [STOP]])

    channels = dict(split(["".join(pieces)]))
    assert heard.reasoning == channels.get("reasoning", "")
    assert heard.text == "".join(part for name, part in split(pieces) if name == "answer")


async def test_other_events_keep_their_place_among_the_text() -> None:
    native = Delta("of itself", "reasoning")
    heard = await think([[Delta("a <thi"), CALL, Delta("nk>b")], [native], [Delta("<thin"), STOP]])

    assert heard.events == [
        Delta("a "), Delta("<thi"), CALL, Delta("nk>b"), native, Delta("<thin"), STOP,
    ]  # fmt: skip


async def test_another_attempt_begins_anew() -> None:
    again = Restarted("the other model")
    heard = await think([[Delta("<think>hm\n<"), again, Delta("yes"), STOP]])

    assert heard.events == [
        Delta("hm", "reasoning"), Delta("\n<", "reasoning"), again, Delta("yes"), STOP,
    ]  # fmt: skip


@pytest.mark.parametrize(("held", "channel"), [("<thin", "answer"), ("<think></th", "reasoning")])
async def test_what_is_held_back_comes_before_an_error(held: str, channel: str) -> None:
    heard = await think([[Delta(held)], BROKEN])

    assert heard.error is BROKEN
    assert [(e.text, e.channel) for e in heard.events if isinstance(e, Delta)] == [
        (held.removeprefix("<think>"), channel)
    ]


async def test_a_batch_without_tags_is_given_on_as_the_same_object() -> None:
    script: list[list[ProviderEvent]] = [[Delta("a")], [Delta("b"), CALL, Delta("c", "reasoning")]]
    provider = Thinking(Scripted([*script, [STOP]]))
    given_on = [batch async for batch in provider.stream(prompt())]

    assert given_on[1] is script[1]


async def test_reasoning_that_nobody_wants_is_only_a_sign_of_life() -> None:
    script: Script = [[Delta("a", "reasoning")], [Delta("<think>b")], [Delta("</think>yes"), STOP]]
    provider = Thinking(Scripted(script, script, script))

    assert [batch async for batch in provider.stream(prompt(params=SKIPPED))] == [
        [], [], [Delta("yes"), STOP],
    ]  # fmt: skip
    untagged = await think(script, SKIPPED, tags=False)
    assert (untagged.text, untagged.reasoning) == ("<think>b</think>yes", "")


async def test_tags_are_left_alone_where_they_are_off() -> None:
    heard = await think([[Delta("<think>b</think>yes"), STOP]], tags=False)
    assert heard.text == "<think>b</think>yes"


@pytest.mark.parametrize("split_bytes", [0, 1])
async def test_a_real_server_that_thinks_in_its_text(
    split_bytes: int, provider: OpenAIProvider
) -> None:
    model = mock_model(text="<think>\nhm so\n</think>\n\nyes `<think>`", split=split_bytes)
    heard = await listen(Thinking(provider), prompt(model))

    assert (heard.reasoning, heard.text) == ("hm so", "yes `<think>`")
    assert heard.finish_reason == "stop"


@pytest.mark.parametrize(
    ("think_tags", "text", "reasoning", "answer"),
    [
        ("auto", "<think>hm</think>yes", "hm", "yes"),
        ("begun", "hm</think>yes", "hm", "yes"),
        ("off", "<think>hm</think>yes", "", "<think>hm</think>yes"),
    ],
)
async def test_the_settings_of_a_provider_say_how_it_marks_its_thoughts(
    think_tags: str, text: str, reasoning: str, answer: str, upstream: Upstream, tmp_path: Path
) -> None:
    mine = OpenAISettings.model_validate({"base_url": upstream.base_url, "think_tags": think_tags})
    models = providers_of(
        Settings(providers={"mine": mine}, data_dir=tmp_path, discover=False), token_counter()
    )
    provider, name = models.resolve(f"mine/{mock_model(text=text)}")
    heard = await listen(provider, prompt(name))
    await models.aclose()

    assert (heard.reasoning, heard.text) == (reasoning, answer)
