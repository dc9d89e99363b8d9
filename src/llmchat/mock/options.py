"""What a mock answer looks like and how it goes wrong."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MIB = 1 << 20
HEADER_TEXT = r"^[\x20-\x7e]*$"


class Options(BaseModel):
    """Every field is also an option of the query string behind a model's name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    tokens: Annotated[
        int, Field(ge=0, le=10_000_000, description="answer tokens of the story model")
    ] = 100
    rate: Annotated[float, Field(ge=0, description="tokens per second; 0: unpaced")] = 0
    reasoning: Annotated[
        int, Field(ge=0, le=10_000_000, description="reasoning tokens (r0 r1 …) before the answer")
    ] = 0
    first_token_delay: Annotated[
        float, Field(ge=0, description="seconds before the first token")
    ] = 0
    text: Annotated[
        str | None, Field(description="answer exactly this text, in words, instead of a story")
    ] = None
    split: Annotated[
        int, Field(ge=0, description="deliver a stream in pieces of so many bytes; 0: whole frames")
    ] = 0
    usage: Annotated[
        Literal["asked", "on", "off"], Field(description="report usage: when asked, always, never")
    ] = "asked"
    finish_reason: Annotated[str, Field(description="how a whole answer says that it ended")] = (
        "stop"
    )
    style: Annotated[
        Literal["delta", "response", "token"],
        Field(description="WebSocket: the field that has the text of a streamed frame"),
    ] = "delta"
    prefill: Annotated[
        Literal["continue", "ignore"],
        Field(description="behind an assistant's last message: go on with it, or begin again"),
    ] = "continue"
    lacks: Annotated[
        Literal["", "thinking", "tools"],
        Field(description="an Ollama model that cannot do this: status 400 when it is asked to"),
    ] = ""
    refuse_field: Annotated[
        str,
        Field(description="refuse requests with this field (seed), or value (seed:7); by commas"),
    ] = ""
    refuse_says: Annotated[
        str, Field(description="how that is refused; {} is the field; empty: as OpenAI does")
    ] = ""
    fail: Annotated[str, Field(description="a kind of failure, see below; empty: none")] = ""
    after: Annotated[
        int, Field(ge=0, description="tokens, reasoning included, sent before a stream fails")
    ] = 10
    fail_times: Annotated[
        int | None, Field(ge=0, description="only so many requests for the same model string fail")
    ] = None
    retry_after: Annotated[
        str | None,
        Field(
            pattern=HEADER_TEXT,
            description="Retry-After of http-429 (default 1; empty: none) and http-503",
        ),
    ] = None
    size: Annotated[int, Field(ge=0, description="bytes of text in the giant line")] = 400 * MIB
    key: Annotated[
        str, Field(description="ignored; makes the model string distinct for fail_times")
    ] = ""
