"""From the bytes of an OpenAI stream to our events: pure, and strict about what it believes."""

from collections.abc import Mapping, Sequence
from typing import Any

from llmchat.errors import UpstreamTruncated
from llmchat.events import ToolCall, Usage
from llmchat.providers.base import ProviderEvent
from llmchat.providers.event_reader import EventReader
from llmchat.providers.logprobs import logprobs_in, put_logprobs
from llmchat.providers.openai_texts import reasoning_in, texts_in
from llmchat.providers.refusals import error_in
from llmchat.providers.sse import SseEvent
from llmchat.providers.wire_json import arguments_of, name_of, object_in, tokens_of

# What servers put into the place of a finish reason when they have not finished: OpenRouter; vLLM
# and SGLang; DeepSeek.
_GIVEN_UP = frozenset({"error", "abort", "insufficient_system_resource"})


class ChunkReader(EventReader):
    """Reads the chunks of a streamed chat completion, or a whole one of a server that does not
    stream."""

    evidence = "no finish reason and no [DONE]"
    advice = "The base URL of an OpenAI-compatible server usually ends in /v1."

    def __init__(self, *, hide_reasoning: bool, with_logprobs: bool = False) -> None:
        super().__init__(hide_reasoning=hide_reasoning)
        self._with_logprobs = with_logprobs

    def _take_events(self, found: Sequence[SseEvent], events: list[ProviderEvent]) -> None:
        texts: list[str] = []
        try:
            for name, data in found:
                if data.strip() == b"[DONE]":
                    self.done = True
                    return
                chunk = object_in(data)
                text = None if name or self._with_logprobs else _plain_text(chunk)
                if text is not None:
                    texts.append(text)
                    continue
                self._take_texts(texts, events)
                self._take(name, chunk, events)
        finally:
            # Also what came before an event that cannot be read.
            self._take_texts(texts, events)

    def _take_texts(self, texts: list[str], events: list[ProviderEvent]) -> None:
        if texts:
            self._take_text("".join(texts), "answer", events)
            texts.clear()

    def _take(self, name: bytes, chunk: dict[str, Any], events: list[ProviderEvent]) -> None:
        if name == b"error" or chunk.get("error") or chunk.get("object") == "error":
            raise error_in(chunk)
        groq = chunk.get("x_groq") or {}
        if usage := chunk.get("usage") or groq.get("usage"):
            self.usage = usage_of(usage) or self.usage
        if choices := chunk.get("choices"):
            choice = choices[0]
            before = len(events)
            # Some servers send null for a delta that has nothing in it.
            if delta := choice.get("message" if self._whole else "delta"):
                self._take_delta(delta, events)
            if self._with_logprobs and not (self._hide_reasoning and self._only_thinks(delta)):
                put_logprobs(events, logprobs_in(choice), since=before)
            if choice.get("error"):
                raise error_in(choice)
            if reason := choice.get("finish_reason"):
                self._finish(name_of(reason))
        elif self._whole:
            raise error_in(chunk)
        if groq.get("error"):
            raise _given_up(name_of(groq["error"]))

    @staticmethod
    def _only_thinks(delta: Mapping[str, Any] | None) -> bool:
        return bool(delta and reasoning_in(delta) and not delta.get("content"))

    def _finish(self, reason: str) -> None:
        if reason in _GIVEN_UP:
            raise _given_up(reason)
        self.finish_reason = reason

    def _take_delta(self, delta: Mapping[str, Any], events: list[ProviderEvent]) -> None:
        if text := reasoning_in(delta):
            self._take_text(text, "reasoning", events)
        # OpenAI has a place of its own for what the model says instead of an answer.
        for channel, text in texts_in(delta.get("content") or delta.get("refusal")):
            self._take_text(text, channel, events)
        calls = delta.get("tool_calls") or ()
        # Hugging Face's server sends a single one without a list around it.
        events += map(self._tool_call, [calls] if isinstance(calls, dict) else calls)

    def _tool_call(self, call: Mapping[str, Any]) -> ToolCall:
        function = call.get("function") or {}
        id, name, arguments = call.get("id"), function.get("name"), function.get("arguments")
        index = self._index(call.get("index"), begins=id is not None)
        return ToolCall(
            index=index,
            id=None if id is None else name_of(id),
            name=None if name is None else name_of(name),
            arguments=self._calls[index].feed(arguments_of(arguments)),
        )

    def _index(self, index: object, *, begins: bool) -> int:
        """Which call it is about; a server that does not number them sends each with its id."""
        if index is None:
            index = len(self._calls) - (0 if begins or not self._calls else 1)
        return self._call_at(index)


def usage_of(usage: Mapping[str, Any]) -> Usage | None:
    """Their usage as ours; None when it is not one."""
    try:
        prompt_details = usage.get("prompt_tokens_details") or {}
        output_details = usage.get("completion_tokens_details") or {}
        return Usage(
            input_tokens=tokens_of(usage["prompt_tokens"]),
            output_tokens=tokens_of(usage["completion_tokens"]),
            reasoning_tokens=tokens_of(output_details.get("reasoning_tokens") or 0),
            cached_tokens=tokens_of(prompt_details.get("cached_tokens") or 0),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _given_up(reason: str) -> UpstreamTruncated:
    return UpstreamTruncated(
        f'The model\'s server gave up its answer; it said "{reason}". What came is kept; ask again '
        "for a whole one."
    )


def _plain_text(chunk: dict[str, Any]) -> str | None:
    """The text of a chunk that has nothing else, as nearly all have; None for any other."""
    choices = chunk.get("choices")
    if not choices or chunk.get("usage") or chunk.get("error"):
        return None
    choice = choices[0]
    delta = choice.get("delta")
    if not delta or len(delta) != 1 or choice.get("finish_reason"):
        return None
    text = delta.get("content")
    return text if isinstance(text, str) else None
