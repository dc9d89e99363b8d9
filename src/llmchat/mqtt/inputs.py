"""What devices send: a text, or a JSON object that says more."""

import hashlib
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import Field, ValidationError

from llmchat.domain import OnBusy
from llmchat.errors import Invalid, Malformed
from llmchat.problem import Problem
from llmchat.text import clean
from llmchat.wire.bounds import CleanText, Text
from llmchat.wire.complaints import complaint_of
from llmchat.wire.params import Body
from llmchat.wire.questions import Question

_MOST_ERRORS = 20
_MOST_PLACE_CHARS = 64


Id = Annotated[CleanText, Field(min_length=1, max_length=128)]


S = TypeVar("S", bound=Body)


class Input(Question):
    """A message to a conversation. The same `id` is the same message."""

    id: Id | None = None
    on_busy: Annotated[OnBusy, Field(strict=False)] = OnBusy.QUEUE
    system_prompt: Text | None = None

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(
            self.model_dump_json(exclude={"id"}, exclude_none=True).encode()
        ).hexdigest()


class Stop(Body):
    """Which answer is to end; all of the conversation when none is named."""

    generation_id: Annotated[str, Field(max_length=64)] | None = None
    id: Id | None = None


class Resume(Body):
    """From where an answer is to be told again."""

    generation_id: Annotated[str, Field(max_length=64)]
    after: Annotated[int, Field(ge=0, le=10**18 - 1)] = 0
    id: Id | None = None


class InvalidPayload(Invalid):
    """A JSON object with members that are wrong."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("; ".join(f"{'.'.join(e['location'])}: {e['message']}" for e in errors))
        self._errors = errors

    def problem(self) -> Problem:
        return Problem(self.type, self.title, self.status, self.detail, errors=self._errors)


def read_input(payload: bytes, *, is_text: bool, most_bytes: int) -> Input:
    """Raises Malformed and Invalid."""
    members = _members(payload, is_text=is_text, most_bytes=most_bytes)
    return _read(Input, {"content": members} if isinstance(members, str) else members)


def read_stop(payload: bytes, *, most_bytes: int) -> Stop:
    """Raises Malformed and Invalid; whatever is no JSON object stops everything."""
    members = _members(payload, is_text=False, most_bytes=most_bytes)
    return Stop() if isinstance(members, str) else _read(Stop, members)


def read_resume(payload: bytes, *, most_bytes: int) -> Resume:
    """Raises Malformed and Invalid."""
    members = _members(payload, is_text=False, most_bytes=most_bytes)
    return _read(Resume, {} if isinstance(members, str) else members)


def id_in(payload: bytes, *, most_bytes: int) -> str | None:
    """What an answer to it carries, also to one that is refused."""
    try:
        members = _members(payload, is_text=False, most_bytes=most_bytes)
    except Malformed:
        return None
    found = members.get("id") if isinstance(members, dict) else None
    return clean(found) if isinstance(found, str) and 1 <= len(found) <= 128 else None


def _members(payload: bytes, *, is_text: bool, most_bytes: int) -> dict[str, Any] | str:
    if len(payload) > most_bytes:
        raise Malformed(f"A payload has at most {most_bytes} bytes; this one has {len(payload)}.")
    if is_text or not payload.lstrip().startswith(b"{"):
        try:
            return payload.decode()
        except UnicodeDecodeError:
            raise Malformed("A payload is UTF-8: plain text, or a JSON object.") from None
    try:
        members: dict[str, Any] = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise Malformed(
            "What begins with { is taken for a JSON object, and this cannot be read as one. Text "
            'that begins like that goes into one: {"content": "{…"}.'
        ) from None
    return members


def _read(shape: type[S], members: dict[str, Any]) -> S:
    try:
        return shape.model_validate(members)
    except ValidationError as error:
        raise InvalidPayload([_told(item) for item in error.errors()[:_MOST_ERRORS]]) from None


def _told(item: Any) -> dict[str, Any]:
    complaint = complaint_of(item)
    # Names of members are the device's own words, too.
    location = [clean(part)[:_MOST_PLACE_CHARS] for part in complaint["location"]]
    return {**complaint, "location": location}
