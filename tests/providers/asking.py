"""Asking a provider as the product does, and checking the contract of every batch on the way."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from llmchat.domain import Model, Params, Role
from llmchat.errors import ProviderError
from llmchat.events import Channel, Delta, Finished, ToolCall
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.anthropic import AnthropicProvider
from llmchat.providers.base import Provider, ProviderEvent, Restarted
from llmchat.providers.ollama import OllamaProvider
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.wrapper import Forgetful
from llmchat.text import clean
from tests.upstream import OptionValue, mock_model

KEY = "sk-4f9a-quite-secret"
SAID = "hello there"
_LOOK_SECONDS = 0.01
_LOOKS = 1000


@dataclass(slots=True)
class Heard:
    """All that one answer gave, and what was raised at its end."""

    events: list[ProviderEvent] = field(default_factory=list)
    error: ProviderError | None = None

    @property
    def text(self) -> str:
        return self._text("answer")

    @property
    def reasoning(self) -> str:
        return self._text("reasoning")

    @property
    def finished(self) -> Finished | None:
        last = self.events[-1] if self.events else None
        return last if isinstance(last, Finished) else None

    @property
    def finish_reason(self) -> str | None:
        return None if self.finished is None else self.finished.finish_reason

    @property
    def restarts(self) -> int:
        return sum(isinstance(event, Restarted) for event in self.events)

    @property
    def calls(self) -> list[ToolCall]:
        """Every tool call put together from its pieces."""
        whole: dict[int, ToolCall] = {}
        for piece in self.events:
            if isinstance(piece, ToolCall):
                begun = whole.get(piece.index)
                whole[piece.index] = (
                    piece
                    if begun is None
                    else ToolCall(
                        begun.index, begun.id, begun.name, begun.arguments + piece.arguments
                    )
                )
        return list(whole.values())

    def _text(self, channel: Channel) -> str:
        """What is shown in the end: a restart makes void what came before it."""
        starts = [n for n, event in enumerate(self.events) if isinstance(event, Restarted)]
        events = self.events[starts[-1] :] if starts else self.events
        deltas = (event for event in events if isinstance(event, Delta))
        return "".join(delta.text for delta in deltas if delta.channel == channel)


async def listen(provider: Provider, prompt: Prompt) -> Heard:
    """The whole answer. No text may be unfit, and nothing may follow Finished."""
    heard = Heard()
    try:
        async with aclosing(provider.stream(prompt)) as batches:
            async for batch in batches:
                assert heard.finished is None, "something behind the end"
                heard.events += batch
    except ProviderError as error:
        heard.error = error
    assert (heard.error is None) == (heard.finished is not None), "an end, or an error"
    assert sum(isinstance(event, Finished) for event in heard.events) <= 1
    assert clean(heard.text) == heard.text
    return heard


async def ask(provider: Provider, model: str = "story", **options: OptionValue) -> Heard:
    """The answer of the mock upstream to a model string with these options."""
    return await listen(provider, prompt(mock_model(model, **options)))


def prompt(model: str = "story", params: Params | None = None, *, begun: str = "") -> Prompt:
    """With `begun`, the answer is begun already, and to be gone on with."""
    said = [PromptMessage(Role.USER, SAID)]
    answer = [PromptMessage(Role.ASSISTANT, begun)] if begun else []
    return Prompt(model, said + answer, params or Params())


def openai_at(
    base_url: str, *, api_key: str | None = KEY, prefills: bool = False
) -> OpenAIProvider:
    return OpenAIProvider(
        "openai", base_url=base_url, api_key=api_key, headers={}, prefills=prefills
    )


def ollama_at(
    base_url: str, *, api_key: str | None = KEY, prefills: bool = True, **more: Any
) -> OllamaProvider:
    """With the base URL that the others have: its own has no /v1."""
    return OllamaProvider(
        "ollama",
        base_url=base_url.removesuffix("/v1"),
        api_key=api_key,
        headers={},
        prefills=prefills,
        **more,
    )


def anthropic_at(
    base_url: str, *, api_key: str | None = KEY, prefills: bool = False
) -> AnthropicProvider:
    return AnthropicProvider(
        "anthropic",
        base_url=base_url,
        api_key=api_key,
        headers={},
        max_tokens=1_000_000_000,
        prefills=prefills,
    )


HttpProvider = OpenAIProvider | OllamaProvider | AnthropicProvider
DIALECTS: Mapping[str, Callable[[str], HttpProvider]] = {
    "openai": openai_at,
    "ollama": ollama_at,
    "anthropic": anthropic_at,
}
"""Every kind of provider over HTTP, for a server at a base URL that ends in /v1."""


Script = Sequence[Sequence[ProviderEvent] | ProviderError | asyncio.Event]


class Scripted(Forgetful):
    """A provider that does at each call what the next script says: gives batches, raises errors,
    waits for events. The last script stands for all further calls when it `repeats`."""

    def __init__(
        self,
        *scripts: Script,
        models: Sequence[str] | ProviderError = (),
        prefills: bool = False,
        resumes: bool = False,
        repeats: bool = False,
    ) -> None:
        self.prefills = prefills
        self.resumes = resumes
        self.repeats = repeats
        self.prompts: list[Prompt] = []
        self.cancelled: list[str] = []
        self.calls = 0
        self.listings = 0
        self.open = 0
        self.closed = False
        self._scripts = scripts
        self._models = models

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        last = len(self._scripts) - 1
        script = self._scripts[min(self.calls, last) if self.repeats else self.calls]
        self.calls += 1
        self.prompts.append(prompt)
        self.open += 1
        try:
            for step in script:
                if isinstance(step, ProviderError):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        finally:
            self.open -= 1

    async def models(self) -> Sequence[Model]:
        self.listings += 1
        if isinstance(self._models, ProviderError):
            raise self._models
        return [Model(name, "scripted") for name in self._models]

    async def cancel(self, mark: str) -> None:
        self.cancelled.append(mark)

    async def aclose(self) -> None:
        self.closed = True


async def eventually(condition: Callable[[], bool]) -> None:
    """What closing a socket leads to takes the event loop a few turns."""
    for _ in range(_LOOKS):
        if condition():
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise AssertionError("it never came true")
