"""The contract of a provider: a prompt goes in, events come out."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from llmchat.domain import Model, Prompt, Role
from llmchat.events import Delta, Finished, ToolCall

ProviderEvent = Delta | ToolCall | Finished


class Provider(Protocol):
    """A model's server, or a wrapper around one: new behaviour is a wrapper with this shape."""

    @property
    def prefills(self) -> bool:
        """Whether a prompt whose last message is an assistant's is gone on with: the model writes
        what follows that text. The stream then gives only what follows. Where this is False, what
        comes for such a prompt is another answer."""
        ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        """Generate. One yield is all that came at once, never nothing: whoever takes it slowly
        gets few big batches. The very last event is the only Finished.

        Completion needs positive evidence from the server (a finish reason, or its end marker):
        without it, raises UpstreamTruncated after what did come. Raises ProviderError for all that
        goes wrong. Text is valid Unicode without U+0000. Closing the generator, or cancelling the
        task that reads it, closes the connection to the server: generating stops there, too.
        """
        ...

    async def models(self) -> Sequence[Model]:
        """What it serves now, with ids as this provider understands them (no prefix). Raises
        ProviderError."""
        ...

    async def aclose(self) -> None:
        """Let go of all connections."""
        ...


def prefilled(prompt: Prompt) -> str:
    """What the prompt begins the answer with; nothing when its last message is not an
    assistant's."""
    last = prompt.messages[-1] if prompt.messages else None
    return last.content if last is not None and last.role is Role.ASSISTANT else ""


@dataclass(frozen=True, slots=True)
class Health:
    """How a provider answers right now. `latency_ms` is None when it does not."""

    provider: str
    status: Literal["healthy", "degraded", "down"]
    latency_ms: float | None
    circuit: Literal["closed", "open", "half_open"]
    url: str
    model: str | None
    detail: str | None = None


class Models(Protocol):
    """All the models there are, by ids of the form `provider/name`."""

    def resolve(self, model: str) -> tuple[Provider, str]:
        """The provider, and the name that it knows the model by. Raises Invalid."""
        ...

    async def available(self) -> Sequence[Model]:
        """What the servers themselves list, asked at most every few seconds."""
        ...

    async def default(self) -> str:
        """The model of a request that names none."""
        ...

    async def health(self) -> Sequence[Health]:
        """Every provider asked now. One that was only looked for, and is not there, is left out."""
        ...
