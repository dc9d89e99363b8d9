"""A prompt as the body of a request for a Response."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmchat.domain import Image, Role
from llmchat.errors import UpstreamRejected
from llmchat.prompts import Prompt, PromptMessage

# Without these the server keeps nothing, and nothing could be read on.
_KEPT = {"stream": True, "background": True, "store": True}


def body_of_prompt(prompt: Prompt, *, skips_thinking_by: str | None) -> dict[str, Any]:
    """`skips_thinking_by` is the reasoning effort that stands for none with this server, if one
    does. Raises UpstreamRejected for what cannot be asked."""
    params = prompt.params.as_json()
    _refuse_stop(params)
    # Best effort wherever it exists, and unknown here: no answer is wrong without it.
    params.pop("seed", None)
    body: dict[str, Any] = {**params.pop("extra", {})}
    # As chat completions have it, and so the clients of most doors.
    if (effort := body.pop("reasoning_effort", None)) is not None:
        body["reasoning"] = {"effort": effort, **_object_in(body, "reasoning")}
    if (verbosity := body.pop("verbosity", None)) is not None:
        body["text"] = {"verbosity": verbosity, **_object_in(body, "text")}
    if params.pop("skip_thinking", False) and skips_thinking_by is not None:
        body["reasoning"] = {**_object_in(body, "reasoning"), "effort": skips_thinking_by}
    if (wanted := params.pop("response_format", None)) is not None:
        body["text"] = {**_object_in(body, "text"), "format": _format(wanted)}
    if (tools := params.pop("tools", None)) is not None:
        body["tools"] = [_tool(tool) for tool in tools]
    if (choice := params.pop("tool_choice", None)) is not None:
        body["tool_choice"] = _tool_choice(choice)
    if (limit := params.pop("max_tokens", None)) is not None:
        body["max_output_tokens"] = limit
    instructions, messages = _instructions(prompt.messages)
    body |= {**params, **instructions, "model": prompt.model, **_KEPT}
    body["input"] = [item for message in messages for item in _items(message)]
    _check_json(body)
    return body


def _refuse_stop(params: Mapping[str, Any]) -> None:
    if params.get("stop"):
        # Left out, the answer would run on past where its caller wants it to end.
        raise UpstreamRejected(
            "The Responses API has no stop sequences. Leave `stop` out, or use a model of a "
            'provider of kind = "openai"; a server that knows them all the same takes them in '
            "`extra`."
        )


def _object_in(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}


def _instructions(
    messages: Sequence[PromptMessage],
) -> tuple[Mapping[str, str], Sequence[PromptMessage]]:
    """A system prompt has a place of its own; any later one stays where it is."""
    if messages and messages[0].role is Role.SYSTEM:
        return {"instructions": messages[0].content}, messages[1:]
    return {}, messages


def _items(message: PromptMessage) -> Iterator[Mapping[str, Any]]:
    if message.role is Role.TOOL:
        yield {
            "type": "function_call_output",
            "call_id": message.tool_call_id or "",
            "output": message.content,
        }
        return
    if message.content or message.parts or not message.tool_calls:
        yield {"role": message.role.value, "content": _content(message)}
    for call in message.tool_calls:
        yield {
            "type": "function_call",
            "call_id": call.id or "",
            "name": call.name or "",
            "arguments": call.arguments,
        }


def _content(message: PromptMessage) -> str | list[Mapping[str, Any]]:
    if not any(isinstance(part, Image) for part in message.parts):
        return message.content
    return [
        {"type": "input_image", "image_url": part.url, "detail": part.detail or "auto"}
        if isinstance(part, Image)
        else {"type": "input_text", "text": part}
        for part in message.parts
    ]


def _format(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Chat completions nest a schema once more."""
    schema = wanted.get("json_schema")
    if wanted.get("type") == "json_schema" and isinstance(schema, Mapping):
        return {"type": "json_schema", **schema}
    return wanted


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same for a function; a tool of another type is the server's own, and has one shape."""
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, Mapping):
        return tool
    # What is not said means "not strict" in chat completions, and "strict" here.
    return {"type": "function", "parameters": None, "strict": False, **function}


def _tool_choice(choice: str | Mapping[str, Any]) -> str | Mapping[str, Any]:
    if isinstance(choice, str):
        return choice
    kind = choice.get("type")
    nested = choice.get(kind) if isinstance(kind, str) else None
    if not isinstance(nested, Mapping):
        return choice
    if kind == "allowed_tools":
        tools = nested.get("tools")
        flat = [_tool_choice(tool) for tool in tools] if isinstance(tools, list) else []
        return {"type": kind, **nested, "tools": flat}
    return {"type": kind, **nested}


def _check_json(body: Mapping[str, Any]) -> None:
    try:
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except (RecursionError, TypeError, ValueError) as error:
        raise UpstreamRejected(f"The request cannot be written as JSON: {error}") from None
