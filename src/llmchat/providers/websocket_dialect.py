"""Where the fields of the custom WebSocket model are in its JSON: every one is a setting."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Dialect:
    """Paths of names with dots between them. An empty one is not sent, or not looked for.

    Those below `settings` are inside of that object, and in the frame itself where its own path is
    empty.
    """

    message: str = "message"
    model: str = "model"
    timestamp: str = "timestamp"
    metadata: str = "metadata"
    messages: str = "messages"
    settings: str = "settings"
    max_tokens: str = "max_tokens"
    temperature: str = "temperature"
    top_p: str = "top_p"
    stop: str = "stop"
    seed: str = "seed"
    stream: str = "stream"
    skip_thinking: str = "skip_thinking"
    response_format: str = "response_format"
    tools: str = "tools"
    tool_choice: str = "tool_choice"

    delta: str = "delta"
    token: str = "token"  # noqa: S105 - a name in JSON
    response: str = "response"
    reasoning: str = "reasoning"
    tool_calls: str = "tool_calls"
    done: str = "done"
    finish_reason: str = "finish_reason"
    tokens: str = "tokens_used"
    input_tokens: str = ""
    output_tokens: str = ""
    error: str = "error"
    error_code: str = "error_code"
    error_message: str = "error_message"
    retry_after: str = "retry_after"


def find(frame: Any, path: str) -> Any:
    """What is there; None when nothing is. A number in a path is a place in a list."""
    if not path:
        return None
    for name in path.split("."):
        if isinstance(frame, Mapping):
            frame = frame.get(name)
        elif isinstance(frame, list) and name.isdecimal() and int(name) < len(frame):
            frame = frame[int(name)]
        else:
            return None
    return frame


def put(frame: dict[str, Any], path: str, value: object) -> None:
    """Make it be there, in objects that are made on the way. With an empty path nothing is done."""
    *above, last = path.split(".")
    for name in above:
        inner = frame.get(name)
        # A copy: what was there may belong to whoever asked.
        inner = dict(inner) if isinstance(inner, Mapping) else {}
        frame[name] = inner
        frame = inner
    if last:
        frame[last] = value
