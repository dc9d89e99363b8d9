"""One event of a Responses stream, as JSON."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from llmchat.errors import UpstreamMalformed
from llmchat.text import clean

_SHOWN_BYTES = 80


def is_cut(event: Mapping[str, Any]) -> bool:
    """Whether an item is done without being whole."""
    done = event.get("type") == "response.output_item.done"
    return done and event["item"].get("status") == "incomplete"


def object_in(data: bytes) -> dict[str, Any]:
    """Raises UpstreamMalformed for anything else."""
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError:
        event = _lenient(data)
    if not isinstance(event, dict):
        raise not_an_event()
    return event


def _lenient(data: bytes) -> Any:
    """json allows what orjson refuses: half of a surrogate pair, which another event completes."""
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        begin = clean(data[:_SHOWN_BYTES].decode("utf-8", "replace"))
        raise UpstreamMalformed(
            "The model's server sent an event that is not JSON. Ask again; if it stays so, look at "
            f"what that server logs. It sent: {begin}"
        ) from None


def not_an_event() -> UpstreamMalformed:
    return UpstreamMalformed(
        "The model's server sent something that has not the shape of a response or of its events. "
        'If it has no Responses API, use kind = "openai".'
    )
