"""What Ollama says when it cannot, as our errors, in sentences that say what to do about it."""

import re
from collections.abc import Mapping

from llmchat.errors import ProviderError, UpstreamRejected, UpstreamUnavailable
from llmchat.providers.refusals import refusal

EXAMPLE = "http://127.0.0.1:11434"
_MISSING = re.compile(r"""model ["'`]?([\w.:/@-]{1,256})["'`]? not found""")
_LACKING = re.compile(r"does not support (\w+)")
_LOADING = re.compile(
    r"loading model|waiting for (?:llama runner|server)|pulling (?:manifest|model)", re.IGNORECASE
)


class NoThinking(UpstreamRejected):
    """The model was asked to think, or not to, and knows nothing of that."""


def ollama_refusal(
    where: str, status: int, said: str, *, headers: Mapping[str, str], has_key: bool
) -> ProviderError:
    """The error for an answer that is no success, from the sentence in it."""
    if missing := _MISSING.search(said):
        model = missing[1]
        return UpstreamRejected(
            f"Ollama runs, but has no model {model}: `ollama pull {model}`. ({where})"
        )
    if lacking := _LACKING.search(said):
        return _unable(where, lacking[1], said)
    if _LOADING.search(said):
        return UpstreamUnavailable(
            f"{where} is still loading the model; try again in a moment. It said: {said}"
        )
    if status == 404:
        return UpstreamRejected(
            f"{where} does not know the path (404): Ollama's base URL is such as {EXAMPLE}, with "
            f"no /v1. It said: {said}"
        )
    return refusal(where, status, said, headers=headers, has_key=has_key)


def error_of_line(said: str) -> ProviderError:
    """The error that a line of an answer tells: by then the request was taken, so the model
    failed."""
    return ollama_refusal("Ollama", 500, said, headers={}, has_key=True)


def _unable(where: str, lacks: str, said: str) -> ProviderError:
    if lacks == "thinking":
        return NoThinking(f"{where} has no thinking in this model. It said: {said}")
    return UpstreamRejected(
        f"This model of {where} does not support {lacks}: choose another, or ask without. "
        f"It said: {said}"
    )
