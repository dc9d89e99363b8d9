"""The contract of a provider: a prompt goes in, events come out."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from llmchat.domain import Model, Params, Role
from llmchat.errors import UpstreamRejected
from llmchat.events import Delta, Finished, ToolCall
from llmchat.prompts import Prompt, PromptMessage


@dataclass(frozen=True, slots=True)
class Restarted:
    """All that this stream gave before is void: another model, or another attempt, begins anew."""

    reason: str


ProviderEvent = Delta | ToolCall | Restarted | Finished


class NoModels(UpstreamRejected):
    """The server is there, and serves no model yet; the sentence says how it gets one."""


class Provider(Protocol):
    """A model's server, or a wrapper around one: new behaviour is a wrapper with this shape."""

    @property
    def prefills(self) -> bool:
        """Whether a prompt whose last message is an assistant's is gone on with: the model writes
        what follows that text. The stream then gives only what follows. Where this is False, what
        comes for such a prompt is another answer."""
        ...

    @property
    def resumes(self) -> bool:
        """Whether the server keeps its answer and goes on without a reader. Then every batch ends
        with a delta that has a mark, or with Finished; a prompt with that mark gives exactly what
        follows; and closing a stream ends nothing at the server: that takes `cancel`."""
        ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[Sequence[ProviderEvent], None]:
        """Generate. One yield is all that came at once: whoever takes it slowly gets few big
        batches. An empty one is a sign that the model works on what is not shown. The very last
        event is the only Finished.

        Completion needs positive evidence from the server (a finish reason, or its end marker):
        without it, raises UpstreamTruncated after what did come. Raises ProviderError for all that
        goes wrong. Text is valid Unicode without U+0000. Closing the generator, or cancelling the
        task that reads it, closes the connection to the server: generating stops there, too.
        """
        ...

    async def models(self) -> Sequence[Model]:
        """What it serves now, with ids as this provider understands them (no prefix). Raises
        ProviderError; NoModels where more can be said than that there are none."""
        ...

    async def cancel(self, mark: str) -> None:
        """End the answer that this mark is of, at a server that goes on without a reader. Does
        nothing where it has ended, or where the provider does not resume. Raises ProviderError."""
        ...

    async def aclose(self) -> None:
        """Let go of all connections. Closing again does nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Configured:
    """What a table of the settings says about one server of a provider called `name`.

    `url` is None where the table names none. `prefill` says that the operator knows the server to
    go on with an answer that is begun. `options` are the keys of the table that not all kinds have.
    """

    name: str
    url: str | None
    api_key: str | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    models: Sequence[str]
    prefill: bool
    context_window: int | None
    options: Mapping[str, Any] = field(repr=False)


Factory = Callable[[Configured], Provider]
"""What a package of another author has as an entry point of the group `llmchat.providers`, under
the name of a kind: called once for each server of a provider of that kind, before the service
serves. A class whose constructor takes a Configured is one. A Provider whose server keeps no
answers is a subclass of `llmchat.providers.wrapper.Forgetful`, and then need not be about
`resumes` and `cancel`. Raises what it likes: the service then does not start, and says so."""


def prefilled(prompt: Prompt) -> str:
    """What the prompt begins the answer with; nothing when its last message is not an
    assistant's."""
    last = prompt.messages[-1] if prompt.messages else None
    return last.content if last is not None and last.role is Role.ASSISTANT else ""


Circuit = Literal["closed", "open", "half_open"]
"""Whether an endpoint is asked: always, not for now, or by one request that finds out."""


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint of a provider answers right now. `latency_ms` is None when it does not.
    `lacks`: a model that the settings count on is certainly not there; `detail` says which."""

    provider: str
    status: Literal["healthy", "degraded", "down"]
    latency_ms: float | None
    circuit: Circuit
    url: str
    model: str | None
    detail: str | None = None
    lacks: bool = False


class Models(Protocol):
    """All the models there are, by ids of the form `provider/name`, and routes: `route/name`."""

    def resolve(self, model: str) -> tuple[Provider, str]:
        """The provider, and the name that it knows the model by. Raises Invalid."""
        ...

    async def available(self) -> Sequence[Model]:
        """What the servers themselves list, asked at most every few seconds."""
        ...

    def window(self, model: str) -> int | None:
        """How many tokens this model can be sent, as far as that is known already. Never waits for
        a server, never raises."""
        ...

    async def default(self) -> str:
        """The model of a request that names none."""
        ...

    async def health(self) -> Sequence[Health]:
        """Every endpoint of every provider, asked now. One that was only looked for, and is
        not there, is left out."""
        ...


@dataclass(frozen=True, slots=True)
class Count:
    """So many tokens; `exact` when the model's own vocabulary counted them, and not an estimate."""

    tokens: int
    exact: bool = False


class Tokens(Protocol):
    """How many tokens a model, `provider/name`, counts. Nothing here waits or raises, whatever the
    text and whichever the model."""

    def count(
        self, model: str, messages: Sequence[PromptMessage], params: Params | None = None
    ) -> Count:
        """Of the messages with all that is in them; with `params`, of their tools and response
        format as well. It adds up: of two lists together it is what it is of each, but for one
        token that is rounded up."""
        ...

    def count_text(self, model: str, text: str) -> int:
        """Of a text by itself."""
        ...

    def learns(self, model: str) -> bool:
        """Whether what a server reports would make its estimates better."""
        ...

    def learn(self, model: str, prompt: Prompt, reported: int) -> None:
        """The model's server has counted so many tokens of this prompt."""
        ...
