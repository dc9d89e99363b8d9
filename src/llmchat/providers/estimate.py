"""Tokens without a vocabulary: from the characters of a text, corrected by what servers report."""

from collections import OrderedDict
from dataclasses import dataclass
from string import ascii_letters, whitespace

# Tokens per character, measured with the vocabularies of the usual models over prose, code and
# JSON in a dozen languages. A character outside of ASCII costs more the longer its UTF-8 is.
_PER_LETTER = 1 / 5.5
_PER_MARK = 2 / 3
_PER_OTHER = 1 / 4
_PER_OTHER_BYTE = 3 / 8

_LETTERS = (ascii_letters + whitespace).encode()
_NOT_ASCII = bytes(range(0x80, 0x100))

_LEAST_RATIO = 0.25
_MOST_RATIO = 4.0
_WEIGHT_OF_THE_NEWEST = 0.1
# What stands for "an estimate is right", in tokens. Every server adds a little of its own around a
# prompt: without this, a few greetings would teach that long texts have four times their tokens.
_FIRST_BELIEF = 500.0
_MOST_MODELS = 256


def estimated_tokens(text: str) -> float:
    """About how many tokens it is to a model whose vocabulary is unknown: for English, code and
    most languages it is off by up to a third, for long numbers and rare scripts by a half."""
    data = text.encode("utf-8", "replace")
    ascii_bytes = len(data.translate(None, _NOT_ASCII))
    marks = len(data.translate(None, _LETTERS + _NOT_ASCII))
    others = len(text) - ascii_bytes
    return (
        (ascii_bytes - marks) * _PER_LETTER
        + marks * _PER_MARK
        + others * _PER_OTHER
        + (len(data) - len(text)) * _PER_OTHER_BYTE
    )


@dataclass(slots=True)
class _Seen:
    """What was estimated and what was reported lately, as two averages that fade alike."""

    estimated: float = 0.0
    reported: float = 0.0


class Ratios:
    """How many tokens each model's server counts for one that is estimated. Remembers the models
    that taught it something last."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def of(self, model: str) -> float:
        seen = self._seen.get(model)
        if seen is None:
            return 1.0
        ratio = (_FIRST_BELIEF + seen.reported) / (_FIRST_BELIEF + seen.estimated)
        return min(max(ratio, _LEAST_RATIO), _MOST_RATIO)

    def learn(self, model: str, estimated: float, reported: int) -> None:
        """A long prompt teaches more than a short one."""
        seen = self._seen.setdefault(model, _Seen())
        self._seen.move_to_end(model)
        kept = 1 - _WEIGHT_OF_THE_NEWEST
        seen.estimated = seen.estimated * kept + estimated
        seen.reported = seen.reported * kept + reported
        if len(self._seen) > _MOST_MODELS:
            self._seen.popitem(last=False)
