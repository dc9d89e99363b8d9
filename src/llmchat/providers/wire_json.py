"""What a server's JSON says, believed only where it has the shape that it should have."""

import json
from typing import Any

import orjson

from llmchat.errors import UpstreamMalformed
from llmchat.text import clean

_MOST_NAME_CHARS = 256
# No database and no JSON of ours holds every integer that theirs can spell.
_MOST_TOKENS = 2**53
_SHOWN_BYTES = 80


class NotJson(UpstreamMalformed):
    """Whoever reads on to the end may find that it was only cut off."""


def object_in(data: bytes) -> dict[str, Any]:
    """The object that these bytes are, perhaps alone in a list. Raises UpstreamMalformed."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = _lenient(data)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        raise UpstreamMalformed("The model's server sent an event that is no JSON object.")
    return found


def text_of(text: object) -> str:
    if not isinstance(text, str):
        kind = type(text).__name__
        raise UpstreamMalformed(f"The model's server sent a {kind} where a text belongs.")
    return text


def name_of(text: object) -> str:
    """A short text that stands for something: clean, and cut to a bound."""
    return clean(text_of(text)[:_MOST_NAME_CHARS])


def arguments_of(arguments: object) -> str:
    """The arguments of a tool call as JSON; some servers send the object itself."""
    if not isinstance(arguments, dict):
        return text_of(arguments or "")
    try:
        return orjson.dumps(arguments).decode()
    except orjson.JSONEncodeError:
        # Half a surrogate again.
        return json.dumps(arguments, ensure_ascii=False)


def tokens_of(count: object) -> int:
    """A number of tokens. Raises ValueError for what is none."""
    if not isinstance(count, int) or not 0 <= count <= _MOST_TOKENS:
        raise ValueError(count)
    return count


def _lenient(data: bytes) -> Any:
    """json allows what orjson refuses: half of a surrogate pair, which another chunk completes."""
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        begin = data[:_SHOWN_BYTES].decode("utf-8", "replace")
        raise NotJson(
            "The model's server sent an event that is not JSON. Ask again; if it stays so, look at "
            f"what that server logs. It sent: {begin}"
        ) from None
