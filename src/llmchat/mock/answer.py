"""The answer itself, in numbered pieces, and the schedule on which they are due."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count, cycle, islice
from typing import Literal

from llmchat.mock.options import Options
from llmchat.mock.quirks import Quirk, quirk_of
from llmchat.text import rest_of

BURST_TOKENS = 32
TOOL_CALLS = (
    ("call_0", "weather", '{"city":"Zürich","days":3}'),
    ("call_1", "clock", '{"zone":"Europe/Zurich"}'),
)
ARGUMENT_PIECE_CHARACTERS = 5


@dataclass(frozen=True, slots=True)
class Token:
    channel: Literal["answer", "reasoning"]
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallPiece:
    """The first piece of a call has its id and name, the others only more of its arguments."""

    index: int
    call_id: str | None
    name: str | None
    arguments: str


Piece = Token | ToolCallPiece


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Iterate once; only then is it known why the answer ended."""

    source: Iterator[Piece]
    max_tokens: int | None
    natural_finish_reason: str
    reasoning_tokens: int = 0
    """How many of the first pieces are reasoning."""

    def __iter__(self) -> Iterator[Piece]:
        return islice(self.source, self.max_tokens)

    def finish_reason(self) -> str:
        return self.natural_finish_reason if next(self.source, None) is None else "length"


def compose(options: Options, echo: str | None = None, max_tokens: int | None = None) -> Answer:
    """The answer that the options ask for; `echo` is a text to say back instead of a story."""
    reasoning = (Token("reasoning", f"r{number} ") for number in range(options.reasoning))
    if quirk_of(options.fail).tool_calls:
        return Answer(
            chain(reasoning, tool_call_pieces()), max_tokens, "tool_calls", options.reasoning
        )
    answer = (Token("answer", text) for text in texts(options, echo))
    pieces = chain(reasoning, answer)
    return Answer(pieces, max_tokens, options.finish_reason, options.reasoning)


def compose_rest(
    options: Options, begun: str, echo: str | None = None, max_tokens: int | None = None
) -> Answer:
    """What follows `begun` in that answer, and the whole one when it does not begin like that."""
    rest = rest_of(texts(options, echo), begun) if options.prefill == "continue" else None
    if not begun or rest is None or quirk_of(options.fail).tool_calls:
        return compose(options, echo, max_tokens)
    # What was thought before it is not thought again.
    return Answer((Token("answer", text) for text in rest), max_tokens, options.finish_reason)


def texts(options: Options, echo: str | None) -> Iterator[str]:
    text = options.text if options.text is not None else echo
    return story(options.tokens, quirk_of(options.fail)) if text is None else iter(words(text))


def story(tokens: int, quirk: Quirk) -> Iterator[str]:
    numbered = zip(cycle(quirk.tokens), count(), strict=False)
    return (template.format(number) for template, number in islice(numbered, tokens))


def words(text: str) -> list[str]:
    """Each word with the space behind it: joined, they are the text again."""
    return re.findall(r"\S+\s*|\s+", text)


def tool_call_pieces() -> Iterator[ToolCallPiece]:
    for index, (call_id, name, arguments) in enumerate(TOOL_CALLS):
        yield ToolCallPiece(index, call_id, name, "")
        for start in range(0, len(arguments), ARGUMENT_PIECE_CHARACTERS):
            piece = arguments[start : start + ARGUMENT_PIECE_CHARACTERS]
            yield ToolCallPiece(index, None, None, piece)


class Pace:
    """Token i is due at start + i / rate, so that one late token does not delay all that follow."""

    def __init__(self, options: Options) -> None:
        self._clock = asyncio.get_running_loop().time
        self._first_due_at = self._clock() + options.first_token_delay
        self._gap_seconds = 1 / options.rate if options.rate else 0.0

    async def due(self, number: int) -> None:
        wait_seconds = self._first_due_at + number * self._gap_seconds - self._clock()
        if wait_seconds > 0:
            await asyncio.sleep(wait_seconds)
        elif number % BURST_TOKENS == 0:
            # An unpaced answer would otherwise starve its own reader until the socket is full.
            await asyncio.sleep(0)
