"""What clients of OpenAI's chat completions send."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field, WithJsonSchema, field_validator

from llmchat import domain
from llmchat.prompts import PromptMessage
from llmchat.web.openai.lenient import LenientBody, OneOrMore
from llmchat.web.openai.messages import OpenAIMessage
from llmchat.wire.bounds import Line, ModelId
from llmchat.wire.params import Params

_MOST_MESSAGES = 2000
_MOST_STOPS = 16
_STOP_SCHEMA = {
    "anyOf": [
        {"type": "string", "maxLength": 512},
        {"type": "array", "items": {"type": "string", "maxLength": 512}, "maxItems": _MOST_STOPS},
        {"type": "null"},
    ]
}
# What says how to answer, and not how to generate.
_OURS = {"model", "messages", "stream", "stream_options", "n", "max_completion_tokens", "extra"}
_OURS |= {"prompt", "best_of", "echo", "suffix", "logprobs"}


@dataclass(frozen=True, slots=True)
class Question:
    """A chat completion that is asked for."""

    model: str | None
    messages: Sequence[PromptMessage]
    params: domain.Params


class StreamOptions(LenientBody):
    include_usage: bool | None = None
    """Whether a last chunk says how many tokens it were."""


class CompletionRequest(LenientBody, Params):
    """What all completions have, chat or not."""

    model: ModelId | None = None
    """`provider/name`, as `GET /v1/models` lists it; when left out, the server's default."""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    """Only 1: this server writes one answer for a request."""
    max_completion_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """The newer name of `max_tokens`; it wins."""
    stop: Annotated[
        Annotated[list[Line], Field(max_length=_MOST_STOPS)] | None,
        OneOrMore,
        WithJsonSchema(_STOP_SCHEMA),
    ] = None
    """A text, or several, that end the answer."""

    @field_validator("n")
    @classmethod
    def _one(cls, n: int | None) -> int | None:
        if n not in (None, 1):
            raise ValueError("this server writes one answer for a request: leave it out, or send 1")
        return n

    @property
    def with_usage(self) -> bool:
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @abstractmethod
    def to_question(self) -> Question: ...

    def _params(self) -> domain.Params:
        known = self.model_dump(exclude_none=True, exclude=_OURS | set(self.unknown))
        if self.max_completion_tokens is not None:
            known["max_tokens"] = self.max_completion_tokens
        extra: dict[str, Any] = {**self.unknown, **(self.extra or {})}
        return domain.Params(**known, extra=extra or None)


class ChatRequest(CompletionRequest):
    """Fields that are not listed here are passed to the model's server as they are."""

    messages: Annotated[list[OpenAIMessage], Field(min_length=1, max_length=_MOST_MESSAGES)]
    """The conversation so far, the oldest message first."""
    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "model": "demo/echo",
                    "messages": [
                        {"role": "developer", "content": "Answer in one sentence."},
                        {"role": "user", "content": "hello"},
                    ],
                },
                {
                    "model": "demo/story",
                    "messages": [{"role": "user", "content": "a story"}],
                    "stream": True,
                    "stream_options": {"include_usage": True},
                    "tokens": 20,
                    "tokens_per_second": 0,
                },
            ]
        },
    )

    def to_question(self) -> Question:
        messages = [message.to_domain() for message in self.messages]
        return Question(self.model, messages, self._params())
