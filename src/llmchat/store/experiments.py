"""A/B experiments in SQL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.errors import Conflict, Invalid, NotFound
from llmchat.experiments.base import MOST_EXPERIMENTS, Experiment, ExperimentDraft, Phase
from llmchat.ids import OwnerId
from llmchat.store.database import Database
from llmchat.store.template_rows import ExperimentRow, experiment_columns
from llmchat.store.templates import locked, running
from llmchat.store.upsert import inserting


class SqlExperimentStore:
    """An ExperimentStore."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def add(self, draft: ExperimentDraft, by: OwnerId) -> Experiment:
        count = select(func.count()).select_from(ExperimentRow)
        new_columns = experiment_columns(draft, by, self._now())
        async with self._database.write() as session:
            if (await session.scalar(count) or 0) >= MOST_EXPERIMENTS:
                raise Invalid(
                    f"There are {MOST_EXPERIMENTS} experiments, which is the most there are. "
                    "Delete drafts that nobody needs."
                )
            new = inserting(session, ExperimentRow).values(**new_columns)
            added = new.on_conflict_do_nothing(index_elements=["name"]).returning(
                col(ExperimentRow.name)
            )
            if await session.scalar(added) is None:
                raise Conflict(f"There is an experiment {draft.name}. Choose another name.")
            return (await _row(session, draft.name)).to_experiment()

    async def get(self, name: str) -> Experiment:
        async with self._database.read() as session:
            return (await _row(session, name)).to_experiment()

    async def list(self, template: str | None = None) -> Sequence[Experiment]:
        its = select(ExperimentRow).order_by(col(ExperimentRow.seq).desc())
        if template is not None:
            its = its.where(col(ExperimentRow.template) == template)
        async with self._database.read() as session:
            return [row.to_experiment() for row in await session.scalars(its)]

    async def running(self, template: str) -> Experiment | None:
        async with self._database.read() as session:
            row = await running(session, template)
        return None if row is None else row.to_experiment()

    async def change(
        self, name: str, *, description: str | None, weights: Mapping[str, int]
    ) -> Experiment:
        async with self._database.write() as session:
            row = await _row(session, name, locked=True)
            if row.status == Phase.STOPPED:
                raise Conflict(f"The experiment {name} was stopped: it stays as it is.")
            experiment = row.to_experiment()
            if unknown := weights.keys() - {variant.name for variant in experiment.variants}:
                raise Invalid(f"The experiment has no variant {min(unknown)}.")
            # Another list: the column sees no change within the one it has.
            row.variants = [
                asdict(variant) | {"weight": weights.get(variant.name, variant.weight)}
                for variant in experiment.variants
            ]
            if not any(members["weight"] for members in row.variants):
                raise Invalid("One variant at least needs a weight above 0.")
            if description is not None:
                row.description = description
            return row.to_experiment()

    async def start(self, name: str) -> Experiment:
        async with self._database.write() as session:
            experiment = (await _row(session, name)).to_experiment()
            # In their order, so that no two starts wait for each other.
            for template in sorted(experiment.templates):
                if (await locked(session, template)).archived:
                    raise Conflict(f"The template {template} is archived. PUT brings it back.")
            row = await _row(session, name, locked=True)
            if row.status == Phase.STOPPED:
                raise Conflict(
                    f"The experiment {name} was stopped, and its results stand. Make another one."
                )
            other = await running(session, row.template)
            if other is not None and other.name != name:
                raise Conflict(
                    f"The experiment {other.name} runs on the template {row.template}: one at a "
                    "time, or nobody could tell their effects apart. Stop it first."
                )
            row.status = Phase.RUNNING
            row.started_at = row.started_at or self._now()
            return row.to_experiment()

    async def stop(self, name: str) -> Experiment:
        async with self._database.write() as session:
            row = await _row(session, name, locked=True)
            if row.status == Phase.DRAFT:
                raise Conflict(f"The experiment {name} has not begun. DELETE removes a draft.")
            row.status = Phase.STOPPED
            row.stopped_at = row.stopped_at or self._now()
            return row.to_experiment()

    async def remove(self, name: str) -> None:
        async with self._database.write() as session:
            row = await _row(session, name, locked=True)
            if row.status != Phase.DRAFT:
                raise Conflict(f"The experiment {name} has begun: its results are kept.")
            await session.delete(row)


async def _row(session: AsyncSession, name: str, *, locked: bool = False) -> ExperimentRow:
    its = select(ExperimentRow).where(col(ExperimentRow.name) == name)
    if locked:
        # Read again: what this transaction saw before the lock may have changed since.
        its = its.with_for_update().execution_options(populate_existing=True)
    row: ExperimentRow | None = await session.scalar(its)
    if row is None:
        raise NotFound(f"There is no experiment {name}.")
    return row
