"""Bounds on what a client may send: each text cleaned, each number and depth limited."""

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from llmchat.text import clean

MOST_TEXT_CHARS = 512 * 1024
_MOST_JSON_DEPTH = 32
_MOST_JSON_NODES = 10_000
_MOST_INTEGER = 2**53 - 1


def bounded_json(value: Any) -> Any:
    """A copy of it, cleaned. Raises ValueError beyond the bounds."""
    return _Walk().take(value, 0)


class _Walk:
    """Copies JSON, cleaned; raises ValueError for what some database or reader could not carry."""

    def __init__(self) -> None:
        self._nodes = 0

    def take(self, value: Any, depth: int) -> Any:
        self._nodes += 1
        if depth > _MOST_JSON_DEPTH:
            raise ValueError(f"nested deeper than {_MOST_JSON_DEPTH} levels")
        if self._nodes > _MOST_JSON_NODES:
            raise ValueError(f"more than {_MOST_JSON_NODES} values in all")
        match value:
            case str():
                return clean(value)
            case bool() | None:
                return value
            case int() | float():
                return _number(value)
            case list():
                return [self.take(item, depth + 1) for item in value]
            case dict():
                return {clean(str(k)): self.take(item, depth + 1) for k, item in value.items()}
        raise ValueError("not a JSON value")


def _number(value: float) -> float:
    # First: no float can hold the largest integers, and asking whether they are finite raises.
    if isinstance(value, int) and abs(value) > _MOST_INTEGER:
        raise ValueError(f"an integer beyond {_MOST_INTEGER}, which many JSON readers round")
    if not math.isfinite(value):
        raise ValueError("a number that JSON does not know")
    return value


def _clean_if_text(value: Any) -> Any:
    # Before pydantic sees it: its own check of strings refuses what we replace.
    return clean(value) if isinstance(value, str) else value


CleanText = Annotated[str, BeforeValidator(_clean_if_text)]
Text = Annotated[CleanText, Field(max_length=MOST_TEXT_CHARS)]
Line = Annotated[CleanText, Field(max_length=512)]
ModelId = Annotated[CleanText, Field(min_length=1, max_length=256)]
SessionId = Annotated[CleanText, Field(min_length=1, max_length=128)]
"""A caller's own name for a conversation."""
JsonObject = Annotated[dict[str, Any], AfterValidator(bounded_json)]
Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]+$", min_length=1, max_length=64)]
USER = r"^[0-9A-Za-z][0-9A-Za-z._@+-]{0,127}$"
