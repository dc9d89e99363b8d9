"""The providers that llmchat knows by name, and the environment variables that switch them on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from llmchat.config.urls import OLLAMA_PORT, http_url, ollama_url, server_url
from llmchat.config.variables import Variable, Variables


@dataclass(frozen=True, slots=True)
class Preset:
    base_url: str
    key_names: tuple[str, ...] = ()
    url_names: tuple[str, ...] = ()
    normalise: Callable[[str], str] = http_url
    prefill: bool = False
    looked_for_on: str | None = None
    """Where to look when no variable names a server. A server found like that is never sent a key:
    nobody said that it is the one the key is for."""


def _hosted(base_url: str, *key_names: str, url_names: tuple[str, ...] = ()) -> Preset:
    return Preset(base_url, key_names, url_names)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "openai": _hosted(
            "https://api.openai.com/v1", "OPENAI_API_KEY", url_names=("OPENAI_BASE_URL",)
        ),
        "anthropic": _hosted("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY"),
        "gemini": _hosted(
            "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"
        ),
        "mistral": _hosted("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
        "deepseek": _hosted("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
        "groq": _hosted("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        "together": _hosted("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
        "openrouter": _hosted("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        "aimlapi": _hosted("https://api.aimlapi.com/v1", "AIMLAPI_API", "AIMLAPI_API_KEY"),
        "local": Preset(
            "http://127.0.0.1:8080/v1",
            key_names=("LLM_API_KEY",),
            url_names=("LLM_SERVER_URL",),
            normalise=server_url,
            prefill=True,
            looked_for_on="localhost:8080",
        ),
        "ollama": Preset(
            f"http://127.0.0.1:{OLLAMA_PORT}/v1",
            url_names=("OLLAMA_BASE_URL", "OLLAMA_HOST"),
            normalise=ollama_url,
            prefill=True,
            looked_for_on=f"localhost:{OLLAMA_PORT}",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Found:
    """A preset that the variables switch on, and its base URL when they name one."""

    name: str
    base_url: str | None
    url: Variable | None
    key: Variable | None

    @property
    def source(self) -> str:
        return " and ".join(variable.name for variable in (self.url, self.key) if variable)


def find_providers(variables: Variables) -> Iterator[Found]:
    for name, preset in PRESETS.items():
        url = variables.find(*preset.url_names)
        key = variables.find(*preset.key_names, secret=True)
        if url is None and (key is None or preset.looked_for_on):
            continue
        try:
            base_url = preset.normalise(url.value) if url else None
        except ValueError as error:
            variables.problems.append(f"{url}: {error}.")
        else:
            yield Found(name, base_url, url, key)


def completed(name: str, table: Mapping[str, object]) -> dict[str, object]:
    """A provider's table with what its preset says where the table says nothing."""
    preset = PRESETS.get(name)
    if preset is None:
        return dict(table)
    url = {} if "base_urls" in table else {"base_url": preset.base_url}
    return {**url, "prefill": preset.prefill, **table}
