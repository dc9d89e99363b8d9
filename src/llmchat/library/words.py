"""From a text to the words by which it is found: pure, and the same for every database.

Case, accents and compatibility forms do not count. A script without spaces between its words is cut
into single characters and pairs of them, so that any piece of it can be looked for.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_CHARS = 100_000
"""Of one text: what is behind that is not found."""
_MOST_WORD_CHARS = 64
# Of all words of a text; Postgres takes a MiB.
_MOST_BYTES = 400_000
_MOST_TERMS = 64
_MOST_FOLDS = 20_000

# Thai, Lao, Myanmar, Khmer, kana, Han, Hangul.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\U00020000-\U0003ffff"
)
# Vowel signs of Indian scripts: Python counts them as no part of a word.
_SIGNS = "\u0900-\u0963\u0966-\u0dff\u0f18-\u0fbc"
_SYMBOLS = "\u2190-\u2bff\U0001f000-\U0001faff"
_LETTER = f"(?:[^\\W_{_UNSPACED}]|[{_SIGNS}])"
_TOKEN = re.compile(f"(?P<run>[{_UNSPACED}]+)|{_LETTER}+|[{_SYMBOLS}]")
_ASCII_WORD = re.compile("[0-9a-z]+")
_LETTERS = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "ŧ": "t",
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
}


class _Folds(dict[int, str]):
    """What each character becomes, as far as anybody asked."""

    def __missing__(self, code: int) -> str:
        if len(self) >= _MOST_FOLDS:
            self.clear()
        self[code] = folded = _folded(chr(code))
        return folded


_FOLDS = _Folds()


def fold(text: str) -> str:
    """Character by character: the fold of two texts together is that of the one and the other."""
    return text.translate(_FOLDS)


def _folded(char: str) -> str:
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
    kept = "".join(c for c in decomposed if not _is_accent(c))
    return "".join(_LETTERS.get(c, c) for c in unicodedata.normalize("NFC", kept))


def _is_accent(char: str) -> bool:
    """Not the voicing of kana, or a vowel sign: these make another word."""
    place = unicodedata.combining(char)
    return place >= 200 or 10 <= place <= 36


def words_of(text: str) -> str:
    """The different words of a text, with a space between them; empty when there are none."""
    found: list[str] = []
    left = _MOST_BYTES
    for word in dict.fromkeys(_tokens(fold(_composed(text)))):
        left -= len(word.encode()) + 1
        if left < 0:
            break
        found.append(word)
    return " ".join(found)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text[:MOST_CHARS])


def _tokens(folded: str) -> Iterator[str]:
    if folded.isascii():
        yield from (word[:_MOST_WORD_CHARS] for word in _ASCII_WORD.findall(folded))
        return
    for found in _TOKEN.finditer(folded):
        if found["run"]:
            yield from found[0]
            yield from _pairs(found[0])
        else:
            yield found[0][:_MOST_WORD_CHARS]


def _pairs(run: str) -> list[str]:
    return [run[place : place + 2] for place in range(len(run) - 1)]


@dataclass(frozen=True, slots=True)
class Query:
    """What a user looks for: all of the `words`, and one that begins with `prefix`. Everything
    else in their text, quotes and the like, is not looked for. `marked` finds them in a text."""

    text: str
    words: tuple[str, ...]
    prefix: str
    _shown: tuple[str, ...] = field(repr=False)

    @property
    def empty(self) -> bool:
        return not (self.words or self.prefix)

    @property
    def terms(self) -> tuple[str, ...]:
        return (*self.words, self.prefix) if self.prefix else self.words

    def marked(self, *, inside: bool) -> re.Pattern[str]:
        """What of a folded text is a hit; `inside`: also in the middle of a word."""
        if self.empty:
            return re.compile(re.escape(fold(_composed(self.text))))
        if inside:
            return _either(map(re.escape, self._shown))
        patterns = [_whole(term, term == self.prefix) for term in self._shown]
        return _either(patterns)


def query_of(text: str) -> Query:
    """What is looked for by a text as somebody typed it: the last word may be half."""
    found = list(_TOKEN.finditer(fold(_composed(text))))[:_MOST_TERMS]
    words: dict[str, None] = {}
    shown: dict[str, None] = {}
    prefix = ""
    for place, token in enumerate(found):
        if run := token["run"]:
            words.update(dict.fromkeys(_pairs(run) or [run]))
            shown.update(dict.fromkeys([run, *(_pairs(run) or ())]))
        elif place == len(found) - 1:
            prefix = token[0][:_MOST_WORD_CHARS]
            shown[prefix] = None
        else:
            words[token[0][:_MOST_WORD_CHARS]] = None
            shown[token[0][:_MOST_WORD_CHARS]] = None
    return Query(text, tuple(words)[:_MOST_TERMS], prefix, tuple(shown)[: 2 * _MOST_TERMS])


def _whole(term: str, is_prefix: bool) -> str:
    if re.fullmatch(f"[{_UNSPACED}]+", term):
        return re.escape(term)
    behind = f"{_LETTER}*" if is_prefix else f"(?!{_LETTER})"
    return f"(?<![^\\W_{_UNSPACED}]){re.escape(term)}{behind}"


def _either(patterns: "Iterator[str] | list[str]") -> re.Pattern[str]:
    return re.compile("|".join(sorted(patterns, key=len, reverse=True)))
