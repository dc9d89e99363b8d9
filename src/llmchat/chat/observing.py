"""Who watches answers being written: metrics, log lines, traces. None of them changes anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from llmchat.domain import Generation, Timing
from llmchat.events import Event, Terminal
from llmchat.ids import ConversationId, GenerationId, KeyId, OwnerId
from llmchat.metering import Attempt
from llmchat.origin import NO_REQUEST, Origin
from llmchat.webhooks.base import Message

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """One that is written: a generation's, or a call's that nobody stores, which has none.
    `attempt` is more than 1 where this process goes on with what another began; `user` pays."""

    id: GenerationId
    model: str
    attempt: int = 1
    conversation_id: ConversationId | None = None
    user: OwnerId | None = None
    key_id: KeyId | None = None
    generation: Generation | None = None
    origin: Origin = NO_REQUEST

    @classmethod
    def of(cls, generation: Generation) -> "Answer":
        return cls(
            generation.id,
            generation.model,
            generation.attempt,
            generation.conversation_id,
            generation.asked_by or generation.owner,
            generation.key_id,
            generation,
            generation.origin,
        )


@dataclass(frozen=True, slots=True)
class End:
    """What it came to: its last event, with the usage; every request to a model that it took in
    this process, in order; and how long it took, where this process knows."""

    terminal: Terminal
    attempts: Sequence[Attempt] = ()
    timing: Timing | None = None


class Observer:
    """Is told of the answers of this process, on its event loop. No method waits. What one raises
    is logged, and harms no answer. A subclass overrides what it wants to know."""

    def began(self, answer: Answer) -> None:
        """From now on this process writes it; called in the context of whoever asked for it, where
        that was in this process."""

    def writing(self, answer: Answer) -> None:
        """Called by the task that writes it, before it asks any model: what is put into context
        variables goes with its requests and its log lines."""

    def wrote(self, answer: Answer, events: Sequence[Event]) -> None:
        """These are stored, and will be shown. Called at every append."""

    def tells(self, answer: Answer, end: End) -> Sequence[Message]:
        """What other services are told of this end: it is stored with it, or not at all. Called
        before `ended`, for stored generations only."""
        return ()

    def ended(self, answer: Answer, end: End) -> None:
        """It is settled; once for each answer over all processes. Also of what no process wrote
        then: what was stopped in its queue, or found after a crash."""

    def left(self, answer: Answer) -> None:
        """This process writes it no more: it has ended, or is another's by now. Once for each
        `began`, after `ended`."""


class Observers(Observer):
    """Several as one."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def began(self, answer: Answer) -> None:
        self._tell(lambda observer: observer.began(answer))

    def writing(self, answer: Answer) -> None:
        self._tell(lambda observer: observer.writing(answer))

    def wrote(self, answer: Answer, events: Sequence[Event]) -> None:
        self._tell(lambda observer: observer.wrote(answer, events))

    def tells(self, answer: Answer, end: End) -> Sequence[Message]:
        told: list[Message] = []
        self._tell(lambda observer: told.extend(observer.tells(answer, end)))
        return told

    def ended(self, answer: Answer, end: End) -> None:
        self._tell(lambda observer: observer.ended(answer, end))

    def left(self, answer: Answer) -> None:
        self._tell(lambda observer: observer.left(answer))

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            try:
                tell(observer)
            except Exception as error:  # noqa: BLE001 - an answer does not fail with who watches it
                _log.error("An observer failed", observer=type(observer).__name__, exc_info=error)
