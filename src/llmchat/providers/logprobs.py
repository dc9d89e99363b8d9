"""How likely each token was, as servers of OpenAI's protocol say it: passed on, and not read."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from llmchat.events import Delta
from llmchat.prompts import Prompt
from llmchat.providers.base import ProviderEvent


def wants_logprobs(prompt: Prompt) -> bool:
    return bool((prompt.params.extra or {}).get("logprobs"))


def logprobs_in(choice: Mapping[str, Any]) -> str | None:
    """Those of a chunk's choice, as a Delta has them; None where there are none in OpenAI's shape,
    or JSON has no word for them. What a model says in refusing is its answer here, so its tokens
    are the answer's."""
    found = choice.get("logprobs")
    tokens = list(_tokens(found)) if isinstance(found, dict) else []
    try:
        # As ASCII: no client breaks a line in it, and half of a surrogate pair stays what it is.
        return json.dumps(tokens, allow_nan=False, separators=(",", ":"))[1:-1] or None
    except (ValueError, RecursionError):
        return None


def put_logprobs(events: list[ProviderEvent], logprobs: str | None, *, since: int) -> None:
    """Gives them to the last text behind the place `since`, or to one of their own."""
    if logprobs is None:
        return
    for place in range(len(events) - 1, since - 1, -1):
        if isinstance(event := events[place], Delta):
            events[place] = replace(event, logprobs=logprobs)
            return
    events.append(Delta("", logprobs=logprobs))


def _tokens(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("content", "refusal"):
        tokens = found.get(name)
        if isinstance(tokens, list):
            yield from (token for token in tokens if isinstance(token, dict))
