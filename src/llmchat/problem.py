"""What a client sees of an error, on every wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """An RFC 9457 problem: what a client sees of an error, in a body, a stream or a frame. `type`
    is a relative URI reference that names the kind of error and never changes;
    `retry_after_seconds` says when trying again may help."""

    type: str
    title: str
    status: int
    detail: str
    retry_after_seconds: float | None = None
    generation_id: str | None = None
    errors: Sequence[Mapping[str, Any]] | None = None

    def as_json(self) -> dict[str, Any]:
        """The members that are set, ready for a JSON encoder."""
        members = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "retry_after_seconds": self.retry_after_seconds,
            "generation_id": self.generation_id,
            "errors": self.errors,
        }
        return {name: value for name, value in members.items() if value is not None}

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> "Problem":
        return cls(**members)
