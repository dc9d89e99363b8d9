"""How many tokens a model counts: by its own vocabulary when that is known, else by an estimate."""

import math
from collections.abc import Iterator, Sequence

import orjson

from llmchat.domain import Image, Json, Params
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.base import Count
from llmchat.providers.estimate import Ratios, estimated_tokens
from llmchat.providers.vocabularies import Encode, Vocabularies

# What a server writes around a message: its role, its beginning and its end.
_PER_MESSAGE = 4
_PER_CALL = 8
_PER_IMAGE = 1000
# To make tokens of twenty times as much takes a fifth of a second, in which nothing else is done.
_MOST_EXACT_CHARS = 64 * 1024


class TokenCounter:
    """A Tokens. Without `vocabularies` everything is estimated."""

    def __init__(self, vocabularies: Vocabularies | None) -> None:
        self._vocabularies = vocabularies
        self._ratios = Ratios()

    def count(
        self, model: str, messages: Sequence[PromptMessage], params: Params | None = None
    ) -> Count:
        texts = list(_texts(messages, params))
        around = _around(messages)
        encode = self._find(model)
        if encode is None:
            estimated = around + sum(map(estimated_tokens, texts))
            return Count(math.ceil(estimated * self._ratios.of(model)))
        exact = not _shaped_by_the_server(messages, params) and all(map(_is_short, texts))
        return Count(around + sum(_encoded(encode, text) for text in texts), exact)

    def count_text(self, model: str, text: str) -> int:
        encode = self._find(model)
        if encode is None:
            return math.ceil(estimated_tokens(text) * self._ratios.of(model))
        return _encoded(encode, text)

    def learns(self, model: str) -> bool:
        return self._find(model) is None

    def learn(self, model: str, prompt: Prompt, reported: int) -> None:
        has_images = any(map(_images, prompt.messages))
        if reported > 0 and self.learns(model) and not has_images:
            texts = _texts(prompt.messages, prompt.params)
            estimated = _around(prompt.messages) + sum(map(estimated_tokens, texts))
            self._ratios.learn(model, estimated, reported)

    def _find(self, model: str) -> Encode | None:
        return self._vocabularies.find(model) if self._vocabularies is not None else None


def _texts(messages: Sequence[PromptMessage], params: Params | None) -> Iterator[str]:
    """All that a model reads."""
    for message in messages:
        yield message.content
        for call in message.tool_calls:
            yield call.name or ""
            yield call.arguments
    for schema in _schemas(params):
        yield orjson.dumps(schema).decode()


def _schemas(params: Params | None) -> Sequence[Json]:
    if params is None:
        return []
    return [*(params.tools or ()), *([params.response_format] if params.response_format else [])]


def _around(messages: Sequence[PromptMessage]) -> int:
    """What is no text: the same for every model."""
    return sum(
        _PER_MESSAGE + _PER_CALL * len(message.tool_calls) + _PER_IMAGE * _images(message)
        for message in messages
    )


def _images(message: PromptMessage) -> int:
    return sum(isinstance(part, Image) for part in message.parts)


def _shaped_by_the_server(messages: Sequence[PromptMessage], params: Params | None) -> bool:
    """Whether there is something that each server writes into a prompt in its own way."""
    return bool(_schemas(params)) or any(
        message.tool_calls or message.parts for message in messages
    )


def _is_short(text: str) -> bool:
    return len(text) <= _MOST_EXACT_CHARS


def _encoded(encode: Encode, text: str) -> int:
    """Of a very long text only its two ends are counted."""
    if _is_short(text):
        return len(encode(text))
    half = _MOST_EXACT_CHARS // 2
    ends = len(encode(text[:half])) + len(encode(text[-half:]))
    return math.ceil(ends * len(text) / _MOST_EXACT_CHARS)
