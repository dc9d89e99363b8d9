"""What is wrong in what a client sent, in words for it."""

from typing import Any


def complaint_of(error: Any) -> dict[str, Any]:
    """Of one of pydantic's errors: where it is, and what."""
    return {
        "location": [str(part) for part in error["loc"] if not _is_tag(part)],
        "message": error["msg"].removeprefix("Value error, "),
    }


def _is_tag(part: int | str) -> bool:
    """Which member of a union it is about: nothing that a client has sent."""
    return isinstance(part, str) and part.startswith("(") and part.endswith(")")
