"""Prompt templates in SQL."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from llmchat.errors import Conflict, Invalid, NotFound
from llmchat.experiments.base import Phase
from llmchat.ids import OwnerId
from llmchat.store.database import Database
from llmchat.store.template_rows import (
    ExperimentRow,
    TemplateRow,
    TemplateVersionRow,
    variables_of,
    version_columns,
)
from llmchat.store.upsert import inserting
from llmchat.templates.base import (
    MOST_TEMPLATES,
    MOST_VERSIONS,
    Content,
    Summary,
    Template,
)
from llmchat.templates.rendering import required

# Not the prompts: a list of them would be many megabytes.
_SUMMARY = (
    col(TemplateVersionRow.template),
    col(TemplateVersionRow.version),
    col(TemplateRow.latest),
    col(TemplateVersionRow.description),
    col(TemplateVersionRow.model),
    col(TemplateVersionRow.variables),
    col(TemplateRow.archived),
    col(TemplateVersionRow.created_at),
    col(TemplateVersionRow.created_by),
)


class SqlTemplateStore:
    """A TemplateStore."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def add(self, name: str, content: Content, by: OwnerId) -> Template:
        async with self._database.write() as session:
            if (await session.scalar(select(func.count()).select_from(TemplateRow)) or 0) >= (
                MOST_TEMPLATES
            ):
                raise Invalid(f"There are {MOST_TEMPLATES} templates, which is the most there are.")
            new = inserting(session, TemplateRow).values(name=name, latest=1, archived=False)
            added = new.on_conflict_do_nothing().returning(col(TemplateRow.name))
            if await session.scalar(added) is None:
                raise Conflict(
                    f"There is a template {name}. PUT /api/templates/{name} makes a new version of "
                    "it, also when it was archived."
                )
            return await self._added(session, name, 1, content, by)

    async def change(
        self, name: str, content: Content, by: OwnerId, *, based_on: int | None = None
    ) -> Template:
        async with self._database.write() as session:
            row = await locked(session, name)
            if based_on not in (None, row.latest):
                raise Conflict(
                    f"The newest version of {name} is {row.latest}, and this was made from "
                    f"{based_on}. Have a look at what has changed since."
                )
            row.archived = False
            newest = await _version(session, name, row.latest)
            if newest.content == content:
                return _template(row, newest)
            if row.latest >= MOST_VERSIONS:
                raise Invalid(f"{name} has {MOST_VERSIONS} versions, which is the most there are.")
            await _refuse_to_break(session, name, required(content.variables))
            row.latest += 1
            await session.flush()
            return await self._added(session, name, row.latest, content, by)

    async def get(self, name: str, version: int | None = None) -> Template:
        async with self._database.read() as session:
            row = await _row(session, select(TemplateRow), name)
            return _template(row, await _version(session, name, version or row.latest))

    async def list(self, *, archived: bool | None = False) -> Sequence[Summary]:
        newest = col(TemplateVersionRow.version) == col(TemplateRow.latest)
        its = _summaries().where(newest).order_by(col(TemplateRow.name))
        if archived is not None:
            its = its.where(col(TemplateRow.archived).is_(archived))
        async with self._database.read() as session:
            return [_summary(row) for row in await session.execute(its)]

    async def versions(self, name: str) -> Sequence[Summary]:
        its = _summaries().where(col(TemplateRow.name) == name)
        async with self._database.read() as session:
            await _row(session, select(TemplateRow), name)
            rows = await session.execute(its.order_by(col(TemplateVersionRow.version).desc()))
            return [_summary(row) for row in rows]

    async def archive(self, name: str) -> None:
        running = select(ExperimentRow).where(col(ExperimentRow.status) == Phase.RUNNING)
        async with self._database.write() as session:
            row = await locked(session, name)
            for experiment in await session.scalars(running):
                if name in experiment.to_experiment().templates:
                    raise Conflict(
                        f"The experiment {experiment.name} gives {name} to conversations. Stop it "
                        "before you archive the template."
                    )
            row.archived = True

    async def _added(
        self, session: AsyncSession, name: str, version: int, content: Content, by: OwnerId
    ) -> Template:
        columns = version_columns(content, by, self._now())
        new = TemplateVersionRow(template=name, version=version, **columns)
        session.add(new)
        await session.flush()
        return _template(TemplateRow(name=name, latest=version, archived=False), new)


async def _refuse_to_break(session: AsyncSession, name: str, given: set[str]) -> None:
    """Callers fill in what the newest version asks for, and a running experiment passes that to its
    variants. `given` is what they would have to fill in from now on. Raises Conflict."""
    experiment = await running(session, name)
    if experiment is None:
        return
    for variant in experiment.to_experiment().variants:
        its = await _version(session, variant.template, variant.version)
        if lacking := required(its.content.variables) - given:
            raise Conflict(
                f"The experiment {experiment.name} runs on {name}, and its variant {variant.name} "
                f"needs the variable {min(lacking)}, which callers would no longer have to give. "
                "Keep it, without a default, or stop the experiment first."
            )


async def running(session: AsyncSession, template: str) -> ExperimentRow | None:
    """The experiment that runs on it."""
    row: ExperimentRow | None = await session.scalar(
        select(ExperimentRow).where(
            col(ExperimentRow.template) == template, col(ExperimentRow.status) == Phase.RUNNING
        )
    )
    return row


async def locked(session: AsyncSession, name: str) -> TemplateRow:
    """Until the end of the transaction nobody else changes or archives it, or starts an experiment
    with it. Raises NotFound."""
    return await _row(session, select(TemplateRow).with_for_update(), name)


async def _row(session: AsyncSession, rows: Select[Any], name: str) -> TemplateRow:
    row: TemplateRow | None = await session.scalar(rows.where(col(TemplateRow.name) == name))
    if row is None:
        raise NotFound(f"There is no template {name}.")
    return row


async def _version(session: AsyncSession, name: str, version: int) -> TemplateVersionRow:
    row = await session.scalar(
        select(TemplateVersionRow).where(
            col(TemplateVersionRow.template) == name, col(TemplateVersionRow.version) == version
        )
    )
    if row is None:
        raise NotFound(f"The template {name} has no version {version}.")
    return row


def _summaries() -> Select[Any]:
    its = col(TemplateRow.name) == col(TemplateVersionRow.template)
    return select(*_SUMMARY).join(TemplateRow, its)


def _summary(row: Any) -> Summary:
    name, version, latest, description, model, variables, archived, at, by = row
    return Summary(
        name=name,
        version=version,
        latest_version=latest,
        description=description,
        model=model,
        variables=variables_of(variables),
        archived=archived,
        created_at=at,
        created_by=OwnerId(by),
    )


def _template(row: TemplateRow, its: TemplateVersionRow) -> Template:
    content = its.content
    return Template(
        row.name,
        its.version,
        row.latest,
        content.description,
        content.model,
        content.variables,
        row.archived,
        its.created_at,
        OwnerId(its.created_by),
        content.system_prompt,
        content.params,
    )
