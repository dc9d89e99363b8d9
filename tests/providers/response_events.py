"""The events of a Responses stream as a server writes them, and what was made of them."""

import json
from collections.abc import Sequence
from typing import Any

from llmchat.events import Delta, ToolCall, whole_calls
from llmchat.providers.base import ProviderEvent
from llmchat.providers.responses_events import ResponseReader
from llmchat.providers.responses_mark import Mark

Json = dict[str, Any]

ID = "resp_1"
USAGE = {
    "input_tokens": 7,
    "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 12,
}


def response(status: str = "in_progress", **more: Any) -> Json:
    return {"id": ID, "object": "response", "status": status, "output": [], **more}


def event(kind: str, **more: Any) -> Json:
    return {"type": f"response.{kind}", **more}


def created() -> Json:
    return event("created", response=response("queued"))


def completed(**more: Any) -> Json:
    return event("completed", response=response("completed", **more))


def text(delta: str) -> Json:
    return event("output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta=delta)


def call_added(output_index: int, id: str, name: str, arguments: str = "") -> Json:
    item = {"type": "function_call", "call_id": id, "name": name, "arguments": arguments}
    return event("output_item.added", output_index=output_index, item=item)


def arguments(output_index: int, delta: str) -> Json:
    return event("function_call_arguments.delta", output_index=output_index, delta=delta)


def frames(events: Sequence[Json], *, after: int = -1) -> list[bytes]:
    """Numbered in their order; those behind `after`."""
    numbered = [{"sequence_number": number, **it} for number, it in enumerate(events)]
    return [
        f"event: {it['type']}\ndata: {json.dumps(it)}\n\n".encode() for it in numbered[after + 1 :]
    ]


def read(
    events: Sequence[Json], *, hide: bool = False, mark: Mark | None = None
) -> tuple[ResponseReader, list[ProviderEvent]]:
    """All at once."""
    reader = ResponseReader(hide_reasoning=hide, mark=mark)
    return reader, list(reader.feed(b"".join(frames(events))) or ())


def texts(events: Sequence[ProviderEvent]) -> tuple[str, str]:
    """Answer and reasoning."""
    deltas = [it for it in events if isinstance(it, Delta)]
    answer, reasoning = (
        "".join(delta.text for delta in deltas if delta.channel == channel)
        for channel in ("answer", "reasoning")
    )
    return answer, reasoning


def calls(events: Sequence[ProviderEvent]) -> list[ToolCall]:
    return whole_calls(it for it in events if isinstance(it, ToolCall))


def whole(*output: Json, status: str = "completed", **more: Any) -> Json:
    return response(status, **more) | {"output": list(output)}


def message(*parts: str) -> Json:
    content = [{"type": "output_text", "text": part} for part in parts]
    return {"type": "message", "role": "assistant", "content": content}
