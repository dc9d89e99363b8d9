"""What an admin sees of everybody: who is there, and what is being written; nobody's text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from llmchat.domain import Generation
from llmchat.ids import GenerationId, OwnerId, WorkerId

MOST_SEEN = 1000
"""More users than so many are not listed; nor are more live generations."""


@dataclass(frozen=True, slots=True)
class Live:
    """A generation that waits or is being written, and the process that owns it; None: nobody does
    yet. `chars` has its last checkpoint, None where there is none."""

    generation: Generation
    worker: WorkerId | None
    chars: int | None = None


@dataclass(frozen=True, slots=True)
class User:
    """`keys` counts those that are good; the tokens and the cost are those of a month, `cost` None
    where no price is known; `live` counts the answers that they wait for."""

    id: OwnerId
    keys: int
    last_seen_at: datetime | None
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = None
    generations: int = 0
    estimated: bool = False
    live: int = 0


class OversightStore(Protocol):
    """Everybody's. Every method is one short transaction."""

    async def live(self, *, limit: int) -> Sequence[Live]:
        """Queued or streaming, in whichever process; the oldest first."""
        ...

    async def find(self, id: GenerationId) -> Generation:
        """Whoever's it is. Raises NotFound."""
        ...

    async def users(self, *, month: datetime, seen_since: datetime) -> Sequence[User]:
        """Whoever has a key, or has used something up since `seen_since`; those who have used up
        most since `month` first, MOST_SEEN at most."""
        ...
