"""Messages of a file as the tree that they claim to be: pure."""

from collections import Counter
from collections.abc import Sequence

from llmchat.domain import Message
from llmchat.errors import Invalid
from llmchat.ids import MessageId


def from_the_root(messages: Sequence[Message]) -> list[tuple[Message, int]]:
    """Each message behind its parent, otherwise in their order, with its depth: 0 at a root.
    Raises Invalid for what is no tree."""
    _check_names(messages)
    children: dict[MessageId | None, list[Message]] = {}
    for message in messages:
        children.setdefault(message.parent_id, []).append(message)
    depths: dict[MessageId, int] = {}
    waiting = children.pop(None, [])[::-1]
    while waiting:
        message = waiting.pop()
        depths[message.id] = 0 if message.parent_id is None else depths[message.parent_id] + 1
        waiting += children.pop(message.id, [])[::-1]
    if children:
        around = next(m.id for m in messages if m.id not in depths)
        raise Invalid(f"The parents of {around} go round in a circle: none of them is a beginning.")
    # By depth a parent comes first, and else the file says which version is the older one.
    placed = sorted(messages, key=lambda message: depths[message.id])
    return [(message, depths[message.id]) for message in placed]


def _check_names(messages: Sequence[Message]) -> None:
    times = Counter(message.id for message in messages)
    twice = [id_ for id_, count in times.items() if count > 1]
    if twice:
        raise Invalid(f"Two messages of the file are called {twice[0]}: each needs its own id.")
    for message in messages:
        if message.parent_id is not None and message.parent_id not in times:
            raise Invalid(
                f"The message {message.id} goes behind {message.parent_id}, which is not in the "
                "file."
            )
