"""What every wrapper around a provider leaves as it is."""

from collections.abc import AsyncGenerator, Sequence

from llmchat.domain import Model
from llmchat.events import Delta, Finished, ToolCall
from llmchat.prompts import Prompt
from llmchat.providers.base import Provider, ProviderEvent, Restarted

Batches = AsyncGenerator[Sequence[ProviderEvent], None]


class Wrapper:
    """A Provider that does what `inner` does: a wrapper says only what it does otherwise."""

    def __init__(self, inner: Provider) -> None:
        self._inner = inner

    @property
    def prefills(self) -> bool:
        return self._inner.prefills

    @property
    def resumes(self) -> bool:
        return self._inner.resumes

    def stream(self, prompt: Prompt) -> Batches:
        return self._inner.stream(prompt)

    async def models(self) -> Sequence[Model]:
        return await self._inner.models()

    async def cancel(self, mark: str) -> None:
        await self._inner.cancel(mark)

    async def aclose(self) -> None:
        await self._inner.aclose()


class Forgetful:
    """The part of a Provider whose server keeps nothing: there is nothing to resume or cancel."""

    resumes = False

    async def cancel(self, mark: str) -> None:
        return None


def gives_sign(batch: Sequence[ProviderEvent]) -> bool:
    """Whether the model works, or has ended: a batch of nothing but marks does not tell."""
    return not batch or shown_behind(batch) or isinstance(batch[-1], Finished)


def shown_behind(batch: Sequence[ProviderEvent], before: bool = False) -> bool:
    """Whether anything of the answer is shown behind this batch, when it was or was not `before`:
    a piece of text or of a tool call that is not void again."""
    shown = before
    for event in batch:
        match event:
            case Restarted():
                shown = False
            case ToolCall():
                shown = True
            case Delta(text=text):
                shown = shown or bool(text)
    return shown
