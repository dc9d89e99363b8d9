"""Streams that are right, or nearly, but spelt in ways that trip a careless reader."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from llmchat.mock.http1 import whole


def unchanged(frame: bytes) -> bytes:
    return frame


def with_crlf(frame: bytes) -> bytes:
    return frame.replace(b"\n", b"\r\n")


def with_cr(frame: bytes) -> bytes:
    return frame.replace(b"\n", b"\r")


def without_space(frame: bytes) -> bytes:
    return frame.replace(b"data: ", b"data:", 1)


def over_two_lines(frame: bytes) -> bytes:
    """Breaks behind the first member of the object, where JSON allows a line break."""
    return frame.replace(b',"', b',\ndata: "', 1)


def inside_characters(frame: bytes) -> Iterable[bytes]:
    """Cuts behind the first byte of every character that has more than one."""
    return re.split(rb"(?<=[\xc2-\xf4])", frame)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    description: str
    tokens: tuple[str, ...] = ("t{} ",)
    """Templates of the numbered tokens, used in turn."""
    frame: Callable[[bytes], bytes] = unchanged
    cut: Callable[[bytes], Iterable[bytes]] = whole
    lead_in: bytes = b""
    content_type: str | None = None
    reasoning_field: str = "reasoning_content"
    finish: bool = True
    done: bool = True
    usage: Literal["own-chunk", "null-choices", "finish-chunk"] = "own-chunk"
    tool_calls: bool = False


PLAIN = Quirk(description="none")
# A surrogate is written as a \u escape, since UTF-8 has no bytes for it.
SURROGATES = ("t{} \ud83d\ude00 ", "t{} \ud83d", "\ude00 t{} ", "t{} \ud800 ")

QUIRKS = {
    "no-done": Quirk(description="a finish_reason, but no [DONE]", done=False),
    "done-only": Quirk(description="[DONE] without a finish_reason", finish=False),
    "split-utf8": Quirk(
        description="characters of several bytes, each cut over two chunks",
        tokens=("t{} é漢😀 ",),
        cut=inside_characters,
    ),
    "surrogates": Quirk(
        description="\\u escapes of surrogates: a pair, a pair over two deltas, a lone one",
        tokens=SURROGATES,
    ),
    "u2028": Quirk(
        description="U+2028 and U+0085 raw in the text, which some take for line ends",
        tokens=("t{}\u2028\u0085 ",),
    ),
    "nul": Quirk(description="U+0000 in the text", tokens=("t{}\0 ",)),
    "crlf": Quirk(description="lines that end with CR LF", frame=with_crlf),
    "cr-only": Quirk(description="lines that end with CR", frame=with_cr),
    "no-space": Quirk(description="no space behind 'data:'", frame=without_space),
    "multi-data": Quirk(description="each event over two data lines", frame=over_two_lines),
    "bom": Quirk(description="a byte order mark first", lead_in=b"\xef\xbb\xbf"),
    "wrong-content-type": Quirk(
        description="a correct stream, sent as text/plain",
        content_type="text/plain; charset=utf-8",
    ),
    "tool-calls": Quirk(
        description="two calls of tools, arguments in pieces, no text", tool_calls=True
    ),
    "reasoning-field": Quirk(
        description="reasoning in the field 'reasoning'", reasoning_field="reasoning"
    ),
    "usage-null-choices": Quirk(
        description="usage in a chunk whose choices are null", usage="null-choices"
    ),
    "usage-in-finish": Quirk(
        description="usage in the chunk with the finish_reason", usage="finish-chunk"
    ),
}


def quirk_of(fail: str) -> Quirk:
    return QUIRKS.get(fail, PLAIN)
