"""What the processes of one service tell each other, so that nobody has to wait for a look."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from llmchat.ids import ConversationId, GenerationId, OwnerId

Kind = Literal["message", "generation", "changed", "deleted", "member", "removed"]


@dataclass(frozen=True, slots=True)
class StopWanted:
    """Whoever runs this generation is asked to stop it; the store says so, too."""

    generation_id: GenerationId


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Somebody let generations go that others may take now, without waiting for a lease."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something in a conversation: of each kind, and with the id of what it is about."""

    owner: OwnerId
    conversation_id: ConversationId
    news: Sequence[tuple[Kind, str]]


@dataclass(frozen=True, slots=True)
class Present:
    """Who is in these conversations at the process `place`: exactly these, and nobody where none is
    named. With `whole`, nobody is in any other. Without any: the place is alive."""

    place: str
    rooms: Sequence[tuple[ConversationId, Sequence[OwnerId]]] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class RollCall:
    """Every process is asked who is present there."""


@dataclass(frozen=True, slots=True)
class Types:
    """Somebody is typing in a conversation, or no longer."""

    conversation_id: ConversationId
    user: OwnerId
    typing: bool


Signal = StopWanted | Abandoned | Happened | Present | RollCall | Types


class Signals(Protocol):
    """From each process to all others. A signal may be lost: whatever it says is in the store, and
    is found there a little later."""

    def listen(self, heard: Callable[[Signal], None], missed: Callable[[], None]) -> None:
        """`heard` gets what others tell; `missed` is called when some of it may have been lost."""
        ...

    def tell(self, signal: Signal) -> None:
        """Never waits, and never raises."""
        ...


class Alone:
    """The Signals of a service in one process: nobody else is there."""

    def listen(self, heard: Callable[[Signal], None], missed: Callable[[], None]) -> None:
        return

    def tell(self, signal: Signal) -> None:
        return
