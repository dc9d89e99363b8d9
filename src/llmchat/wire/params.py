"""How a model is to answer, as a client says it; and what holds for all that clients send."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from llmchat import domain
from llmchat.wire.bounds import JsonObject, Line


class Body(BaseModel):
    """A request body: what it does not know, it refuses, and "1" is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


def _text_or_object(value: Any) -> str:
    return "text" if isinstance(value, str) else "object"


ToolChoice = Annotated[
    Annotated[Line, Tag("text")] | Annotated[JsonObject, Tag("object")],
    # Without it, an error names every member of the union by its internal name.
    Discriminator(_text_or_object),
]


class Params(Body):
    """How to generate. What is left out comes from the conversation, then from the settings of the
    server, then from the model's own defaults."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """How freely the model chooses."""
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """The share of likely tokens that it chooses from."""
    max_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """The most tokens of the answer; one that is cut here has the `finish_reason` `length`."""
    stop: Annotated[list[Line], Field(max_length=16)] | None = None
    """Texts that end the answer."""
    seed: Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)] | None = None
    """The same seed gives the same answer, where the model can do that."""
    skip_thinking: bool | None = None
    """Do without the thinking of a reasoning model, and hide it where it thinks all the same."""
    response_format: JsonObject | None = None
    """As in OpenAI's API, for example `{"type": "json_object"}`."""
    tools: Annotated[list[JsonObject], Field(max_length=256)] | None = None
    """As in OpenAI's API."""
    tool_choice: ToolChoice | None = None
    """As in OpenAI's API: a text such as `auto`, or an object that names a tool."""
    extra: JsonObject | None = None
    """Passed to the provider as it is. The demo models take `tokens` and `tokens_per_second`."""

    def to_domain(self) -> domain.Params:
        return domain.Params(**self.model_dump(exclude_none=True))
