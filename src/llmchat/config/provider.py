"""The settings of one provider, wherever they come from: what all have, and what each kind adds."""

import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    model_validator,
)

from llmchat.config.dialect import DialectSettings
from llmchat.config.fields import KeepAlive
from llmchat.config.urls import http_url, ollama_root, websocket_url

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
RESERVED_NAME = "route"
MOST_URLS = 64
ENTRY_POINTS = "llmchat.providers"
"""The group of entry points in which a package offers kinds of providers."""
# All names under which a server's address, or several, may be written.
URL_KEYS = ("base_url", "base_urls", "url", "urls")


def _listed(urls: object) -> object:
    """One address may stand without the brackets of a list."""
    return urls if isinstance(urls, list | tuple) else [urls]


HttpUrls = Annotated[tuple[Annotated[str, AfterValidator(http_url)], ...], BeforeValidator(_listed)]
OllamaUrls = Annotated[
    tuple[Annotated[str, AfterValidator(ollama_root)], ...], BeforeValidator(_listed)
]
WebSocketUrls = Annotated[
    tuple[Annotated[str, AfterValidator(websocket_url)], ...], BeforeValidator(_listed)
]
Text = Annotated[str, Field(min_length=1, max_length=256)]


def _api_key(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if not text.isascii() or not text.isprintable() or " " in text:
        # A header takes nothing else; without this the first request to the provider fails.
        raise ValueError("expected one key of plain characters, without spaces and line breaks")
    return key


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise ValueError("expected header names and values of plain characters")
    return headers


def _provider_name(name: str) -> str:
    if not PROVIDER_NAME.fullmatch(name):
        raise ValueError('expected a provider name of a-z, 0-9, "-" and "_"')
    if name == RESERVED_NAME:
        raise ValueError(f'"{RESERVED_NAME}" is kept for routes; choose another provider name')
    return name


ProviderName = Annotated[str, AfterValidator(_provider_name)]


def _urls(*, most: int = MOST_URLS) -> Any:
    return Field((), max_length=most, validation_alias=AliasChoices("urls", *URL_KEYS))


class ProviderSettings(BaseModel):
    """What every kind has."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    kind: str
    urls: Annotated[tuple[str, ...], BeforeValidator(_listed)] = _urls()
    """Where its servers are: several are balanced. Written as `base_url`, `base_urls`, `url` or
    `urls`."""
    api_key: Annotated[SecretStr, AfterValidator(_api_key)] | None = None
    # A header may hold a key as well.
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field({}, repr=False)
    models: tuple[Text, ...] = ()
    """The models to offer; when empty, the server is asked for its list."""
    prefill: bool = False
    """Whether the server goes on with an answer that is begun, as llama.cpp, vLLM and Ollama do:
    it then continues what a crash cut off."""
    context_window: int | None = Field(None, ge=128, le=100_000_000)
    """How many tokens its models can be sent; asked of the server when unset."""
    max_concurrency: int | None = Field(None, ge=1, le=100_000)
    """The most answers that are written at once; further ones wait for their turn."""
    queue_seconds: float = Field(30, ge=0.01, le=86_400)
    """How long one may wait for its turn: a part of the time that it has for its first token."""
    think_tags: Literal["auto", "begun", "off"] = "auto"
    """Whether <think>…</think> in the text is taken for the model's reasoning. `begun`: the text
    begins inside of it, as where a template has written the first tag."""
    source: str = "the program"
    """Where these settings were found, for people to read."""
    optional: bool = False
    """Nobody asked for this provider: it is looked for, and not missed when it is away."""

    @property
    def base_url(self) -> str | None:
        return self.urls[0] if self.urls else None

    @property
    def secret(self) -> str | None:
        return None if self.api_key is None else self.api_key.get_secret_value()

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, table: object) -> object:
        written = [key for key in URL_KEYS if isinstance(table, dict) and key in table]
        if len(written) > 1:
            raise ValueError(f"{written[0]} and {written[1]} are both set; take one of them out")
        return table


class _Served(ProviderSettings):
    """A kind whose servers have addresses."""

    @model_validator(mode="after")
    def _has_a_server(self) -> Self:
        if not self.urls:
            raise ValueError(f"base_url is missing, such as {self.example()}")
        return self

    @classmethod
    def example(cls) -> str:
        return "http://127.0.0.1:8080/v1"


class OpenAISettings(_Served):
    """Any server that speaks OpenAI's chat completions."""

    kind: Literal["openai"] = "openai"
    urls: HttpUrls = _urls()
    thinking_switch: Literal[
        "chat_template_kwargs", "reasoning_effort", "reasoning", "think", "thinking", "none"
    ] = "none"
    """How the server is asked not to think: the field of its request that says so."""


class ResponsesSettings(_Served):
    """OpenAI's Responses API in background mode: the server itself keeps its answers."""

    kind: Literal["openai-responses"]
    urls: HttpUrls = _urls(most=1)
    skip_thinking_effort: Literal["none", "minimal", "low"] | None = None
    """The reasoning effort that is asked for with skip_thinking. Some models refuse to be told one:
    when unset, their reasoning is only hidden."""


class OllamaSettings(_Served):
    """Ollama's own API, at its root: a `/v1` behind it is taken off. It is told to load models with
    `context_window`; when that is unset, Ollama decides, and cuts what is longer in silence."""

    kind: Literal["ollama"] = "ollama"
    urls: OllamaUrls = _urls()
    prefill: bool = True
    keep_alive: KeepAlive | None = None
    """How long Ollama keeps a model in memory: `10m`, seconds, or -1 for ever."""

    @classmethod
    def example(cls) -> str:
        return "http://127.0.0.1:11434"


class AnthropicSettings(_Served):
    """Anthropic's Messages API. `prefill` is right for its older models only: the newer ones refuse
    to go on with an answer that is begun."""

    kind: Literal["anthropic"] = "anthropic"
    urls: HttpUrls = _urls()
    max_tokens: int = Field(4096, ge=1, le=10_000_000)
    """The most tokens of an answer that asks for no limit: this API wants one."""

    @classmethod
    def example(cls) -> str:
        return "https://api.anthropic.com/v1"


class WebSocketSettings(_Served, DialectSettings):
    """The custom model behind a WebSocket; where another server's JSON differs, its field names."""

    kind: Literal["websocket"]
    urls: WebSocketUrls = _urls()
    metadata: dict[str, Any] = Field({}, repr=False)
    """What every request carries in its metadata, besides an empty `session_context`."""
    stream: bool = True
    """Whether the server is asked to stream. If not, its answer is one frame."""
    ping_seconds: float = Field(20, gt=0, le=3600)
    """How often it is asked for a sign of life while it is silent, and how long that may take."""

    @classmethod
    def example(cls) -> str:
        return "wss://llm.example.com/chat"


class GgufSettings(ProviderSettings):
    """A file of weights that llmchat itself serves, by llama.cpp (extra `local`). `models` may name
    it; `context_window` (8192 when unset) is of each of `max_concurrency` (2) answers at once."""

    kind: Literal["gguf"]
    urls: Annotated[tuple[str, ...], BeforeValidator(_listed)] = _urls(most=0)
    path: str = Field(min_length=1, max_length=4096)
    """The file. A relative one is looked for in the working directory."""
    models: tuple[Text, ...] = Field((), max_length=1)
    prefill: bool = True
    gpu_layers: int = Field(-1, ge=-1, le=10_000)
    """How many layers a GPU takes, if there is one; -1: all that fit."""


class DemoSettings(ProviderSettings):
    kind: Literal["demo"] = "demo"


def _installed(kind: str) -> str:
    added = sorted(entry.name for entry in entry_points(group=ENTRY_POINTS))
    if kind not in added:
        known = ", ".join(f'"{name}"' for name in [*KINDS, *added])
        raise ValueError(f"there is no such kind of provider; there are {known}")
    return kind


class OtherSettings(ProviderSettings):
    """A kind that an installed package adds: its own keys are in `options`."""

    kind: Annotated[str, AfterValidator(_installed)]
    options: dict[str, Any] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _sort_out(cls, table: object) -> object:
        if not isinstance(table, dict) or "options" in table:
            return table
        ours = cls.model_fields.keys() | set(URL_KEYS)
        return {key: value for key, value in table.items() if key in ours} | {
            "options": {key: value for key, value in table.items() if key not in ours}
        }


KINDS: Mapping[str, type[ProviderSettings]] = {
    "openai": OpenAISettings,
    "openai-responses": ResponsesSettings,
    "ollama": OllamaSettings,
    "anthropic": AnthropicSettings,
    "websocket": WebSocketSettings,
    "gguf": GgufSettings,
    "demo": DemoSettings,
}
_OTHER = "other"

# The settings of a provider say where they come from; a person who writes a table does not.
FILLED_IN = ("source", "optional", "options")
KEYS_OF_A_TABLE = sorted(
    {key for kind in KINDS.values() for key in kind.model_fields if key not in FILLED_IN}
    | {*URL_KEYS, "api_key_file"}
)


def _tag(table: object) -> str:
    """In brackets: a person did not write it, so no complaint names it as a part of a place."""
    kind = getattr(table, "kind", None)
    if isinstance(table, Mapping):
        kind = table.get("kind", "openai")
    return f"[{kind if kind in KINDS else _OTHER}]"


AnyProvider = Annotated[
    Annotated[OpenAISettings, Tag("[openai]")]
    | Annotated[ResponsesSettings, Tag("[openai-responses]")]
    | Annotated[OllamaSettings, Tag("[ollama]")]
    | Annotated[AnthropicSettings, Tag("[anthropic]")]
    | Annotated[WebSocketSettings, Tag("[websocket]")]
    | Annotated[GgufSettings, Tag("[gguf]")]
    | Annotated[DemoSettings, Tag("[demo]")]
    | Annotated[OtherSettings, Tag(f"[{_OTHER}]")],
    Discriminator(_tag),
]
