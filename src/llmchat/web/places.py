"""How many streams may be open: of one caller, and in all."""

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

from llmchat.errors import RateLimited

_RETRY_SECONDS = 10


class Places:
    """Counted in this process: a stream is a connection, and connections are a process's own."""

    def __init__(self, *, per_caller: int | None, in_all: int | None) -> None:
        self._per_caller = per_caller
        self._in_all = in_all
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, who: str) -> Generator["Place", None, None]:
        """A place, given back at the end of the block unless it is kept. Raises RateLimited."""
        if self._in_all is not None and self._taken.total() >= self._in_all:
            raise _full("This server has", self._in_all)
        if self._per_caller is not None and self._taken[who] >= self._per_caller:
            raise _full("You have", self._per_caller)
        self._taken[who] += 1
        with ExitStack() as stack:
            stack.callback(self._give_back, who)
            yield Place(stack)

    def _give_back(self, who: str) -> None:
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
    )
