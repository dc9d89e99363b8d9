"""Models that need no network: to try everything out, and to test with."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from importlib.resources import files
from itertools import islice

from llmchat.domain import Image, Model, Role
from llmchat.errors import UpstreamRejected
from llmchat.events import Delta, Finished, Usage
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.base import ProviderEvent, prefilled
from llmchat.providers.wrapper import Forgetful
from llmchat.text import clean, rest_of

_STORY_TOKENS = 300
_BURST = 64
_WORD = re.compile(r"\s*\S+|\s+")
_MOST_STORY_TOKENS = 200_000
# More than the longest message that a client may send.
_CONTEXT_WINDOW = 1_000_000
_TOKENS_PER_SECOND = 30.0
_LEAST_TOKENS_PER_SECOND = 0.1
_MOST_TOKENS_PER_SECOND = 100_000.0


class DemoProvider(Forgetful):
    """`echo` says back what it was told last, and how many images it saw, `story` counts,
    `markdown` shows what a page can render.

    `params.extra` takes `tokens` and `tokens_per_second` (0: as fast as possible).
    """

    prefills = True

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        tokens = _tokens(prompt)
        given = 0
        async for batch in _paced(islice(tokens, prompt.params.max_tokens), _rate(prompt)):
            yield [Delta(token) for token in batch]
            given += len(batch)
        reason = "stop" if next(tokens, None) is None else "length"
        yield [Finished("complete", reason, _usage(prompt, given))]

    async def models(self) -> Sequence[Model]:
        return [Model(name, "demo", context_window=_CONTEXT_WINDOW) for name in _MODELS]

    async def aclose(self) -> None:
        return None


def _echo(prompt: Prompt) -> Iterator[str]:
    told = [m for m in prompt.messages if m.role in (Role.USER, Role.TOOL)]
    yield "You "
    yield "said: "
    yield from _words(_told(told[-1]) if told else "nothing.")


def _told(message: PromptMessage) -> str:
    images = sum(isinstance(part, Image) for part in message.parts)
    seen = f"({images} image{'s' if images > 1 else ''})" if images else ""
    return " ".join(filter(None, [clean(message.content), seen]))


def _story(prompt: Prompt) -> Iterator[str]:
    count = int(_number(prompt, "tokens", _STORY_TOKENS, _MOST_STORY_TOKENS))
    return (f"t{i} " for i in range(count))


def _markdown(prompt: Prompt) -> Iterator[str]:
    return _words(files("llmchat").joinpath("static", "demo.md").read_text("utf-8"))


_MODELS = {"echo": _echo, "story": _story, "markdown": _markdown}


def _tokens(prompt: Prompt) -> Iterator[str]:
    make = _MODELS.get(prompt.model)
    if make is None:
        known = ", ".join(f"demo/{name}" for name in _MODELS)
        raise UpstreamRejected(f"There is no model demo/{prompt.model}; there are {known}.")
    return rest_of(make(prompt), prefilled(prompt)) or make(prompt)


def _words(text: str) -> Iterator[str]:
    """Each word with the white space before it: joined, they are the text again."""
    return (word[0] for word in _WORD.finditer(text))


async def _paced(tokens: Iterator[str], per_second: float) -> AsyncGenerator[Sequence[str], None]:
    """All that is due, at each moment at which one is, and never so much that others wait."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    given = 0
    upcoming = next(tokens, None)
    while upcoming is not None:
        pause = begin + given / per_second - loop.time() if per_second else 0.0
        # Also when nothing is to be waited for: whoever never waits keeps all others waiting.
        await asyncio.sleep(max(0.0, pause))
        due = (loop.time() - begin) * per_second - given if per_second else _BURST
        batch = [upcoming, *islice(tokens, min(max(0, int(due) - 1), _BURST))]
        yield batch
        given += len(batch)
        upcoming = next(tokens, None)


def _rate(prompt: Prompt) -> float:
    rate = _number(prompt, "tokens_per_second", _TOKENS_PER_SECOND, _MOST_TOKENS_PER_SECOND)
    if 0 < rate < _LEAST_TOKENS_PER_SECOND:
        # Slower, a clock would end it as if a server had failed: a 504 for what the caller wanted.
        raise UpstreamRejected(
            f"`params.extra.tokens_per_second` must be 0 or at least {_LEAST_TOKENS_PER_SECOND:g}."
        )
    return rate


def _number(prompt: Prompt, name: str, default: float, most: float) -> float:
    value = (prompt.params.extra or {}).get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise UpstreamRejected(f"`params.extra.{name}` must be a number from 0 to {most:g}.")
    return value


def _usage(prompt: Prompt, output_tokens: int) -> Usage:
    words = sum(len(message.content.split()) for message in prompt.messages)
    return Usage(input_tokens=words, output_tokens=output_tokens)
