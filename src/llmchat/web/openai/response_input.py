"""The items that OpenAI's Responses are asked with and conversations are made of, and what they are
with us: https://platform.openai.com/docs/api-reference/responses/create"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from llmchat import domain
from llmchat.chat.items import Piece
from llmchat.domain import Image, Message, Role
from llmchat.errors import NotFound
from llmchat.events import ToolCall
from llmchat.ids import MessageId
from llmchat.prompts import PromptMessage
from llmchat.web.openai.response_output import (
    Json,
    call_item,
    item_id,
    message_item,
    reasoning_item,
)
from llmchat.wire.bounds import Text
from llmchat.wire.contents import CallId, ImageUrl

_MOST_PARTS = 256
_MOST_ITEMS = 2000
_ID = re.compile(r"(msg|rs|fc|fco)_([0-9A-Za-z]{1,64})(?:_([1-9][0-9]{0,3}))?")
_TEXTS = ("input_text", "output_text", "text")
_ROLES = {"developer": Role.SYSTEM}
_PIECES: Mapping[str, Piece] = {
    "msg": "content",
    "fco": "content",
    "rs": "reasoning",
    "fc": "call",
}


class _Part(BaseModel):
    """What else they have, ids and annotations, says nothing to a model."""

    model_config = ConfigDict(extra="ignore", strict=True, use_attribute_docstrings=True)


class InputText(_Part):
    type: Literal["input_text", "output_text", "text"]
    text: Text


class InputImage(_Part):
    type: Literal["input_image"]
    image_url: ImageUrl
    """The image itself, as a data URL: this server fetches no addresses, and keeps no files."""

    @model_validator(mode="before")
    @classmethod
    def _address_and_detail(cls, part: Any) -> Any:
        """Side by side with them, in an object with us."""
        if not isinstance(part, dict) or isinstance(part.get("image_url"), dict):
            return part
        detail = part.get("detail")
        shown = {"detail": detail} if detail in ("low", "high") else {}
        return {**part, "image_url": {"url": part.get("image_url"), **shown}}


class Refusal(_Part):
    type: Literal["refusal"]
    refusal: Text


def _part_tag(part: Any) -> str | None:
    kind = part.get("type") if isinstance(part, dict) else getattr(part, "type", None)
    if kind in _TEXTS:
        return "(text)"
    return f"({kind})" if kind in ("input_image", "refusal") else None


Part = Annotated[
    Annotated[InputText, Tag("(text)")]
    | Annotated[InputImage, Tag("(input_image)")]
    | Annotated[Refusal, Tag("(refusal)")],
    Discriminator(
        _part_tag,
        "unexpected",
        "this server takes parts of the types input_text, input_image with a data URL, output_text "
        "and refusal; no files and no audio",
    ),
]
Content = Annotated[
    Annotated[Text, Tag("(text)")]
    | Annotated[list[Part], Field(max_length=_MOST_PARTS), Tag("(parts)")],
    Discriminator(
        lambda content: "(text)" if isinstance(content, str) else "(parts)",
    ),
]


class MessageItem(_Part):
    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: Content

    def to_domain(self) -> PromptMessage:
        role = _ROLES.get(self.role) or Role(self.role)
        parts = _parts(self.content)
        pictured = any(isinstance(part, Image) for part in parts)
        return PromptMessage(role, _text(parts), parts if pictured else ())


class FunctionCall(_Part):
    type: Literal["function_call"]
    call_id: CallId
    name: CallId
    arguments: Text

    def to_domain(self) -> PromptMessage:
        call = ToolCall(0, self.call_id, self.name, self.arguments)
        return PromptMessage(Role.ASSISTANT, "", tool_calls=(call,))


class FunctionCallOutput(_Part):
    type: Literal["function_call_output"]
    call_id: CallId
    output: Content

    def to_domain(self) -> PromptMessage:
        text = _text(_parts(self.output))
        return PromptMessage(Role.TOOL, text, tool_call_id=self.call_id)


class Reasoning(_Part):
    """What was thought is shown to no model again."""

    type: Literal["reasoning"]

    def to_domain(self) -> None:
        return None


_KINDS = ("message", "function_call", "function_call_output", "reasoning")


def _item_tag(item: Any) -> str | None:
    kind = item.get("type") if isinstance(item, dict) else getattr(item, "type", None)
    if kind is None and isinstance(item, dict) and "role" in item:
        kind = "message"
    return f"({kind})" if kind in _KINDS else None


AnyItem = MessageItem | FunctionCall | FunctionCallOutput | Reasoning
Item = Annotated[
    Annotated[MessageItem, Tag("(message)")]
    | Annotated[FunctionCall, Tag("(function_call)")]
    | Annotated[FunctionCallOutput, Tag("(function_call_output)")]
    | Annotated[Reasoning, Tag("(reasoning)")],
    Discriminator(
        _item_tag,
        "unexpected",
        f"this server takes items of the types {', '.join(_KINDS)}: it has no tools of its own, "
        "and keeps no items that could be referred to",
    ),
]
Items = Annotated[list[Item], Field(min_length=1, max_length=_MOST_ITEMS)]


def messages_of(given: str | Sequence[AnyItem]) -> list[PromptMessage]:
    """A text or items as messages: what an assistant said, and the calls behind it, are one."""
    if isinstance(given, str):
        return [PromptMessage(Role.USER, given)]
    messages: list[PromptMessage] = []
    for item in given:
        message = item.to_domain()
        if message is None:
            continue
        if message.tool_calls and messages and messages[-1].role is Role.ASSISTANT:
            before = messages.pop()
            place = len(before.tool_calls)
            calls = (*before.tool_calls, *(replace(c, index=place) for c in message.tool_calls))
            message = replace(before, tool_calls=calls)
        messages.append(message)
    return messages


def items_of(message: Message) -> Iterator[Json]:
    """The items that a stored message is."""
    digits = message.id.partition("_")[2]
    status = _status(message)
    match message.role:
        case Role.ASSISTANT:
            yield from _answer(message, digits, status)
        case Role.TOOL:
            yield {
                "id": f"fco_{digits}",
                "type": "function_call_output",
                "status": status,
                "call_id": message.tool_call_id,
                "output": message.content,
            }
        case role:
            content = [_shown(part) for part in message.parts or (message.content,)]
            item = message_item(message.id, status, content)
            yield {**item, "role": role.value}


def message_of_item(id: str) -> tuple[MessageId, Piece, int]:
    """Of an item's id: its message, what of it the item is, and the place of a call. Raises
    NotFound for what is none of ours."""
    found = _ID.fullmatch(id)
    if found is None:
        raise no_item(id)
    return MessageId(f"msg_{found[2]}"), _PIECES[found[1]], int(found[3] or 1) - 1


def item_of(message: Message, id: str) -> Json:
    """The item with this id among those of its message. Raises NotFound."""
    _, piece, place = message_of_item(id)
    kinds = {"reasoning": "reasoning", "call": "function_call"}
    known = [item for item in items_of(message) if kinds.get(piece, item["type"]) == item["type"]]
    if piece == "content":
        known = [item for item in known if item["type"] in ("message", "function_call_output")]
    wanted = place if piece == "call" else 0
    if wanted >= len(known):
        raise no_item(id)
    return known[wanted]


def no_item(id: str) -> NotFound:
    return NotFound(f"There is no item {id} in this conversation.")


def _answer(message: Message, digits: str, status: str) -> Iterator[Json]:
    if message.reasoning:
        part = {"type": "reasoning_text", "text": message.reasoning}
        yield reasoning_item(item_id("reasoning", digits), status, [part])
    if message.content:
        text = {"type": "output_text", "text": message.content, "annotations": [], "logprobs": []}
        yield message_item(item_id("message", digits), status, [text])
    for number, call in enumerate(message.tool_calls, 1):
        id = item_id("function_call", digits, number)
        yield call_item(id, status, call.id or "", call.name or "", call.arguments)


def _status(message: Message) -> str:
    if message.status.live:
        return "in_progress"
    return "completed" if message.status is domain.Status.COMPLETE else "incomplete"


def _shown(part: domain.Part) -> Json:
    if isinstance(part, str):
        return {"type": "input_text", "text": part}
    detail = part.detail or "auto"
    return {"type": "input_image", "image_url": part.url, "detail": detail, "file_id": None}


def _parts(content: str | Sequence[Any]) -> Sequence[domain.Part]:
    return (content,) if isinstance(content, str) else tuple(map(_part, content))


def _part(part: InputText | InputImage | Refusal) -> domain.Part:
    match part:
        case InputText(text=text) | Refusal(refusal=text):
            return text
        case InputImage(image_url=image):
            return Image(image.url, image.detail)


def _text(parts: Sequence[domain.Part]) -> str:
    return "".join(part for part in parts if isinstance(part, str))
