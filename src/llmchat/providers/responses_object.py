"""A whole Response object of OpenAI's: its text, its calls, and how it ended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmchat.errors import ProviderError, UpstreamMalformed, UpstreamTruncated
from llmchat.events import Finished, ToolCall, Usage
from llmchat.providers.openai_chunks import usage_of
from llmchat.providers.refusals import error_in
from llmchat.text import clean

PARAGRAPH = "\n\n"
"""Between two parts of a summary, which are paragraphs of their own."""
UNFINISHED = frozenset({"queued", "in_progress"})
_FINISH_REASONS = {"max_output_tokens": "length"}
_MOST_NAME_CHARS = 256


@dataclass(slots=True)
class Said:
    """What the output of a response says, in the order of its items."""

    answer: str = ""
    reasoning: str = ""
    calls: list[ToolCall] = field(default_factory=list)


def said_in_output(response: Mapping[str, Any]) -> Said:
    """Raises AttributeError, KeyError or TypeError for what is no response."""
    said = Said()
    for item in response.get("output") or ():
        match item.get("type"):
            case "message":
                parts = (part.get("text") or part.get("refusal") for part in item["content"])
                said.answer += "".join(map(text_of, filter(None, parts)))
            case "reasoning":
                _read_reasoning(item, said)
            case "function_call":
                said.calls.append(begun_call(len(said.calls), item, text_of(item["arguments"])))
    said.answer, said.reasoning = clean(said.answer), clean(said.reasoning)
    return said


def _read_reasoning(item: Mapping[str, Any], said: Said) -> None:
    for part in item.get("summary") or ():
        said.reasoning += PARAGRAPH if said.reasoning else ""
        said.reasoning += text_of(part["text"])
    for part in item.get("content") or ():
        said.reasoning += text_of(part["text"])


def begun_call(index: int, item: Mapping[str, Any], arguments: str = "") -> ToolCall:
    """The first piece of the call that an item is, or all of it."""
    names = (clean(text_of(item[name]))[:_MOST_NAME_CHARS] for name in ("call_id", "name"))
    id, name = names
    return ToolCall(index, id, name, clean(arguments))


def text_of(text: object) -> str:
    """Raises UpstreamMalformed for anything but a text."""
    if not isinstance(text, str):
        kind = type(text).__name__
        raise UpstreamMalformed(f"The model's server sent a {kind} where a text belongs.")
    return text


def end_of(response: Mapping[str, Any], *, calls: bool) -> Finished | ProviderError:
    """How a response that is not unfinished ended; `calls` says whether it calls a tool."""
    status = response.get("status")
    usage = usage_in(response)
    if status == "completed":
        return Finished("complete", "tool_calls" if calls else "stop", usage)
    if status == "incomplete":
        reason = (response.get("incomplete_details") or {}).get("reason")
        reason = clean(text_of(reason or "length"))[:_MOST_NAME_CHARS]
        return Finished("complete", _FINISH_REASONS.get(reason, reason), usage)
    if status == "failed":
        # Some servers leave the reason out.
        reason = response.get("error") or {"message": "nothing more", "code": "server_error"}
        return error_in({"error": reason})
    if status == "cancelled":
        return UpstreamTruncated(
            "The answer was cancelled at the model's server, by somebody else or by its operator. "
            "What came is kept; ask again for a whole one."
        )
    return UpstreamMalformed(f"The model's server gave its answer no status of ours: {status!r}.")


def usage_in(response: Mapping[str, Any]) -> Usage | None:
    """None when it has none, or one that cannot be read."""
    usage = response.get("usage")
    if not isinstance(usage, Mapping):
        return None
    return usage_of(dict(_renamed(usage)))


def _renamed(usage: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """In the words of chat completions."""
    for ours, theirs in (("prompt", "input"), ("completion", "output")):
        if f"{theirs}_tokens" in usage:
            yield f"{ours}_tokens", usage[f"{theirs}_tokens"]
        yield f"{ours}_tokens_details", usage.get(f"{theirs}_tokens_details")
