"""The settings about answers: what models are asked, how long they may take, and what is kept."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from llmchat.config.fields import Env, OnCrash, Titles


class AnswerFields(BaseModel):
    """A part of the settings."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    default_model: Annotated[str | None, Env("LLM_MODEL")] = Field(None, max_length=256)
    """The model that answers when a request names none, such as ollama/llama3."""
    temperature: Annotated[float | None, Env("LLM_TEMPERATURE")] = Field(None, ge=0, le=2)
    """How freely a model chooses, from 0 to 2; the model's own default when unset."""
    top_p: Annotated[float | None, Env("LLM_TOP_P")] = Field(None, ge=0, le=1)
    """The share of likely tokens it chooses from, from 0 to 1; its own default when unset."""
    max_tokens: Annotated[int | None, Env("LLM_MAX_TOKENS")] = Field(None, ge=1, le=10_000_000)
    """The most tokens of an answer; the model's own limit when unset."""
    skip_thinking: Annotated[bool | None, Env("LLM_SKIP_THINKING")] = None
    """Whether reasoning models answer without thinking first, where they can."""
    max_history_tokens: Annotated[int | None, Env("LLM_MAX_HISTORY_TOKENS")] = Field(
        None, ge=128, le=10_000_000
    )
    """The most tokens that a model is sent: older messages are left out; 8192 when unset."""
    titles: Annotated[Titles, Env("LLMCHAT_TITLES")] = "off"
    """Who titles a conversation after its first answer: off, auto (who gave it), or a model."""

    max_attempts: Annotated[int, Env("LLM_MAX_RETRIES")] = Field(3, ge=1, le=10)
    """How often a request to a provider is attempted before it has failed; 1 is no retry."""
    cache_seconds: Annotated[float | None, Env("LLMCHAT_CACHE_SECONDS")] = Field(
        None, ge=0, le=31_536_000
    )
    """How long a process remembers an answer for who asks the same again; unset or 0 is never."""
    first_token_seconds: Annotated[float, Env("LLMCHAT_FIRST_TOKEN_SECONDS")] = Field(
        120, ge=0.01, le=86_400
    )
    """The longest wait for the first token of an answer."""
    token_gap_seconds: Annotated[float, Env("LLMCHAT_TOKEN_GAP_SECONDS")] = Field(
        60, ge=0.01, le=86_400
    )
    """The longest wait between two tokens of an answer."""
    generation_seconds: Annotated[float, Env("LLMCHAT_GENERATION_SECONDS", "LLM_TIMEOUT")] = Field(
        1800, ge=0.01, le=604_800
    )
    """The longest that a whole answer may take."""
    lease_seconds: Annotated[float, Env("LLMCHAT_LEASE_SECONDS")] = Field(10, ge=0.1, le=3600)
    """How long a process that gives no sign of life still owns its answers."""
    log_retention_seconds: Annotated[float, Env("LLMCHAT_LOG_RETENTION_SECONDS")] = Field(
        86_400, ge=0, le=31_536_000
    )
    """How long the stream of a finished answer can be replayed; the message itself stays."""
    durability: Annotated[Literal["process", "disk"], Env("LLMCHAT_DURABILITY")] = "process"
    """What a token that was shown survives: process (kill -9) or disk (a power cut as well)."""
    on_crash: Annotated[OnCrash, Env("LLMCHAT_ON_CRASH")] = "mark"
    """What a crash makes of an answer that no upstream keeps: mark, continue or restart."""
