"""Messages of a file as the tree that they claim to be: pure."""

from collections import Counter
from collections.abc import Sequence
from heapq import heappop, heappush

from llmchat.domain import Message
from llmchat.errors import Invalid
from llmchat.ids import MessageId


def from_the_root(messages: Sequence[Message]) -> list[tuple[Message, int]]:
    """Each message behind its parent, otherwise in their order, with its depth: 0 at a root.
    Raises Invalid for what is no tree."""
    _check_names(messages)
    behind: dict[MessageId | None, list[int]] = {}
    for place, message in enumerate(messages):
        behind.setdefault(message.parent_id, []).append(place)
    depths: dict[MessageId, int] = {}
    placed: list[tuple[Message, int]] = []
    # The first in the file of those whose parent is placed: its order, wherever that is possible.
    ready = behind.pop(None, [])
    while ready:
        message = messages[heappop(ready)]
        depth = 0 if message.parent_id is None else depths[message.parent_id] + 1
        depths[message.id] = depth
        placed.append((message, depth))
        for place in behind.pop(message.id, []):
            heappush(ready, place)
    if len(placed) < len(messages):
        lost = next(message.id for message in messages if message.id not in depths)
        raise Invalid(f"The parents of {lost} go round in a circle: none of them is a beginning.")
    return placed


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
