"""What a client sends over a socket: one JSON object a frame, its kind in `type`."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from llmchat.domain import OnBusy, Role
from llmchat.errors import Invalid, Malformed
from llmchat.problem import Problem
from llmchat.prompts import PromptMessage
from llmchat.store.drafts import IdempotencyKey
from llmchat.text import clean
from llmchat.web.chatting import ChatMessage
from llmchat.wire.bounds import CleanText, Id, ModelId, Text
from llmchat.wire.contents import Content, parts_of, text_of
from llmchat.wire.params import Body, Params

_MOST_ERRORS = 20
_MOST_MESSAGES = 2000
_MOST_REF_CHARS = 128
_MOST_PLACE_CHARS = 64
_MOST_OFFSET = 10**18 - 1

Ref = Annotated[CleanText, Field(min_length=1, max_length=_MOST_REF_CHARS)]


class ClientFrame(Body):
    ref: Ref | None = None
    """Any text of the client's own, given back in the answer."""


class JoinRoom(ClientFrame):
    type: Literal["join_room"]
    conversation_id: Id
    follow: bool = True
    """False for who reads along by another way, the conversation's stream: who is there, and who is
    typing, is told, and what is said is not."""


class LeaveRoom(ClientFrame):
    type: Literal["leave_room"]
    conversation_id: Id


class Typing(ClientFrame):
    type: Literal["typing"]
    conversation_id: Id
    typing: bool = True


class SendMessage(ClientFrame):
    type: Literal["send_message"]
    conversation_id: Id
    content: Content
    model: ModelId | None = None
    params: Params | None = None
    on_busy: Annotated[OnBusy, Field(strict=False)] = OnBusy.QUEUE
    """Several people talk at once: their messages wait for each other."""


class LlmRequest(ClientFrame):
    type: Literal["llm_request"]
    conversation_id: Id | None = None
    prompt: Annotated[Text, Field(min_length=1)] | None = None
    content: Content | None = None
    messages: (
        Annotated[list[ChatMessage], Field(min_length=1, max_length=_MOST_MESSAGES)] | None
    ) = None
    model: ModelId | None = None
    params: Params | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "LlmRequest":
        given = [asked for asked in (self.prompt, self.content, self.messages) if asked is not None]
        if len(given) != 1:
            raise ValueError("one of `prompt`, `content` and `messages` is needed, and only one")
        if self.messages is not None and self.conversation_id is not None:
            raise ValueError("a conversation has its own messages: send `content` to it")
        return self

    @property
    def asked(self) -> Any:
        return self.prompt if self.content is None else self.content

    def as_messages(self) -> list[PromptMessage]:
        if self.messages is not None:
            return [message.to_domain() for message in self.messages]
        return [PromptMessage(Role.USER, text_of(self.asked), parts_of(self.asked))]


class Stop(ClientFrame):
    type: Literal["stop"]
    generation_id: Id


class Resume(ClientFrame):
    type: Literal["resume"]
    generation_id: Id
    after: Annotated[int, Field(ge=0, le=_MOST_OFFSET)] = 0
    """The last offset that was seen."""


class Ping(ClientFrame):
    type: Literal["ping"]


Frame = JoinRoom | LeaveRoom | Typing | SendMessage | LlmRequest | Stop | Resume | Ping
_FRAMES: dict[str, type[Frame]] = {
    "join_room": JoinRoom,
    "leave_room": LeaveRoom,
    "typing": Typing,
    "send_message": SendMessage,
    "llm_request": LlmRequest,
    "stop": Stop,
    "resume": Resume,
    "ping": Ping,
}


class InvalidFrame(Invalid):
    """A frame of a known kind, with fields that are wrong."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("; ".join(f"{'.'.join(e['location'])}: {e['message']}" for e in errors))
        self._errors = errors

    def problem(self) -> Problem:
        return Problem(self.type, self.title, self.status, self.detail, errors=self._errors)


def members_of(text: str) -> dict[str, Any]:
    """Raises Malformed."""
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("The frame is not JSON that can be read.") from None
    if not isinstance(members, dict):
        raise Malformed('A frame is a JSON object with a type: {"type": "ping"}.')
    return members


def ref_of(members: dict[str, Any]) -> str | None:
    """What an answer to it carries, also to one that is refused."""
    ref = members.get("ref")
    return clean(ref) if isinstance(ref, str) and 1 <= len(ref) <= _MOST_REF_CHARS else None


def subject_of(members: dict[str, Any]) -> str | None:
    """What a frame is about, also one that is refused: null when it names no conversation."""
    id = members.get("conversation_id")
    return clean(id) if isinstance(id, str) and len(id) <= _MOST_PLACE_CHARS else None


def frame_of(members: dict[str, Any]) -> Frame:
    """Raises InvalidFrame and Malformed."""
    kind = members.get("type")
    shape = _FRAMES.get(kind) if isinstance(kind, str) else None
    if shape is None:
        raise Malformed(f"No frame has this type. The types are {', '.join(_FRAMES)}.")
    try:
        return shape.model_validate(members)
    except ValidationError as error:
        raise InvalidFrame([_told(item) for item in error.errors()[:_MOST_ERRORS]]) from None


def key_of(frame: SendMessage | LlmRequest) -> IdempotencyKey | None:
    """With the same `ref` it is the same message, also over another socket. No header can have
    this key: it has spaces in it."""
    if frame.ref is None or frame.conversation_id is None:
        return None
    ref = hashlib.sha256(frame.ref.encode()).hexdigest()
    asked = frame.model_dump_json(exclude={"ref"}).encode()
    key = f"socket {frame.conversation_id} {ref}"
    return IdempotencyKey(key, hashlib.sha256(asked).hexdigest())


def _told(item: Any) -> dict[str, Any]:
    # Names of fields are the client's own words, too.
    place = [clean(str(part))[:_MOST_PLACE_CHARS] for part in item["loc"]]
    location = ["frame", *(part for part in place if not part.startswith("("))]
    return {"location": location, "message": item["msg"].removeprefix("Value error, ")}
