"""A/B experiments: the words for them, and the ports of their stores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from llmchat.domain import Status
from llmchat.ids import OwnerId

MOST_EXPERIMENTS = 500
LEAST_WANTED = 30
"""With fewer conversations than this, an interval does not hold what it says."""


class Phase(StrEnum):
    """Of an experiment: draft → running → stopped, once."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Variant:
    """A version of a template, for the share `weight` of the sum of all weights."""

    name: str
    template: str
    version: int
    weight: int = 1


@dataclass(frozen=True, slots=True)
class ExperimentDraft:
    """On the template that callers name; the first variant is what the others are compared with.
    `wanted` is how many rated conversations each is to have before the verdict."""

    name: str
    template: str
    variants: Sequence[Variant]
    description: str | None = None
    wanted: int = LEAST_WANTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment(ExperimentDraft):
    status: Phase
    created_at: datetime
    created_by: OwnerId
    started_at: datetime | None = None
    stopped_at: datetime | None = None

    @property
    def templates(self) -> set[str]:
        """All that it may give to somebody."""
        return {self.template, *(variant.template for variant in self.variants)}


class ExperimentStore(Protocol):
    """Experiments belong to the service. Every method is one short transaction; all but `add` and
    `list` raise NotFound. A name that has results is never used again."""

    async def add(self, draft: ExperimentDraft, by: OwnerId) -> Experiment:
        """Raises Conflict for a name that there is, Invalid beyond MOST_EXPERIMENTS."""
        ...

    async def get(self, name: str) -> Experiment: ...

    async def list(self, template: str | None = None) -> Sequence[Experiment]:
        """The newest first; those on this template, when one is named."""
        ...

    async def running(self, template: str) -> Experiment | None:
        """The one that runs on this template: there is no more than one."""
        ...

    async def change(
        self, name: str, *, description: str | None, weights: Mapping[str, int]
    ) -> Experiment:
        """Set the description unless it is None, and the weights of the variants that are named.
        Who was assigned stays. Raises Conflict when it was stopped, Invalid for an unknown variant,
        or when no weight is left."""
        ...

    async def start(self, name: str) -> Experiment:
        """Of one that runs, nothing changes. Raises Conflict when it was stopped, another one runs
        on its template, or a template of its was archived."""
        ...

    async def stop(self, name: str) -> Experiment:
        """For good; again changes nothing. Raises Conflict for a draft."""
        ...

    async def remove(self, name: str) -> None:
        """Raises Conflict unless it is a draft."""
        ...


@dataclass(frozen=True, slots=True)
class Shares:
    """Yes and no, `hits` of `total` in `clusters` conversations; of each conversation's numbers,
    the sums of their squares and products."""

    clusters: int = 0
    total: int = 0
    hits: int = 0
    total_squares: int = 0
    hit_squares: int = 0
    products: int = 0


@dataclass(frozen=True, slots=True)
class Moments:
    """Of one number for each conversation: how many, their mean, and the sum of the squares of what
    they differ from it."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0


@dataclass(frozen=True, slots=True)
class Sorted:
    """Some of `count` numbers, by their rank from 1 on in ascending order."""

    count: int
    ranks: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of a variant's conversations. `rated` and `positive` count judgements."""

    conversations: int
    generations: Mapping[Status, int]
    feedback: Shares
    errors: Shares
    first_token: Sorted
    output_tokens: Moments
    cost_usd: Moments


class FigureStore(Protocol):
    async def figures(self, experiment: Experiment) -> Mapping[str, Figures]:
        """By the name of the variant, all at one moment. Of the ranks there are those that
        `intervals.ranks_wanted` names. Nothing of it is read one row at a time: the database adds
        up. Raises StorageUnavailable."""
        ...
