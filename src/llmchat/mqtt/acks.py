"""Acknowledgements in the order of what they acknowledge, as MQTT wants them."""

from collections import deque
from collections.abc import Callable


class _Waiting:
    def __init__(self, number: int) -> None:
        self.number = number
        self.done = False


class Acks:
    """Of one connection. What is done early waits for what came before it."""

    def __init__(self, send: Callable[[int], object]) -> None:
        self._send = send
        self._waiting: deque[_Waiting] = deque()

    def expect(self, number: int) -> Callable[[], None]:
        """A message with this number has come; what is returned says that it is stored."""
        mine = _Waiting(number)
        self._waiting.append(mine)

        def done() -> None:
            mine.done = True
            self._flush()

        return done

    def _flush(self) -> None:
        while self._waiting and self._waiting[0].done:
            self._send(self._waiting.popleft().number)
