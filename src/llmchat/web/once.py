"""What many are told is encoded for the first of them."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """What came of the last `size` things. They are told apart by identity: whoever announces
    something gives everybody the same object, and to compare two would cost more than it saves."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[int, tuple[object, T]] = OrderedDict()

    def __call__(self, thing: object, make: Callable[[], T]) -> T:
        found = self._kept.get(id(thing))
        if found is not None and found[0] is thing:
            return found[1]
        made = make()
        self._kept[id(thing)] = thing, made
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return made
