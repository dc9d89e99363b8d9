"""From the JSON of the HTTP API to what a program gets: the way back of web/schemas.py."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from llmchat.conversing.base import Catalogue, Said, Standing
from llmchat.conversing.details import Details
from llmchat.domain import (
    Feedback,
    Image,
    Message,
    Model,
    Page,
    Params,
    Part,
    ReplyMode,
    Role,
    Status,
    Timing,
)
from llmchat.errors import Unavailable
from llmchat.events import ToolCall
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId
from llmchat.problem import Problem
from llmchat.remote.following import usage_of
from llmchat.remote.refusals import problem_of

T = TypeVar("T")
Members = Mapping[str, Any]


def shaped(make: Callable[[Any], T], found: Any) -> T:
    """What is made of it. Raises Unavailable for what is not as the API has it."""
    try:
        return make(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable(
            f"The service answered something that this client cannot read ({error!r}). Check the "
            "address, and that both are of one version."
        ) from None


def details_of(found: Members) -> Details:
    return Details(
        id=ConversationId(found["id"]),
        title=found["title"],
        system_prompt=found["system_prompt"],
        model=found["model"],
        params=_params(found["params"]),
        metadata=found["metadata"],
        archived=found["archived"],
        pinned=found["pinned"],
        active_leaf=_id(MessageId, found["active_leaf"]),
        role=found["role"],
        generating=found["generating"],
        reply_mode=ReplyMode(found["reply_mode"]),
        created_at=_time(found["created_at"]),
        updated_at=_time(found["updated_at"]),
    )


def message_of(found: Members) -> Message:
    text, parts = _content(found["content"])
    return Message(
        id=MessageId(found["id"]),
        conversation_id=ConversationId(found["conversation_id"]),
        parent_id=_id(MessageId, found["parent_id"]),
        role=Role(found["role"]),
        content=text,
        reasoning=found["reasoning"],
        status=Status(found["status"]),
        model=found["model"],
        generation_id=_id(GenerationId, found["generation_id"]),
        usage=usage_of(found["usage"]),
        error=_error(found["error"]),
        siblings=[MessageId(id) for id in found["siblings"]],
        created_at=_time(found["created_at"]),
        parts=parts,
        tool_calls=_calls(found["tool_calls"]),
        tool_call_id=found["tool_call_id"],
        timing=None if found["timing"] is None else Timing(**found["timing"]),
        feedback=None if found["feedback"] is None else Feedback(**found["feedback"]),
        author=_id(OwnerId, found.get("author")),
    )


def said_of(found: Members) -> Said:
    generation = found["generation"]
    return Said(
        message_of(found["message"]), None if generation is None else standing_of(generation)
    )


def standing_of(found: Members) -> Standing:
    return Standing(
        id=GenerationId(found["id"]),
        conversation_id=ConversationId(found["conversation_id"]),
        message_id=MessageId(found["message_id"]),
        status=Status(found["status"]),
        model=found["model"],
        text=found.get("text", ""),
        reasoning=found.get("reasoning", ""),
        finish_reason=found["finish_reason"],
        usage=usage_of(found["usage"]),
        error=_error(found["error"]),
    )


def live_of(found: Members) -> Sequence[GenerationId]:
    return [GenerationId(active["id"]) for active in found["active_generations"]]


def page_of(item: Callable[[Members], T]) -> Callable[[Members], Page[T]]:
    return lambda found: Page([item(each) for each in found["items"]], found["next_cursor"])


def catalogue_of(found: Members) -> Catalogue:
    models = [
        Model(
            each["id"], each["provider"], each["available"], each["context_window"], each["price"]
        )
        for each in found["items"]
    ]
    return Catalogue(models, found["default"])


def _content(content: str | Sequence[Members]) -> tuple[str, Sequence[Part]]:
    if isinstance(content, str):
        return content, ()
    parts = [
        part["text"]
        if part["type"] == "text"
        else Image(part["image_url"]["url"], part["image_url"].get("detail"))
        for part in content
    ]
    return "".join(part for part in parts if isinstance(part, str)), parts


def _calls(found: Sequence[Members]) -> Sequence[ToolCall]:
    return [
        ToolCall(place, call["id"], call["name"], call["arguments"])
        for place, call in enumerate(found)
    ]


def _params(found: Members) -> Params:
    names = Params.__dataclass_fields__
    return Params(**{name: value for name, value in found.items() if name in names})


def _error(found: Members | None) -> Problem | None:
    return None if found is None else problem_of(found)


def _id(make: Callable[[str], T], found: str | None) -> T | None:
    return None if found is None else make(found)


def _time(found: str) -> datetime:
    return datetime.fromisoformat(found)
