"""What a seed draws: how many, how often, and what goes wrong when."""

import random
from dataclasses import dataclass
from typing import Literal

from llmchat.chat.recovery import OnCrash

Kind = Literal[
    "kill",
    "freeze",
    "store away",
    "redis away",
    "store unreachable",
    "redis unreachable",
    "listeners cut",
    "readers cut",
    "drain",
]

_KINDS: tuple[Kind, ...] = (
    "kill",
    "freeze",
    "store away",
    "redis away",
    "store unreachable",
    "redis unreachable",
    "listeners cut",
    "readers cut",
    "drain",
)
_BUSY_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class Trouble:
    at: float
    kind: Kind
    seconds: float


@dataclass(frozen=True, slots=True)
class Sending:
    """`stop_after` is None when nobody stops it."""

    at: float
    conversation: int
    on_busy: Literal["reject", "queue", "interrupt"]
    readers: int
    stop_after: float | None


@dataclass(frozen=True, slots=True)
class Weather:
    processes: int
    on_crash: OnCrash
    prefills: bool
    fault_share: float
    slow_share: float
    provider_fault_share: float
    sendings: tuple[Sending, ...]
    troubles: tuple[Trouble, ...]
    durable: bool
    """Whether the model's server keeps its answers."""


def weather(rng: random.Random) -> Weather:
    conversations = rng.randint(1, 2)
    return Weather(
        processes=rng.choice([1, 2, 3, 3]),
        on_crash=rng.choice(["mark", "continue", "restart"]),
        prefills=rng.random() < 0.7,
        fault_share=rng.choice([0.0, 0.0, 0.02, 0.1]),
        slow_share=rng.choice([0.0, 0.05, 0.3]),
        provider_fault_share=rng.choice([0.0, 0.3]),
        sendings=tuple(_sending(rng, conversations) for _ in range(rng.randint(1, 6))),
        troubles=tuple(_trouble(rng) for _ in range(rng.randint(0, 5))),
        durable=rng.random() < 0.3,
    )


def _sending(rng: random.Random, conversations: int) -> Sending:
    return Sending(
        at=rng.uniform(0, _BUSY_SECONDS / 2),
        conversation=rng.randrange(conversations),
        on_busy=rng.choice(["queue", "queue", "interrupt", "reject"]),
        readers=rng.randint(0, 2),
        stop_after=rng.choice([None, None, None, rng.uniform(0, 0.1), rng.uniform(0, 8)]),
    )


def _trouble(rng: random.Random) -> Trouble:
    # Shorter than a lease, about as long, and longer.
    seconds = rng.choice([rng.uniform(0, 0.5), rng.uniform(0, 8), rng.uniform(4, 6)])
    if rng.random() < 0.03:
        seconds = rng.uniform(31, 45)
    return Trouble(rng.uniform(0, rng.choice([5, _BUSY_SECONDS])), rng.choice(_KINDS), seconds)
