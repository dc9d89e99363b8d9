"""Numbered tokens: what the mock says, and the proof that each arrived once and in order."""

from __future__ import annotations

import time
from array import array

STAMPED = 1
"""The token that carries the clock: the first one sent on the paced schedule."""


class TokenError(Exception):
    """A token was lost, doubled or out of order."""


_tokens: list[bytes] = []


def token(number: int) -> bytes:
    """The text of one token, as bytes: `t17 ` with its space."""
    while len(_tokens) <= number:
        _tokens.append(b"t%d " % len(_tokens))
    return _tokens[number]


def stamped(now_ns: int) -> bytes:
    """Token 1 with the sender's CLOCK_MONOTONIC, which is the reader's clock too."""
    return b"t%d@%d " % (STAMPED, now_ns)


class Sequence:
    """Follows one stream's text and refuses any token but the next; keeps when each arrived."""

    __slots__ = ("_rest", "arrivals_ns", "count", "sent_ns")

    def __init__(self) -> None:
        self.count = 0
        self.sent_ns = 0
        self.arrivals_ns = array("q")
        self._rest = b""

    def feed(self, text: bytes) -> None:
        """Takes the next piece of text, cut anywhere."""
        now_ns = time.monotonic_ns()
        if not self._rest and self.count != STAMPED and text == token(self.count):
            self.count += 1
            self.arrivals_ns.append(now_ns)
            return
        before = self.count
        self._rest = self._consume(self._rest + text)
        self.arrivals_ns.extend([now_ns] * (self.count - before))

    def _consume(self, text: bytes) -> bytes:
        at = 0
        while at < len(text):
            wanted = token(self.count)
            if self.count == STAMPED:
                end = text.find(b" ", at) + 1
                if not end:
                    return text[at:]
                self._read_stamp(text[at:end])
            elif text.startswith(wanted, at):
                end = at + len(wanted)
            elif wanted.startswith(text[at:]):
                return text[at:]
            else:
                raise TokenError(f"expected {wanted!r}, got {text[at : at + 24]!r}")
            self.count += 1
            at = end
        return b""

    def _read_stamp(self, piece: bytes) -> None:
        name, _, stamp = piece.rstrip(b" ").partition(b"@")
        if name != b"t%d" % STAMPED or not stamp.isdigit():
            raise TokenError(f"expected a stamped token, got {piece!r}")
        self.sent_ns = int(stamp)
