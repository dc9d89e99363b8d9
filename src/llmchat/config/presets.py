"""The providers that llmchat knows by name, and the environment variables that switch them on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from llmchat.config.provider import URL_KEYS
from llmchat.config.urls import OLLAMA_PORT, http_url, ollama_url, server_url, websocket_urls
from llmchat.config.variables import Variable, Variables


@dataclass(frozen=True, slots=True)
class Preset:
    base_url: str | None
    key_names: tuple[str, ...] = ()
    url_names: tuple[str, ...] = ()
    model_names: tuple[str, ...] = ()
    normalise: Callable[[str], str | tuple[str, ...]] = http_url
    prefill: bool = False
    kind: str = "openai"
    thinking_switch: str | None = None
    """See OpenAISettings."""
    looked_for_on: str | None = None
    """Where to look when no variable names a server. A server found like that is never sent a key:
    nobody said that it is the one the key is for."""


def _hosted(
    base_url: str,
    *key_names: str,
    url_names: tuple[str, ...] = (),
    thinking_switch: str | None = None,
) -> Preset:
    return Preset(base_url, key_names, url_names, thinking_switch=thinking_switch)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "openai": _hosted(
            "https://api.openai.com/v1",
            "OPENAI_API_KEY",
            url_names=("OPENAI_BASE_URL",),
            thinking_switch="reasoning_effort",
        ),
        "anthropic": Preset(
            "https://api.anthropic.com/v1",
            key_names=("ANTHROPIC_API_KEY",),
            url_names=("ANTHROPIC_BASE_URL",),
            # Anthropic's own tools take it without /v1.
            normalise=server_url,
            kind="anthropic",
        ),
        "gemini": _hosted(
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
            thinking_switch="reasoning_effort",
        ),
        "mistral": _hosted(
            "https://api.mistral.ai/v1", "MISTRAL_API_KEY", thinking_switch="reasoning_effort"
        ),
        "deepseek": _hosted(
            "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", thinking_switch="thinking"
        ),
        "groq": _hosted(
            "https://api.groq.com/openai/v1", "GROQ_API_KEY", thinking_switch="reasoning_effort"
        ),
        "together": _hosted(
            "https://api.together.xyz/v1", "TOGETHER_API_KEY", thinking_switch="reasoning"
        ),
        "openrouter": _hosted(
            "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", thinking_switch="reasoning"
        ),
        "xai": _hosted("https://api.x.ai/v1", "XAI_API_KEY", thinking_switch="reasoning_effort"),
        "cerebras": _hosted(
            "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", thinking_switch="reasoning_effort"
        ),
        "aimlapi": _hosted("https://api.aimlapi.com/v1", "AIMLAPI_API", "AIMLAPI_API_KEY"),
        "local": Preset(
            "http://127.0.0.1:8080/v1",
            key_names=("LLM_API_KEY",),
            url_names=("LLM_SERVER_URL",),
            normalise=server_url,
            prefill=True,
            thinking_switch="chat_template_kwargs",
            looked_for_on="localhost:8080",
        ),
        "ollama": Preset(
            f"http://127.0.0.1:{OLLAMA_PORT}",
            url_names=("OLLAMA_BASE_URL", "OLLAMA_HOST"),
            normalise=ollama_url,
            prefill=True,
            kind="ollama",
            looked_for_on=f"localhost:{OLLAMA_PORT}",
        ),
        "websocket": Preset(
            None,
            key_names=("LLM_API_KEY",),
            url_names=("LLM_WEBSOCKET_URL", "LLM_WEBSOCKET_URLS"),
            model_names=("LLM_MODEL_NAME",),
            normalise=websocket_urls,
            kind="websocket",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Found:
    """A preset that the variables switch on, and its base URL when they name one, or several."""

    name: str
    base_url: str | tuple[str, ...] | None
    url: Variable | None
    key: Variable | None
    model: Variable | None = None

    @property
    def source(self) -> str:
        found = (self.url, self.key, self.model)
        return " and ".join(variable.name for variable in found if variable)


def find_providers(variables: Variables) -> Iterator[Found]:
    for name, preset in PRESETS.items():
        url = variables.find(*preset.url_names)
        key = variables.find(*preset.key_names, secret=True)
        # Without an address of its own, a key is only for a server that a variable names.
        if url is None and (key is None or preset.looked_for_on or preset.base_url is None):
            continue
        try:
            base_url = preset.normalise(url.value) if url else None
        except ValueError as error:
            variables.problems.append(f"{url}: {error}.")
        else:
            yield Found(name, base_url, url, key, variables.find(*preset.model_names))


def completed(name: str, table: Mapping[str, object]) -> dict[str, object]:
    """A provider's table with what its preset says where the table says nothing."""
    preset = PRESETS.get(name)
    if preset is None:
        return dict(table)
    kind = table.get("kind", preset.kind)
    known: dict[str, object] = {"kind": kind}
    if kind == preset.kind:
        known["prefill"] = preset.prefill
        if preset.thinking_switch is not None:
            known["thinking_switch"] = preset.thinking_switch
        if preset.base_url is not None and not any(key in table for key in URL_KEYS):
            known["base_url"] = preset.base_url
    return known | dict(table)
