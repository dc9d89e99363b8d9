"""The place in a text at which something was found, with the hits marked: pure."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from llmchat.domain import Piece
from llmchat.library.words import MOST_CHARS, Query, fold

_BEFORE_CHARS = 60
_CHARS = 240
_BLOCK_CHARS = 1000
_CUT = "\N{HORIZONTAL ELLIPSIS}"
_SPACE = re.compile(r"\s+")


def snippet(text: str, query: Query, *, inside: bool) -> Sequence[Piece]:
    """Some 240 characters around the first hit, on one line; the beginning where there is none."""
    text = unicodedata.normalize("NFC", text[:MOST_CHARS])
    marked = query.marked(inside=inside)
    first = marked.search(fold(text))
    begin = 0 if first is None else _begin(text, _unfolded(text, first.start()))
    shown = text[begin : begin + _CHARS]
    pieces = [Piece(_SPACE.sub(" ", piece.text), piece.hit) for piece in _pieces(shown, marked)]
    if begin:
        pieces.insert(0, Piece(_CUT, hit=False))
    if begin + _CHARS < len(text):
        pieces.append(Piece(_CUT, hit=False))
    return _joined(pieces)


def _unfolded(text: str, place: int) -> int:
    """The character whose fold is at this place of the folded text."""
    for begin in range(0, len(text), _BLOCK_CHARS):
        block = text[begin : begin + _BLOCK_CHARS]
        folded = len(fold(block))
        if place < folded:
            places = [number for number, char in enumerate(block) for _ in fold(char)]
            return begin + places[place]
        place -= folded
    return len(text)


def _begin(text: str, hit: int) -> int:
    """A little before the hit, at the beginning of a word if there is one."""
    begin = max(0, hit - _BEFORE_CHARS)
    if begin:
        space = _SPACE.search(text, begin, hit)
        begin = space.end() if space else begin
    return begin


def _pieces(text: str, marked: re.Pattern[str]) -> Iterator[Piece]:
    places = [place for place, char in enumerate(text) for _ in fold(char)]
    end = 0
    for hit in marked.finditer(fold(text)):
        if hit.start() == hit.end():
            continue
        first, last = places[hit.start()], places[hit.end() - 1] + 1
        if first < end:
            continue
        yield Piece(text[end:first], hit=False)
        yield Piece(text[first:last], hit=True)
        end = last
    yield Piece(text[end:], hit=False)


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for piece in pieces:
        if joined and joined[-1].hit == piece.hit:
            joined[-1] = Piece(joined[-1].text + piece.text, piece.hit)
        elif piece.text:
            joined.append(piece)
    return joined
