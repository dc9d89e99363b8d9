"""A title is one plain line, whatever a model says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.chat.titling import cleaned, title_prompt
from llmchat.domain import Role
from tests.contract.strategies import bounded

SAID = {
    "The Quick Brown Fox": "The Quick Brown Fox",
    '"The Quick Brown Fox."': "The Quick Brown Fox",
    "**Title:** The Fox": "The Fox",
    "# The Fox\n\nIt is quick.": "The Fox",
    "\n\n  The   Fox  \n": "The Fox",
    "Titel: „Der Fuchs“": "Der Fuchs",
    "« Le renard »": "Le renard",
    "「素早い狐」": "素早い狐",
    "敏捷的狐狸。": "敏捷的狐狸",
    "1. The Fox": "The Fox",
    "- _The Fox_": "The Fox",
    "`asyncio` in Python.": "asyncio in Python",
    "[The Fox](https://example.org)": "The Fox",
    "Why is the sky blue?": "Why is the sky blue?",
    "Don't panic": "Don't panic",
    "'Don't panic'": "Don't panic",
    '"Hamlet" and "Macbeth"': '"Hamlet" and "Macbeth"',
    "To be continued...": "To be continued...",
    "<think>A fox.\nSo:</think>\n\nThe Fox": "The Fox",
    "A fox, so:\n</think>\nThe Fox": "The Fox",
    "<think>It goes on and on": "",
    "<thinking>a</thinking>The Fox": "The Fox",
    "a\u200bb\u202ec\td": "a b c d",
    "👩‍👧 at home": "👩‍👧 at home",
    "": "",
    '""': "",
    "...": "",
    "\n \n": "",
    "**\n# The Fox": "The Fox",
}


@pytest.mark.parametrize(("said", "title"), SAID.items())
def test_the_words_are_taken_out_of_what_is_around_them(said: str, title: str) -> None:
    assert cleaned(said) == title


def test_a_long_title_is_cut_between_words() -> None:
    assert cleaned("word " * 100) == ("word " * 16).rstrip()
    assert cleaned("漢" * 100) == "漢" * 80


@bounded
@given(st.text() | st.text(alphabet="<>think/ \n*#\"'_`[]()a.-1"))
def test_any_answer_becomes_one_bounded_line(said: str) -> None:
    title = cleaned(said)
    assert len(title) <= 80
    assert title == title.strip()
    assert len(title.splitlines()) <= 1
    assert "**" not in title
    assert cleaned(title) == title


@pytest.mark.parametrize("piece", ["[", "<think>", "</think>", "#", "- ", '"', "_", "title: "])
def test_no_answer_takes_long(piece: str) -> None:
    """A quadratic expression would take minutes for this."""
    assert len(cleaned(piece * 200_000)) <= 80


def test_a_model_is_shown_the_beginnings() -> None:
    prompt = title_prompt("some", "q" * 100_000, "a" * 100_000)
    system, said = prompt.messages
    assert (system.role, said.role, prompt.model) == (Role.SYSTEM, Role.USER, "some")
    assert said.content.startswith("qqq")
    assert "aaa" in said.content
    assert len(said.content) < 4000
