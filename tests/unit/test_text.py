"""One text for everybody: clean, whole, and the same however it was cut on the way."""

import unicodedata

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmchat.text import TextRepair, clean, rest_of
from tests.contract.strategies import ODD_TEXTS, bounded

# `codec` None: with the surrogates that JSON can name and UTF-8 cannot carry.
wild_texts = st.text(
    st.characters(codec=None) | st.sampled_from("\x00\ud800\udbff\udc00\udfff😀a"), max_size=12
)


class TestClean:
    @pytest.mark.parametrize(
        ("text", "cleaned"),
        [
            ("", ""),
            ("plain", "plain"),
            ("a\x00b", "a\ufffdb"),
            ("\ud83d\ude00", "😀"),
            ("a\ud83d", "a\ufffd"),
            ("\ude00a", "\ufffda"),
            ("\ude00\ud83d", "\ufffd\ufffd"),
            ("\ud83d\ud83d\ude00\ude00", "\ufffd😀\ufffd"),
            (" e\u0301 \u2028\ufeff\r\n ", " e\u0301 \u2028\ufeff\r\n "),
        ],
    )
    def test_what_nobody_can_carry_is_replaced(self, text: str, cleaned: str) -> None:
        assert clean(text) == cleaned

    @bounded
    @given(wild_texts)
    def test_what_is_clean_can_be_carried_everywhere_and_stays(self, text: str) -> None:
        cleaned = clean(text)
        assert orjson.loads(orjson.dumps(cleaned)) == cleaned == cleaned.encode().decode()
        assert "\x00" not in cleaned
        assert clean(cleaned) == cleaned

    @bounded
    @given(st.text())
    def test_only_nul_is_touched_in_valid_text(self, text: str) -> None:
        assert clean(text) == text.replace("\x00", "\ufffd")

    def test_nothing_is_normalised(self) -> None:
        decomposed = unicodedata.normalize("NFD", "éàü")
        assert clean(decomposed) == decomposed


class TestRepair:
    @bounded
    @given(st.lists(wild_texts, max_size=8))
    def test_the_cuts_make_no_difference(self, pieces: list[str]) -> None:
        repair = TextRepair()
        fed = [repair.feed(piece) for piece in pieces]
        assert "".join([*fed, repair.end()]) == clean("".join(pieces))
        for text in fed:
            text.encode()

    @pytest.mark.parametrize("text", ODD_TEXTS)
    def test_valid_text_is_held_back_by_nobody(self, text: str) -> None:
        repair = TextRepair()
        assert [repair.feed(piece) for piece in text] == [clean(piece) for piece in text]
        assert repair.end() == ""

    def test_half_a_pair_waits_for_the_other_half(self) -> None:
        repair = TextRepair()
        assert [repair.feed(piece) for piece in ("a\ud83d", "", "\ude00b")] == ["a", "", "😀b"]
        assert repair.end() == ""

    def test_half_a_pair_that_stays_alone_is_told_at_the_end(self) -> None:
        repair = TextRepair()
        assert repair.feed("a\ud83d") == "a"
        assert repair.end() == "\ufffd"
        assert repair.end() == ""


class TestRestOf:
    @bounded
    @given(st.lists(st.text("ab", min_size=1, max_size=3), max_size=8), st.integers(0, 30))
    def test_is_what_follows_a_beginning(self, pieces: list[str], length: int) -> None:
        whole = "".join(pieces)
        rest = rest_of(iter(pieces), whole[:length])
        assert rest is not None
        assert "".join(rest) == whole[length:]

    @pytest.mark.parametrize("begun", ["b", "aa", "ab x", "ab ab ", "ab abab"])
    def test_there_is_none_of_another_text(self, begun: str) -> None:
        assert rest_of(iter(["a", "b ", "ab"]), begun) is None
