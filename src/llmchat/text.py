"""One text for everybody: what no JSON, UTF-8 or database can carry is replaced, once."""

import re
from collections.abc import Iterator
from itertools import chain

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNFIT = re.compile("[\x00\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def clean(text: str) -> str:
    """U+0000 and unpaired surrogates become U+FFFD; a pair becomes its character.

    Nothing else is touched: no normalising, no trimming.
    """
    if not _UNFIT.search(text):
        return text
    paired = _PAIR.sub(
        lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text
    )
    return _UNFIT.sub(_REPLACEMENT, paired)


def rest_of(pieces: Iterator[str], begun: str) -> Iterator[str] | None:
    """The pieces of a text behind its beginning; None when it does not begin like that."""
    piece, read = "", 0
    while read < len(begun):
        piece = next(pieces, "")
        if not piece or not piece.startswith(begun[read : read + len(piece)]):
            return None
        read += len(piece)
    surplus = read - len(begun)
    return chain([piece[-surplus:]], pieces) if surplus else pieces


class TextRepair:
    """Cleans text that arrives in pieces: a pair may be split over two of them."""

    def __init__(self) -> None:
        self._held = ""

    @property
    def holding(self) -> bool:
        """Whether something is held back."""
        return bool(self._held)

    def feed(self, piece: str) -> str:
        """`piece` cleaned, without a high surrogate at its end whose other half may follow."""
        if not self._held and not _UNFIT.search(piece):
            return piece
        text, self._held = self._held + piece, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return clean(text)

    def end(self) -> str:
        """What was held back and never completed."""
        rest, self._held = self._held, ""
        return clean(rest)
