"""What a program that chats needs of a service, in its own process or at the end of a wire."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from llmchat.conversing.details import Details
from llmchat.conversing.happenings import Happening
from llmchat.domain import Message, MessageOrder, Model, Page, Status, Wanted
from llmchat.events import Entry, Usage
from llmchat.ids import ConversationId, GenerationId, MessageId
from llmchat.problem import Problem

Fields = Mapping[str, Any]
"""What a request says, in the names and shapes of the HTTP API (see /docs): JSON, and checked by
whoever takes it."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message that was stored, and the generation of its answer; None when it gets none."""

    message: Message
    generation: "Standing | None"


@dataclass(frozen=True, slots=True)
class Standing:
    """A generation as it stands now, with its text so far. `message_id` is the answer's."""

    id: GenerationId
    conversation_id: ConversationId
    message_id: MessageId
    status: Status
    model: str
    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    error: Problem | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The models there are; `default` answers whoever names none."""

    models: Sequence[Model]
    default: str


class Service(Protocol):
    """One caller's view of a service. Two things fulfil it: llmchat.embedded, which is the service,
    and llmchat.remote, which asks one over HTTP. tests/contract/test_conversing.py holds both to
    the same.

    Each method raises Invalid for fields that are not what they should be, NotFound for what is
    not the caller's, Forbidden for what a member's role does not include, and Unavailable (or one
    of its kinds) when it cannot be done now.
    """

    async def create(self, fields: Fields) -> Details:
        """With a `session_id`, the conversation of that name, made from the rest when new."""
        ...

    async def get(self, id: ConversationId) -> Details: ...

    async def list(self, wanted: Wanted, *, cursor: str | None) -> Page[Details]:
        """That with the newest message first."""
        ...

    async def change(self, id: ConversationId, fields: Fields) -> Details: ...

    async def delete(self, id: ConversationId) -> None:
        """Stops what is live; messages and logs go with it."""
        ...

    async def clear(self, id: ConversationId) -> None:
        """Deletes the messages, keeps the conversation."""
        ...

    async def messages(
        self,
        id: ConversationId,
        *,
        leaf: MessageId | None,
        order: MessageOrder,
        limit: int,
        cursor: str | None,
    ) -> Page[Message]:
        """The active branch, or the one that ends at `leaf`; `limit` is from 1 to 1000."""
        ...

    async def live(self, id: ConversationId) -> Sequence[GenerationId]:
        """What is being written, or waits for its turn, the oldest first."""
        ...

    async def say(self, id: ConversationId, fields: Fields, *, key: str) -> Said:
        """Store a message and start its answer. For 24 hours the same `key` with the same fields is
        the same message. Raises Busy, UnknownModel, PromptTooLong, RateLimited as well."""
        ...

    async def regenerate(self, id: MessageId, fields: Fields, *, key: str) -> Said: ...

    async def go_on(self, id: MessageId, fields: Fields, *, key: str) -> Said: ...

    async def standing(self, id: GenerationId) -> Standing: ...

    async def stop(self, id: GenerationId) -> None:
        """When this returns, it has ended or never goes on; its text is kept."""
        ...

    def events(self, id: GenerationId, *, after: int) -> AsyncGenerator[Sequence[Entry], None]:
        """What follows the offset `after`, as it comes, and its end behind the terminal.

        Offsets are contiguous, however often the way to the service is cut: each once, in order.
        Nothing when `after` is the terminal's. It never ends without a terminal: it raises LogGone
        for a log that has expired, BadCursor beyond its end, Unavailable when the service is away.
        """
        ...

    def watch(self, id: ConversationId) -> AsyncGenerator[Happening, None]:
        """All that happens in it, whoever does it: a Snapshot first, and another one whenever
        something may have been missed. Ends behind ConversationDeleted; else it raises, NotFound
        when it is the caller's no more, Unavailable when the service is away.

        Of each answer every offset comes once, in order, behind what the last snapshot has of it.
        """
        ...

    async def models(self) -> Catalogue: ...
