"""The vocabularies of models that publish theirs, from the optional package splintr."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

from llmchat.text import clean

# The first that begins at a word of the model's name. Only what is known for certain: a name that
# is not here is estimated, which is better than counted by the wrong vocabulary. What Ollama calls
# deepseek-r1:7b is a Qwen or a Llama.
VOCABULARIES: Sequence[tuple[str, str]] = [
    (r"gpt-oss", "gpt-oss"),
    (r"(?:chat)?gpt-4o|gpt-4\.[15]|gpt-5|(?<!-)o[134](?![a-z0-9.])", "o200k_base"),
    (r"gpt-4(?![a-z0-9.])|gpt-3\.?5-turbo", "cl100k_base"),
    (r"deepseek-r1.*llama", "llama3"),
    (r"deepseek-r1.*qwen", "qwen3"),
    (r"deepseek-(?:v3|r1(?!:))", "deepseek_v3"),
    (r"code-?llama", "codellama"),
    (r"llama-?3(?![0-9])", "llama3"),
    (r"llama-?2(?![0-9])|tinyllama|vicuna", "llama2"),
    (r"qwen-?(?:2\.5|[23])(?![.0-9])|qwq", "qwen3"),
    (r"glm-?4(?:\.5)?(?![.0-9])", "glm4"),
    (r"kimi-k2", "kimi_k2"),
    (r"phi-?4(?!-mini|-multimodal)", "phi4"),
    (r"olmo-?2", "olmo2"),
    (r"gemma-?2(?![0-9b])", "gemma2"),
    (r"gemma-?3(?![0-9n])", "gemma3"),
    (r"mixtral-8x7b", "mistral_v1"),
    (r"mixtral-8x22b", "mistral_v2"),
    (r"mistral-nemo|pixtral-12b", "mistral_v3"),
]

_NAMES = [(re.compile(f"(?<![a-z0-9])(?:{names})"), name) for names, name in VOCABULARIES]

Encode = Callable[[str], Sequence[int]]


@lru_cache(maxsize=256)
def vocabulary_of(model: str) -> str | None:
    """The vocabulary of a model, `provider/name`, by the name that its server gives it."""
    name = model.lower().partition("/")[2]
    return next((vocabulary for names, vocabulary in _NAMES if names.search(name)), None)


class Vocabularies:
    """Those of the package `splintr`, each loaded when the first model needs it: in 0.1 s, and with
    20 MB for good. Nothing is downloaded."""

    def __init__(self, splintr: Any) -> None:
        self._splintr = splintr
        self._loaded: dict[str, Encode] = {}

    def find(self, model: str) -> Encode | None:
        """What makes tokens of a text, for a model whose vocabulary is here. It takes any text;
        what looks like a control token in it is plain text."""
        name = vocabulary_of(model)
        if name is not None and name not in self._loaded:
            tokenizer = self._splintr.Tokenizer.from_pretrained(name)
            self._loaded[name] = lambda text: tokenizer.encode_ordinary(clean(text))
        return None if name is None else self._loaded[name]


def installed_vocabularies() -> Vocabularies | None:
    """None without the extra `tokens`."""
    try:
        return Vocabularies(import_module("splintr"))
    except ImportError:
        return None
