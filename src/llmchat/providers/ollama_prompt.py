"""From a prompt to the request that Ollama's own API wants: pure."""

from collections.abc import Mapping
from typing import Any

from llmchat.domain import Image, Params
from llmchat.errors import UpstreamRejected
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.prompt_parts import arguments_object, base64_in, names_of_calls, schema_in

# Our names of parameters, and those of its `options`.
_OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "num_predict",
    "stop": "stop",
    "seed": "seed",
}


def chat_request(
    prompt: Prompt, *, keep_alive: str | int | None, context_window: int | None
) -> dict[str, Any]:
    """The body of `POST /api/chat`. What `extra` holds goes to its top level, and cannot replace
    what the prompt and the parameters say. Raises UpstreamRejected for what Ollama cannot do."""
    params = prompt.params
    extra = dict(params.extra or {})
    options = _options(params, extra.pop("options", {}), context_window)
    body: dict[str, Any] = {} if keep_alive is None else {"keep_alive": keep_alive}
    body |= extra
    if options:
        body["options"] = options
    if params.skip_thinking:
        body["think"] = False
    if (form := _format(params)) is not None:
        body["format"] = form
    if tools := _tools(params):
        body["tools"] = tools
    names = names_of_calls(prompt.messages)
    messages = [_message(message, names) for message in prompt.messages]
    return body | {"model": prompt.model, "messages": messages, "stream": True}


def _options(params: Params, more: object, context_window: int | None) -> dict[str, Any]:
    if not isinstance(more, Mapping):
        raise UpstreamRejected("The parameter options has to be an object: Ollama's own options.")
    given = params.as_json()
    # Without it Ollama cuts a long prompt at its own default, and says nothing.
    window = {} if context_window is None else {"num_ctx": context_window}
    ours = {name: given[key] for key, name in _OPTIONS.items() if key in given}
    return window | dict(more) | ours


def _format(params: Params) -> Any:
    wanted = params.response_format or {}
    match wanted.get("type", "text"):
        case "text":
            return None
        case "json_object":
            return "json"
        case "json_schema" if (schema := schema_in(wanted)) is not None:
            return schema
    raise UpstreamRejected(
        "Ollama knows the response_format text, json_object, and json_schema with a schema."
    )


def _tools(params: Params) -> list[Any]:
    choice = params.tool_choice
    if choice not in (None, "auto", "none"):
        raise UpstreamRejected(
            'Ollama cannot be made to call a tool: tool_choice has to be "auto" or "none".'
        )
    return [] if choice == "none" else list(params.tools or ())


def _message(message: PromptMessage, names: Mapping[str, str]) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message.role.value, "content": message.content}
    images = [base64_in(part)[1] for part in message.parts if isinstance(part, Image)]
    if images:
        written["images"] = images
    if message.tool_calls:
        written["tool_calls"] = [
            {
                **({"id": call.id} if call.id else {}),
                "function": {
                    "index": call.index,
                    "name": call.name or "",
                    "arguments": arguments_object(call.arguments),
                },
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
        # Its templates show the name.
        if message.tool_call_id in names:
            written["tool_name"] = names[message.tool_call_id]
    return written
