"""Where servers of OpenAI's protocol put what a model thinks, and what it answers."""

from collections.abc import Iterator, Mapping
from typing import Any

from llmchat.events import Channel
from llmchat.providers.wire_json import text_of


def reasoning_in(delta: Mapping[str, Any]) -> object:
    """What a delta, or a message, has of the reasoning beside its content.

    `reasoning_content`: DeepSeek, llama.cpp, SGLang, LM Studio, xAI. `reasoning`: Groq, OpenRouter,
    Together, Cerebras, Ollama. vLLM has had the one, both with the same text, and now the other, so
    only one counts. OpenRouter repeats its text in `reasoning_details`, and may leave it there.
    """
    text = delta.get("reasoning_content") or delta.get("reasoning")
    return text or "".join(map(_detail, delta.get("reasoning_details") or ()))


def _detail(detail: Mapping[str, Any]) -> str:
    # Others are encrypted, or only a signature.
    return text_of(detail.get("text") or detail.get("summary") or "")


def texts_in(content: object) -> Iterator[tuple[Channel, object]]:
    """The texts of a content in order: it is one, or Mistral's list of typed parts."""
    if not isinstance(content, list):
        if content:
            yield "answer", content
        return
    for part in content:
        match part.get("type"):
            case "text":
                yield "answer", part.get("text") or ""
            case "thinking":
                yield "reasoning", _thought(part.get("thinking") or "")


def _thought(thinking: object) -> object:
    if not isinstance(thinking, list):
        return thinking
    return "".join(text_of(part.get("text") or "") for part in thinking)
