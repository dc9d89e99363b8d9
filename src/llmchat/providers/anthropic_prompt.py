"""From a prompt to the request that Anthropic's Messages API wants: pure.

https://platform.claude.com/docs/en/api/messages
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmchat.domain import Image, Json, Params, Role
from llmchat.errors import UpstreamRejected
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.prompt_parts import arguments_object, base64_in, schema_in

_MOST_TEMPERATURE = 1.0
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
Block = dict[str, Any]


def message_request(prompt: Prompt, *, max_tokens: int) -> dict[str, Any]:
    """The body of `POST /messages`. What `extra` holds goes to its top level, and cannot replace
    what the prompt and the parameters say. A seed is left out: this API has none. Raises
    UpstreamRejected for what it cannot do."""
    params = prompt.params
    body: dict[str, Any] = {"max_tokens": max_tokens, **(params.extra or {})}
    if params.skip_thinking:
        body.pop("thinking", None)
    body |= _sampling(params)
    if params.tools:
        body["tools"] = [_tool(tool) for tool in params.tools]
    if params.tool_choice is not None and params.tools:
        body["tool_choice"] = _tool_choice(params.tool_choice)
    if (form := _format(params.response_format or {})) is not None:
        body["output_config"] = {**_mapping(body.get("output_config")), "format": form}
    if system := "\n\n".join(m.content for m in prompt.messages if m.role is Role.SYSTEM):
        body["system"] = system
    return body | {"model": prompt.model, "messages": _messages(prompt.messages), "stream": True}


def lost_at_the_end(begun: str) -> str:
    """The whitespace at the end of an answer that is begun: this API refuses it there."""
    return begun[len(begun.rstrip()) :]


def _sampling(params: Params) -> dict[str, Any]:
    temperature = params.temperature
    given = {
        "temperature": None if temperature is None else min(temperature, _MOST_TEMPERATURE),
        "top_p": params.top_p,
        "max_tokens": params.max_tokens,
        # It refuses those of nothing but whitespace.
        "stop_sequences": [stop for stop in params.stop or () if stop.strip()] or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _tool(tool: Json) -> Json:
    function = tool.get("function")
    if not isinstance(function, Mapping):
        # One of its own, which its server runs.
        return tool
    written = {
        "name": function.get("name"),
        "description": function.get("description"),
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
        "strict": function.get("strict") or None,
    }
    return {name: value for name, value in written.items() if value is not None}


def _tool_choice(choice: str | Json) -> Json:
    if isinstance(choice, str):
        if choice in _CHOICES:
            return {"type": _CHOICES[choice]}
    elif isinstance(function := choice.get("function"), Mapping):
        return {"type": "tool", "name": function.get("name")}
    elif choice.get("type") in ("auto", "any", "tool", "none"):
        return choice
    raise UpstreamRejected(
        'The parameter tool_choice has to be "auto", "none", "required", or to name a function.'
    )


def _format(wanted: Json) -> Json | None:
    match wanted.get("type", "text"):
        case "text":
            return None
        case "json_schema" if (schema := schema_in(wanted)) is not None:
            return {"type": "json_schema", "schema": schema}
    raise UpstreamRejected(
        "Anthropic knows the response_format text, and json_schema with a schema; for any other "
        "JSON, ask for it in the prompt."
    )


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _messages(messages: Sequence[PromptMessage]) -> list[dict[str, Any]]:
    """By turns, as this API wants them: what one role says in a row is one message."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        blocks = [] if message.role is Role.SYSTEM else list(_blocks(message))
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    last = turns[-1] if turns else None
    if last is not None and last["role"] == "assistant" and "text" in last["content"][-1]:
        last["content"][-1]["text"] = last["content"][-1]["text"].rstrip()
    return turns


def _blocks(message: PromptMessage) -> Iterator[Block]:
    if message.role is Role.TOOL:
        result = {"type": "tool_result", "tool_use_id": message.tool_call_id}
        yield result | {"content": message.content}
        return
    for part in message.parts or (message.content,):
        if isinstance(part, Image):
            media_type, data = base64_in(part)
            source = {"type": "base64", "media_type": media_type, "data": data}
            yield {"type": "image", "source": source}
        elif part.strip():
            # It refuses a block of nothing but whitespace.
            yield {"type": "text", "text": part}
    for call in message.tool_calls:
        yield {
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": arguments_object(call.arguments),
        }
