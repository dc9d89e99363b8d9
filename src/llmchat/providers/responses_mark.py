"""Where in an upstream's own log of an answer the reading stands, as a short string."""

import re
from dataclasses import dataclass

from llmchat.errors import UpstreamMalformed, UpstreamTruncated

_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_MARK = re.compile(r"([A-Za-z0-9_-]{1,200})((?::(?:-1|[0-9]{1,15})){5})")


@dataclass(frozen=True, slots=True)
class Mark:
    """Everything up to the event number `sequence` of the response `id` was given on: so many
    characters of the answer and of the reasoning, so many calls begun, and of the last of these so
    many characters of its arguments. `sequence` is -1 before the first event that has a number."""

    id: str
    sequence: int = -1
    answer: int = 0
    reasoning: int = 0
    calls: int = 0
    arguments: int = 0

    def __str__(self) -> str:
        numbers = (self.sequence, self.answer, self.reasoning, self.calls, self.arguments)
        return ":".join([self.id, *map(str, numbers)])

    @classmethod
    def read(cls, text: str) -> "Mark":
        """Raises UpstreamTruncated for what `str` of a mark did not write: nothing can be read on
        from there."""
        found = _MARK.fullmatch(text)
        mark = found and cls(found[1], *map(int, found[2].split(":")[1:]))
        if mark is None or str(mark) != text:
            raise UpstreamTruncated(
                "The answer cannot be read on: where it was left off was noted by another kind of "
                "provider, or by another version. What came is kept."
            )
        return mark


def response_id(id: object) -> str:
    """The same id, if it is one. Raises UpstreamMalformed: it becomes a part of an address."""
    if not isinstance(id, str) or not _ID.fullmatch(id):
        raise UpstreamMalformed(
            "The model's server gave its answer an id that is none: expected 1 to 200 letters, "
            'digits, "_" and "-".'
        )
    return id
