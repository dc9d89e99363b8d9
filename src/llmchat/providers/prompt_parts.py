"""The parts of a prompt that dialects other than OpenAI's want in another form."""

import json
from collections.abc import Sequence
from typing import Any

from llmchat.domain import Image, Json
from llmchat.errors import UpstreamRejected
from llmchat.prompts import PromptMessage


def base64_in(image: Image) -> tuple[str, str]:
    """The media type and the base64 of a data URL. Raises UpstreamRejected for any other URL."""
    head, comma, data = image.url.partition(",")
    kind, _, encoding = head.removeprefix("data:").partition(";")
    if not (comma and head.startswith("data:") and encoding.endswith("base64")):
        raise UpstreamRejected("An image for this provider has to be a data URL with base64 in it.")
    return kind or "image/png", data


def arguments_object(arguments: str) -> dict[str, Any]:
    """The arguments of a call as the object that they should be. A model that wrote something else
    is shown what it wrote: without it the conversation could never go on."""
    try:
        found = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"INVALID_JSON": arguments}


def schema_in(response_format: Json) -> Json | None:
    """The schema of OpenAI's `response_format`; None where it has none."""
    wanted = response_format.get("json_schema")
    schema = wanted.get("schema") if isinstance(wanted, dict) else None
    return schema if isinstance(schema, dict) else None


def names_of_calls(messages: Sequence[PromptMessage]) -> dict[str, str]:
    """The name of each tool that was called, by the id of its call."""
    calls = (call for message in messages for call in message.tool_calls)
    return {call.id: call.name for call in calls if call.id and call.name}
