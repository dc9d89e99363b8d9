"""From the settings of a provider to its server as it is: every kind is named here."""

import os
from pathlib import Path

from llmchat.config.provider import (
    ENTRY_POINTS,
    AnthropicSettings,
    DemoSettings,
    GgufSettings,
    OllamaSettings,
    OpenAISettings,
    OtherSettings,
    ProviderSettings,
    ResponsesSettings,
    WebSocketSettings,
)
from llmchat.providers import installed
from llmchat.providers.anthropic import AnthropicProvider
from llmchat.providers.base import Configured, Provider
from llmchat.providers.demo import DemoProvider
from llmchat.providers.gguf import GgufProvider
from llmchat.providers.ollama import OllamaProvider
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.responses import ResponsesProvider
from llmchat.providers.websocket import WebSocketProvider
from llmchat.providers.websocket_dialect import Dialect


def endpoint(  # noqa: PLR0911 - one for each kind
    name: str, found: ProviderSettings, url: str
) -> Provider:
    """One server of a provider; where the settings name none, `url` is empty. Raises KindUnusable
    for the kind of another package that cannot be loaded."""
    match found:
        case OpenAISettings():
            return _openai(name, found, url)
        case ResponsesSettings():
            return _responses(name, found, url)
        case OllamaSettings():
            return _ollama(name, found, url)
        case AnthropicSettings():
            return _anthropic(name, found, url)
        case WebSocketSettings():
            return _websocket(name, found, url)
        case GgufSettings():
            return _gguf(name, found)
        case DemoSettings():
            return DemoProvider()
        case OtherSettings():
            return _installed(name, found, url)
    raise NotImplementedError(found.kind)


def place(found: ProviderSettings, url: str) -> str:
    """Where its models are, for people: what follows a ? may be a key."""
    if isinstance(found, GgufSettings):
        return found.path
    return url.partition("?")[0] or "built in"


def _installed(name: str, found: OtherSettings, url: str) -> Provider:
    configured = Configured(
        name=name,
        url=url or None,
        api_key=found.secret,
        headers=found.headers,
        models=found.models,
        prefill=found.prefill,
        context_window=found.context_window,
        options=found.options,
    )
    return installed.provider_of(ENTRY_POINTS, found.kind, configured)


def _gguf(name: str, found: GgufSettings) -> GgufProvider:
    return GgufProvider(
        name,
        path=Path(os.path.expanduser(found.path)),
        model=next(iter(found.models), None),
        gpu_layers=found.gpu_layers,
        slots=found.max_concurrency or GgufProvider.SLOTS,
        context_tokens=found.context_window,
        prefills=found.prefill,
    )


def _openai(name: str, found: OpenAISettings, url: str) -> Provider:
    return OpenAIProvider(
        name,
        base_url=url,
        api_key=found.secret,
        headers=found.headers,
        models=found.models,
        prefills=found.prefill,
        thinking_switch=found.thinking_switch,
    )


def _responses(name: str, found: ResponsesSettings, url: str) -> Provider:
    return ResponsesProvider(
        name,
        base_url=url,
        api_key=found.secret,
        headers=found.headers,
        models=found.models,
        skips_thinking_by=found.skip_thinking_effort,
    )


def _ollama(name: str, found: OllamaSettings, url: str) -> Provider:
    return OllamaProvider(
        name,
        base_url=url,
        api_key=found.secret,
        headers=found.headers,
        models=found.models,
        prefills=found.prefill,
        keep_alive=found.keep_alive,
        context_window=found.context_window,
    )


def _anthropic(name: str, found: AnthropicSettings, url: str) -> Provider:
    return AnthropicProvider(
        name,
        base_url=url,
        api_key=found.secret,
        headers=found.headers,
        models=found.models,
        prefills=found.prefill,
        max_tokens=found.max_tokens,
    )


def _websocket(name: str, found: WebSocketSettings, url: str) -> Provider:
    return WebSocketProvider(
        name,
        url=url,
        api_key=found.secret,
        headers=found.headers,
        models=found.models,
        prefills=found.prefill,
        dialect=Dialect(**found.dialect()),
        metadata=found.metadata,
        streams=found.stream,
        ping_seconds=found.ping_seconds,
    )
