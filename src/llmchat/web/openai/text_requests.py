"""What clients of OpenAI's text completions send."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, WithJsonSchema, field_validator

from llmchat.domain import Role
from llmchat.prompts import PromptMessage
from llmchat.web.openai.lenient import OneOrMore
from llmchat.web.openai.requests import CompletionRequest, Question
from llmchat.wire.bounds import MOST_TEXT_CHARS, Text

_TEXT_SCHEMA = {"type": "string", "maxLength": MOST_TEXT_CHARS}
_PROMPT_SCHEMA = {
    "anyOf": [
        _TEXT_SCHEMA,
        {"type": "array", "items": _TEXT_SCHEMA, "minItems": 1, "maxItems": 1},
    ]
}


class TextRequest(CompletionRequest):
    """Fields that are not listed here are passed to the model's server as they are."""

    prompt: Annotated[
        Annotated[list[Text], Field(min_length=1, max_length=1)],
        OneOrMore,
        WithJsonSchema(_PROMPT_SCHEMA),
    ]
    """A text, or a list of one: the only message of a chat, in the words of its user."""
    best_of: int | None = None
    """Only 1."""
    echo: bool | None = None
    """Not here: only false."""
    suffix: Text | None = None
    """Not here: only empty."""
    logprobs: Any = None
    """Not here: `POST /v1/chat/completions` has them."""
    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {"model": "demo/echo", "prompt": "hello"},
                {
                    "model": "demo/story",
                    "prompt": ["a story"],
                    "stream": True,
                    "tokens": 20,
                    "tokens_per_second": 0,
                },
            ]
        },
    )

    @field_validator("best_of")
    @classmethod
    def _best(cls, best_of: int | None) -> int | None:
        return cls._one(best_of)

    @field_validator("echo", "suffix", "tools")
    @classmethod
    def _left_out(cls, value: Any) -> Any:
        if value:
            raise ValueError("not in text completions: leave it out")
        return value

    @field_validator("logprobs")
    @classmethod
    def _none(cls, value: Any) -> Any:
        if value is not None:
            raise ValueError("not in text completions: ask /v1/chat/completions for them")
        return value

    def to_question(self) -> Question:
        messages = [PromptMessage(Role.USER, self.prompt[0])]
        return Question(self.model, messages, self._params())
