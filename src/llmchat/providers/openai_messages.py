"""Messages as OpenAI's chat completions spell them, for every server that reads that shape."""

from typing import Any

from llmchat.domain import Image, Part
from llmchat.events import ToolCall
from llmchat.prompts import PromptMessage


def message_json(message: PromptMessage) -> dict[str, Any]:
    """One message: text alone is a string, with images it is a list of parts, and beside calls of
    tools no text is null."""
    content: Any = [_part(part) for part in message.parts] or message.content
    members: dict[str, Any] = {"role": message.role.value, "content": content}
    if message.tool_calls:
        members["content"] = content or None
        members["tool_calls"] = [tool_call_json(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        members["tool_call_id"] = message.tool_call_id
    return members


def tool_call_json(call: ToolCall) -> dict[str, Any]:
    # Some servers read the arguments as JSON, which nothing is not.
    function = {"name": call.name or "", "arguments": call.arguments or "{}"}
    return {"id": call.id or "", "type": "function", "function": function}


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Image(url, None):
            return {"type": "image_url", "image_url": {"url": url}}
        case Image(url, detail):
            return {"type": "image_url", "image_url": {"url": url, "detail": detail}}
        case text:
            return {"type": "text", "text": text}
