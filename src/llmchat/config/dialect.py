"""The names of the fields in the JSON of the custom WebSocket model: another server has others."""

from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _or_nowhere(path: object) -> object:
    return "" if path is False else path


FieldPath = Annotated[
    str,
    BeforeValidator(_or_nowhere),
    Field(pattern=r"^([^.\s]+(\.[^.\s]+)*)?$", max_length=256),
]
"""Names of nested fields with dots between them, or places in a list: `usage.total`,
`choices.0.text`. `false` (an empty path): it is left out of what is sent, and not looked for in
what is read."""

_IN_FRAME = ("message", "model", "timestamp", "metadata", "messages")
_IN_SETTINGS = (
    "max_tokens",
    "temperature",
    "top_p",
    "stop",
    "seed",
    "stream",
    "skip_thinking",
    "response_format",
    "tools",
    "tool_choice",
)


class DialectSettings(BaseModel):
    """What a frame to the model has, what its settings have, and what is read from its answer."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    message_field: FieldPath = "message"
    """The newest message of the user, as text."""
    model_field: FieldPath = "model"
    timestamp_field: FieldPath = "timestamp"
    """When the frame was sent, as ISO 8601 in UTC."""
    metadata_field: FieldPath = "metadata"
    """The `metadata` of the provider, and an empty `session_context`."""
    messages_field: FieldPath = "messages"
    """The whole conversation as OpenAI spells it."""
    settings_field: FieldPath = "settings"
    """Where the settings are that follow; with `false` they are in the frame itself."""
    max_tokens_field: FieldPath = "max_tokens"
    temperature_field: FieldPath = "temperature"
    top_p_field: FieldPath = "top_p"
    stop_field: FieldPath = "stop"
    seed_field: FieldPath = "seed"
    stream_field: FieldPath = "stream"
    skip_thinking_field: FieldPath = "skip_thinking"
    response_format_field: FieldPath = "response_format"
    tools_field: FieldPath = "tools"
    tool_choice_field: FieldPath = "tool_choice"

    delta_field: FieldPath = "delta"
    """The next piece of the text."""
    token_field: FieldPath = "token"  # noqa: S105 - a name in JSON
    """Another name for the same."""
    response_field: FieldPath = "response"
    """The whole text of an answer in one frame; a piece of it in a stream that has no others, and
    otherwise a summary that is not shown."""
    reasoning_field: FieldPath = "reasoning"
    """A piece of what the model thinks."""
    tool_calls_field: FieldPath = "tool_calls"
    """Calls of tools, whole or in pieces, as OpenAI spells them."""
    done_field: FieldPath = "done"
    """True in the last frame."""
    finish_reason_field: FieldPath = "finish_reason"
    """A text in the last frame."""
    tokens_field: FieldPath = "tokens_used"
    """The tokens of question and answer; of the answer alone when no other number is there."""
    input_tokens_field: FieldPath = ""
    """The tokens of the question."""
    output_tokens_field: FieldPath = ""
    """The tokens of the answer."""
    error_field: FieldPath = "error"
    """A text, an object or true when the model failed."""
    error_code_field: FieldPath = "error_code"
    """An HTTP status, or a word that names the kind of the failure."""
    error_message_field: FieldPath = "error_message"
    """What is shown of it."""
    retry_after_field: FieldPath = "retry_after"
    """The seconds that an error asks to wait."""

    @model_validator(mode="after")
    def _one_place_each(self) -> Self:
        found: dict[str, str] = {}
        paths = self.dialect()
        for name in (*_IN_FRAME, *_IN_SETTINGS):
            inside = f"{paths['settings']}." if name in _IN_SETTINGS and paths["settings"] else ""
            other = found.setdefault(inside + paths[name], name) if paths[name] else name
            if other != name:
                raise ValueError(
                    f'{other}_field and {name}_field are both "{inside}{paths[name]}"; set one of '
                    "them to false, and it is not sent"
                )
        return self

    def dialect(self) -> dict[str, str]:
        """Every path by what it is the path of."""
        return {
            name.removesuffix("_field"): getattr(self, name)
            for name in DialectSettings.model_fields
        }
