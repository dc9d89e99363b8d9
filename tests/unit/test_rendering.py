"""Gaps in a prompt: filled with what is given, refused with a reason, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.errors import Invalid
from llmchat.templates.base import Content, Variable
from llmchat.templates.rendering import (
    MOST_RENDERED_CHARS,
    MOST_VALUE_CHARS,
    check,
    escape,
    render,
)

GAPS = ("who", "lang_2", "X")
texts = st.text(st.sampled_from("{}\\ a\n{{é"), max_size=30) | st.text(max_size=30)
values = st.fixed_dictionaries(dict.fromkeys(GAPS, texts))


def content(prompt: str, *variables: Variable) -> Content:
    return Content(prompt, variables=variables or [Variable(name) for name in GAPS])


class TestRender:
    @pytest.mark.parametrize(
        ("prompt", "rendered"),
        [
            ("", ""),
            ("plain", "plain"),
            ("{{who}}", "Ann"),
            ("{{ who }}, {{  who}}", "Ann, Ann"),
            ('{"name": {{{who}}}', '{"name": {Ann}'),
            ("{{{{who}}}}", "{{Ann}}"),
            ("{who} {} }} {", "{who} {} }} {"),
            ("\\{{who}}", "{{who}}"),
            ("\\{\\{who}}", "\\{\\{who}}"),
            ("{{who}}{{lang_2}}", "Ann{{X}}"),
        ],
    )
    def test_fills_the_gaps(self, prompt: str, rendered: str) -> None:
        given = {"who": "Ann", "lang_2": "{{X}}", "X": "no"}
        check(content(prompt))
        assert render(content(prompt), given) == rendered

    @given(st.lists(texts | st.sampled_from(GAPS).map(lambda name: (name,)), max_size=8), values)
    def test_is_its_pieces_with_the_values_between_them(
        self, pieces: list[str | tuple[str]], given: dict[str, str]
    ) -> None:
        # A blank where a backslash or a brace would join the braces of a gap.
        prompt = "".join(f" {{{{{p[0]}}}}} " if isinstance(p, tuple) else escape(p) for p in pieces)
        wanted = "".join(f" {given[p[0]]} " if isinstance(p, tuple) else p for p in pieces)

        check(content(prompt))
        assert render(content(prompt), given) == wanted

    @given(st.text(st.sampled_from("{} \\who"), max_size=40), texts)
    def test_any_text_is_rendered_or_refused_when_it_is_saved(self, prompt: str, who: str) -> None:
        try:
            check(content(prompt, Variable("who")))
        except Invalid:
            return
        assert isinstance(render(content(prompt, Variable("who")), {"who": who}), str)

    def test_takes_the_default_of_what_is_left_out(self) -> None:
        asked = content("{{a}} {{b}}", Variable("a", default="{{b}}"), Variable("b", default=""))
        assert render(asked, {}) == "{{b}} "
        assert render(asked, {"b": "two"}) == "{{b}} two"

    def test_names_all_that_is_missing(self) -> None:
        with pytest.raises(Invalid, match="a value for X, lang_2"):
            render(content("{{who}}"), {"who": "Ann"})

    def test_refuses_what_it_does_not_know_unless_that_is_ignored(self) -> None:
        asked = content("Hi", Variable("who", default="you"))
        with pytest.raises(Invalid, match=r"no variable whom\. It has who"):
            render(asked, {"whom": "Ann"})
        assert render(asked, {"whom": "Ann"}, ignores_unknown=True) == "Hi"

    def test_refuses_a_value_and_a_result_that_are_too_long(self) -> None:
        most = "x" * MOST_VALUE_CHARS
        asked = content("{{who}}" * (MOST_RENDERED_CHARS // MOST_VALUE_CHARS), Variable("who"))
        with pytest.raises(Invalid, match="longer than 16384"):
            render(asked, {"who": most + "x"})
        with pytest.raises(Invalid, match="longer than 524288"):
            render(asked, {"who": most})


class TestCheck:
    @pytest.mark.parametrize(
        ("prompt", "reason"),
        [
            ("Hi {{whom}}", "`{{whom}}` at character 3"),
            ("{{", "character 0"),
            ("a {{who", "character 2"),
            ("{{who lang_2}}", "character 0"),
            ("{{1}}", "character 0"),
            ("{{who.__class__}}", "character 0"),
        ],
    )
    def test_refuses_what_opens_no_variable(self, prompt: str, reason: str) -> None:
        with pytest.raises(Invalid, match=reason):
            check(content(prompt))

    def test_refuses_two_variables_of_one_name(self) -> None:
        with pytest.raises(Invalid, match="more than one variable who"):
            check(content("", Variable("who"), Variable("who", default="")))

    def test_refuses_defaults_that_fill_it_beyond_its_bounds(self) -> None:
        with pytest.raises(Invalid, match="longer than"):
            check(content("{{who}}" * 9000, Variable("who", default="x" * 100)))
