"""From the messages of a branch to those of a prompt, so that no server has to refuse them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

import orjson

from llmchat.domain import Message, Role
from llmchat.events import ToolCall
from llmchat.prompts import PromptMessage


def sayings(branch: Sequence[Message]) -> list[PromptMessage]:
    """What was said, in order, without what is empty.

    Of an assistant's tool calls those stay that were answered right behind it, and of the results
    those whose call is there: servers refuse a prompt that has one without the other, and the
    conversation could never go on.
    """
    return list(_sayings(branch))


def _sayings(branch: Sequence[Message]) -> Iterator[PromptMessage]:
    for place, message in enumerate(branch):
        match message.role:
            case Role.TOOL:
                continue  # Said with the message that called it, or not at all.
            case Role.ASSISTANT:
                yield from _assistant(message, _results(branch, place + 1))
            case _ if message.content or message.parts:
                parts = tuple(part for part in message.parts if part)
                yield PromptMessage(message.role, message.content, parts)


def _assistant(message: Message, behind: Sequence[Message]) -> Iterator[PromptMessage]:
    results: dict[str | None, str] = {}
    for result in behind:
        results.setdefault(result.tool_call_id, result.content)
    # Without its name, a call that broke off at once is nothing that any server could read.
    calls = [call for call in message.tool_calls if call.name and call.id in results]
    if message.content or calls:
        readable = tuple(replace(call, arguments=_object(call)) for call in calls)
        yield PromptMessage(message.role, message.content, tool_calls=readable)
    called = {call.id for call in calls}
    for id, content in results.items():
        if id in called:
            yield PromptMessage(Role.TOOL, content, tool_call_id=id)


def _results(branch: Sequence[Message], begin: int) -> Sequence[Message]:
    behind = (branch[place] for place in range(begin, len(branch)))
    return list(takewhile(lambda message: message.role is Role.TOOL, behind))


def _object(call: ToolCall) -> str:
    """Its arguments, as the JSON object that most servers need: none are an empty one, and what is
    no object, or broke off, becomes a text in one."""
    arguments = call.arguments or "{}"
    try:
        readable = isinstance(orjson.loads(arguments), dict)
    except orjson.JSONDecodeError:
        readable = False
    return arguments if readable else orjson.dumps({"arguments": arguments}).decode()
