"""Where a text says that its model thinks, `<think>…</think>`: pure, and piece by piece."""

from collections.abc import Iterable

from llmchat.events import Channel, Delta
from llmchat.providers.markdown_code import CodeTracker

_CLOSINGS = {"<think>": ("</think>",), "<thinking>": ("</thinking>",)}
# Gemini writes this one, at the very beginning only; elsewhere it is a word like any other.
_CLOSINGS_AT_THE_START = _CLOSINGS | {"<thought>": ("</thought>",)}
_ANY_CLOSING = ("</think>", "</thinking>")
_LONGEST_TAG = len("</thinking>")
_LINE_BREAKS = "\r\n"


class TagSplitter:
    """Splits a text into answer and reasoning, however it is cut into pieces.

    Dropped are the tags, the line breaks right inside of them, and those right behind a closing tag
    that does not end a line of the answer. Tags inside of code are text. Inside of the reasoning
    only a closing tag in backticks is: models begin blocks of code there and never end them.

    `begun` says that the text begins inside; `answered` is an answer that the text goes on with.
    """

    def __init__(self, *, begun: bool = False, answered: str = "") -> None:
        self._code = CodeTracker()
        self._code.read(answered)
        self._closings: tuple[str, ...] = _ANY_CLOSING if begun and not answered else ()
        self._at_start = not (begun or answered)
        self._drops_breaks = bool(self._closings)
        self._breaks: list[str] = []
        self._last = ""
        self._held = ""
        self.idle = False
        """Whether a text with neither a `<` nor a backtick would be given as it is."""

    def skip(self, text: str) -> None:
        """Such a text, of which nothing need be given."""
        self._code.read_prose(text)

    def feed(self, text: str) -> list[Delta]:
        """What is clear by now; the rest is held back."""
        text, self._held = self._held + text, ""
        given: list[Delta] = []
        at = 0
        while at < len(text):
            at = (self._think if self._closings else self._answer)(text, at, given)
        self._settle()
        return given

    def rest(self) -> list[Delta]:
        """All that is held back: no more of this text follows, or something else comes first."""
        held, self._held = self._held, ""
        given: list[Delta] = []
        if not self._closings:
            self._read_answer(held)
            _give(given, held, "answer")
        elif held in self._closings:
            self._close()
        else:
            self._give_thought(held, given)
        _give(given, self._take_breaks(), "reasoning")
        self._settle()
        return given

    def _settle(self) -> None:
        inside = self._closings or self._held or self._drops_breaks or self._at_start
        self.idle = not inside and self._code.in_prose

    def _answer(self, text: str, at: int, given: list[Delta]) -> int:
        """Reads on behind `at`, up to a tag or to the end."""
        if self._drops_breaks:
            at = _behind_breaks(text, at)
            self._drops_breaks = at == len(text)
        begin = read = at
        while (less := text.find("<", at)) >= 0:
            at = less + 1
            # Nearly every other `<` is told from a tag by what is behind it.
            if not (text.startswith("t", at) or at == len(text)):
                continue
            self._read_answer(text[read:less])
            read = less
            if self._code.in_code():
                continue
            openings = _CLOSINGS_AT_THE_START if self._at_start else _CLOSINGS
            opening = next((tag for tag in openings if text.startswith(tag, less)), None)
            if opening is None and not _may_become(openings, text, less):
                continue
            _give(given, text[begin:less], "answer")
            if opening is not None:
                self._open(openings[opening])
                return less + len(opening)
            self._held = text[less:]
            return len(text)
        self._read_answer(text[read:])
        _give(given, text[begin:], "answer")
        return len(text)

    def _read_answer(self, text: str) -> None:
        self._code.read(text)
        self._at_start = self._at_start and not text.strip()

    def _open(self, closings: tuple[str, ...]) -> None:
        self._closings = closings
        self._drops_breaks = True
        self._at_start = False
        self._last = ""

    def _close(self) -> None:
        self._closings = ()
        self._breaks.clear()
        self._drops_breaks = self._code.at_line_start

    def _think(self, text: str, at: int, given: list[Delta]) -> int:
        """Reads on behind `at`, up to the next `<` and what it is a part of, or to the end."""
        if self._drops_breaks:
            at = _behind_breaks(text, at)
            self._drops_breaks = at == len(text)
        less = text.find("<", at)
        self._give_thought(text[at : less if less >= 0 else len(text)], given)
        if less < 0:
            return len(text)
        closing = next((tag for tag in self._closings if text.startswith(tag, less)), None)
        if closing is None and _may_become(self._closings, text, less):
            self._held = text[less:]
            return len(text)
        if closing is not None:
            end = less + len(closing)
            quoted = self._last == "`"
            if quoted and end == len(text):
                self._held = closing
                return end
            if not quoted or text[end] != "`":
                self._close()
                return end
        self._give_thought("<", given)
        return less + 1

    def _give_thought(self, text: str, given: list[Delta]) -> None:
        """The text, but for the line breaks at its end: a closing tag may follow them."""
        body = text.rstrip(_LINE_BREAKS)
        if body:
            _give(given, self._take_breaks() + body, "reasoning")
        if text:
            self._last = text[-1]
        if len(body) < len(text):
            self._breaks.append(text[len(body) :])

    def _take_breaks(self) -> str:
        breaks = "".join(self._breaks)
        self._breaks.clear()
        return breaks


def _give(given: list[Delta], text: str, channel: Channel) -> None:
    if text:
        given.append(Delta(text, channel))


def _behind_breaks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _LINE_BREAKS:
        at += 1
    return at


def _may_become(tags: Iterable[str], text: str, at: int) -> bool:
    """Whether the rest of the text is the beginning of a tag."""
    if len(text) - at > _LONGEST_TAG:
        return False
    rest = text[at:]
    return any(tag.startswith(rest) for tag in tags)
