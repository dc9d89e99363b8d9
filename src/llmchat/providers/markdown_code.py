"""Whether a place in a Markdown text that is still being written is inside of code."""

import re
from enum import Enum, auto

_PART = re.compile(r"`+|\n|[^`\n]+")
_LEAST_FENCE = 3


class _Place(Enum):
    PROSE = auto()
    INLINE = auto()
    FENCE_LINE = auto()
    """Behind the backticks that open a block, or that are inline code after all."""
    FENCE = auto()
    CLOSING = auto()
    """Behind the backticks that close a block, if nothing else is on their line."""


class CodeTracker:
    """Reads a text piece by piece; a piece may end anywhere, in a run of backticks too.

    Other than in the standard, a single line break ends inline code: half of a text cannot show
    whether a lone backtick will ever be closed, and one must not count for the whole rest.
    """

    def __init__(self) -> None:
        self._place = _Place.PROSE
        self._fence = 0
        self._run = 0
        self._blank_line = True

    @property
    def at_line_start(self) -> bool:
        """Whether nothing but blanks was read since the last line break."""
        return self._blank_line and not self._run

    @property
    def in_prose(self) -> bool:
        """Whether what was read ends outside of code, and not with a backtick."""
        return self._place is _Place.PROSE and not self._run

    def in_code(self) -> bool:
        """Whether what comes now is code, if it is no backtick."""
        self._end_run()
        return self._place is not _Place.PROSE

    def read(self, text: str) -> None:
        for part in _PART.findall(text):
            if part[0] == "`":
                self._run += len(part)
                continue
            self._end_run()
            if part == "\n":
                self._end_line()
            elif not part.isspace():
                self._blank_line = False
                if self._place is _Place.CLOSING:
                    self._place = _Place.FENCE

    def read_prose(self, text: str) -> None:
        """The same, quicker, for a text without backticks `in_prose`."""
        if "\n" in text:
            self._blank_line = not text[text.rfind("\n") :].strip()
        elif self._blank_line:
            self._blank_line = not text.strip()

    def _end_run(self) -> None:
        if not self._run:
            return
        length, self._run = self._run, 0
        match self._place:
            case _Place.PROSE:
                opens_block = length >= _LEAST_FENCE and self._blank_line
                self._place = _Place.FENCE_LINE if opens_block else _Place.INLINE
                self._fence = length
            case _Place.INLINE | _Place.FENCE_LINE:
                self._place = _Place.PROSE if length == self._fence else _Place.INLINE
            case _Place.FENCE if self._blank_line and length >= self._fence:
                self._place = _Place.CLOSING
            case _Place.CLOSING:
                self._place = _Place.FENCE
        self._blank_line = False

    def _end_line(self) -> None:
        match self._place:
            case _Place.FENCE_LINE:
                self._place = _Place.FENCE
            case _Place.INLINE | _Place.CLOSING:
                self._place = _Place.PROSE
        self._blank_line = True
