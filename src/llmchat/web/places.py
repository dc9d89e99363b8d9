"""How many streams may be open: of one caller, and in all."""

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Literal, get_args

from llmchat.errors import RateLimited

_RETRY_SECONDS = 10
StreamDoor = Literal["sse", "conversation", "websocket", "ui", "openai"]
"""Which door a stream came through: a generation's, a conversation's, a socket, another dialect."""


class Places:
    """Counted in this process: a stream is a connection, and connections are a process's own."""

    def __init__(self, *, per_caller: int | None, in_all: int | None) -> None:
        self._per_caller = per_caller
        self._in_all = in_all
        self._taken: Counter[str] = Counter()
        self.open = Counter[str](dict.fromkeys(get_args(StreamDoor), 0))
        """How many are taken, by door."""

    @contextmanager
    def take(self, who: str, door: StreamDoor) -> Generator["Place", None, None]:
        """A place, given back at the end of the block unless it is kept. Raises RateLimited."""
        if self._in_all is not None and self._taken.total() >= self._in_all:
            raise _full("This server has", self._in_all)
        if self._per_caller is not None and self._taken[who] >= self._per_caller:
            raise _full("You have", self._per_caller)
        self._taken[who] += 1
        self.open[door] += 1
        with ExitStack() as stack:
            stack.callback(self._give_back, who, door)
            yield Place(stack)

    def _give_back(self, who: str, door: StreamDoor) -> None:
        self.open[door] -= 1
        self._taken[who] -= 1
        if not self._taken[who]:
            del self._taken[who]


class Place:
    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def keep(self) -> Callable[[], None]:
        """Hold it beyond the block, until what is returned is called."""
        return self._stack.pop_all().close


def _full(whose: str, limit: int) -> RateLimited:
    return RateLimited(
        f"{whose} {limit} streams open, which is the most at once. Close one, or come back later; "
        "whatever is written meanwhile is kept.",
        limit=limit,
        remaining=0,
        retry_after_seconds=_RETRY_SECONDS,
        kind="streams",
    )
