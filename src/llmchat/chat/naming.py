"""Who says what, told to the model where several people ask it."""

from collections.abc import Sequence
from dataclasses import replace

from llmchat.domain import Message, Role

_MOST_CHARS = 128


def named(branch: Sequence[Message]) -> Sequence[Message]:
    """With `ann: ` before the text of each message of a person, where there are several of them:
    else the model would take all for one."""
    authors = {m.author for m in branch if m.role is Role.USER and m.author is not None}
    if len(authors) < 2:
        return branch
    return [_named(message) for message in branch]


def _named(message: Message) -> Message:
    if message.role is not Role.USER or message.author is None:
        return message
    # An issuer may give any name, with line ends in it: it cannot say what others do.
    name = " ".join(message.author.split())[:_MOST_CHARS]
    before = f"{name}: "
    parts = (before, *message.parts) if message.parts else ()
    return replace(message, content=before + message.content, parts=parts)
