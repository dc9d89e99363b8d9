"""What upstreams send, and what has to come of it, as corpus/README.md says."""

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmchat.events import Usage
from tests.providers.asking import Heard

CORPUS = Path(__file__).with_name("corpus")
_EXPECTED = frozenset(
    ["answer", "reasoning", "calls", "finish", "usage", "error", "says", "skip_thinking", "prefill"]
)
_BYTES = re.compile(r"«(?:(?P<hex>[0-9A-F]{2}(?: [0-9A-F]{2})*)|(?P<text>.) \* (?P<times>\d+))»")
_CLOSE = re.compile(r"«close (\d{4})»")
_EDGE_BYTES = 3000
_MEAN_BYTES = 40


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a client sees of an answer. `calls` are of id, name and arguments; `usage` is of
    input, output, reasoning and cached tokens; `error` is its type."""

    answer: str = ""
    reasoning: str = ""
    calls: Sequence[Sequence[str | None]] = field(default_factory=list)
    finish: str | None = None
    usage: Sequence[int] | None = None
    error: str | None = None

    @classmethod
    def of(cls, heard: Heard) -> "Outcome":
        usage = None if heard.finished is None else heard.finished.usage
        return cls(
            heard.text,
            heard.reasoning,
            [[call.id, call.name, call.arguments] for call in heard.calls],
            heard.finish_reason,
            None if usage is None else _counts(usage),
            None if heard.error is None else heard.error.type,
        )


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`response` is all that comes over the connection; over a WebSocket it is the handshake, and
    `frames` come when the client has asked."""

    name: str
    kind: str
    response: bytes
    outcome: Outcome
    says: str = ""
    skip_thinking: bool = False
    prefill: str = ""
    frames: bytes = b""


def corpus(kind: str) -> list[Behaviour]:
    """The behaviours of the servers that a kind of provider speaks to."""
    return [
        _behaviour(kind, path, part)
        for path in sorted((CORPUS / kind).glob("*.http"))
        for part in path.read_text(encoding="utf-8").split("=== ")[1:]
    ]


def at_once(response: bytes) -> Iterator[bytes]:
    yield response


def byte_by_byte(response: bytes) -> Iterator[bytes]:
    """Of what is very long, the beginning and the end."""
    begin, end = response[:_EDGE_BYTES], response[_EDGE_BYTES:][-_EDGE_BYTES:]
    for byte in begin:
        yield bytes([byte])
    if middle := response[_EDGE_BYTES : len(response) - len(end)]:
        yield middle
    for byte in end:
        yield bytes([byte])


def anywhere(response: bytes, dice: random.Random) -> Iterator[bytes]:
    at = 0
    mean_bytes = max(_MEAN_BYTES, len(response) // 100)
    while at < len(response):
        size = 1 + int(dice.expovariate(1 / mean_bytes))
        yield response[at : at + size]
        at += size


def _behaviour(kind: str, path: Path, part: str) -> Behaviour:
    title, rest = part.split("\n", 1)
    above, below = rest.split("---\n", 1)
    lines = [line.split(": ", 1) for line in above.strip("\n").split("\n")]
    expected: dict[str, Any] = {name: json.loads(_bytes(value)) for name, value in lines}
    name = f"{path.stem}: {title}"
    assert expected.keys() <= _EXPECTED, name
    assert ("error" in expected) != ("finish" in expected), name
    asked = ("says", "skip_thinking", "prefill")
    more: dict[str, Any] = {key: expected.pop(key) for key in asked if key in expected}
    if kind == "websocket" and below.startswith("HTTP/1.1 101"):
        head, messages = below.split("\n\n", 1)
        more["frames"] = b"".join(map(_frame, messages.strip("\n").split("\n")))
        below = f"{head}\n\n"
    return Behaviour(name, kind, _response(below), Outcome(**expected), **more)


def _frame(line: str) -> bytes:
    """A text message, or a part of one, or what is no message."""
    if close := _CLOSE.fullmatch(line):
        return bytes([0x88, 2]) + int(close[1]).to_bytes(2, "big")
    if line == "«ping»":
        return bytes([0x89, 0])
    first = 0x01 if line.startswith("«more»{") else 0x00
    text = _bytes(line.removeprefix("«more»").removeprefix("«last»"))
    whole = not line.startswith(("«more»", "«last»"))
    first = 0x81 if whole else first | (0x80 if line.startswith("«last»") else 0)
    assert len(text) < 126, "a longer frame has another head"
    return bytes([first, len(text)]) + text


def _response(text: str) -> bytes:
    text = text.split("«end»", maxsplit=1)[0]
    head, _, body = text.partition("\n\n")
    return _bytes(head.replace("\n", "\r\n") + "\r\n\r\n") + _bytes(body)


def _bytes(text: str) -> bytes:
    result, at = b"", 0
    for found in _BYTES.finditer(text):
        result += text[at : found.start()].encode()
        if found["hex"]:
            result += bytes.fromhex(found["hex"])
        else:
            result += (found["text"] * int(found["times"])).encode()
        at = found.end()
    return result + text[at:].encode()


def _counts(usage: Usage) -> list[int]:
    return [usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.cached_tokens]
