"""The settings of one provider, wherever they come from."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from llmchat.config.urls import http_url

# What a person may write in the TOML file: two keys more, and two less, than the settings have.
KEYS_OF_A_TABLE = [
    *("kind", "base_url", "base_urls", "api_key", "api_key_file", "headers", "models", "prefill")
]
LATER_KINDS = ("ollama", "anthropic", "websocket", "gguf")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
RESERVED_NAME = "route"


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


class ProviderSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["openai", "demo"] = "openai"
    base_url: Annotated[str, AfterValidator(http_url)] | None = None
    api_key: Annotated[SecretStr, AfterValidator(_api_key)] | None = None
    # A header may hold a key as well.
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field({}, repr=False)
    models: tuple[Annotated[str, Field(min_length=1, max_length=256)], ...] = ()
    """The models to offer; when empty, the server is asked for its list."""
    prefill: bool = False
    """Whether the server goes on with an answer that is begun, as llama.cpp, vLLM and Ollama do:
    it then continues what a crash cut off."""
    source: str = "the program"
    """Where these settings were found, for people to read."""
    optional: bool = False
    """Nobody asked for this provider: it is looked for, and not missed when it is away."""

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, table: object) -> object:
        """What may be written but is not in this version has a sentence of its own."""
        if not isinstance(table, dict):
            return table
        if table.get("kind") in LATER_KINDS:
            raise ValueError(
                f'kind "{table["kind"]}" is not available in this version yet;'
                ' use "openai" or "demo", or take the table out'
            )
        fields = dict(table)
        urls = fields.pop("base_urls", None)
        if urls is None:
            return fields
        if "base_url" in fields:
            raise ValueError("base_url and base_urls are both set; take one of them out")
        if not isinstance(urls, list) or len(urls) != 1:
            raise ValueError(
                "base_urls takes one URL: several are not available in this version yet"
            )
        return fields | {"base_url": urls[0]}

    @model_validator(mode="after")
    def _has_a_server(self) -> Self:
        if self.kind == "openai" and self.base_url is None:
            raise ValueError("base_url is missing, such as http://127.0.0.1:8080/v1")
        return self
