"""The tables of templates and experiments."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, ForeignKey, Index, String, text
from sqlmodel import Field, SQLModel

from llmchat.domain import Params
from llmchat.experiments.base import Experiment, ExperimentDraft, Phase, Variant
from llmchat.ids import OwnerId
from llmchat.store.columns import ORDERED, json_column, seq_column, time_column
from llmchat.templates.base import Content, Variable


class TemplateRow(SQLModel, table=True):
    """`latest` is the number of its newest version."""

    __tablename__: ClassVar[Any] = "template"

    name: str = Field(primary_key=True)
    latest: int
    archived: bool


class TemplateVersionRow(SQLModel, table=True):
    """Added, and never changed."""

    __tablename__: ClassVar[Any] = "template_version"

    template: str = Field(
        sa_column=Column(String, ForeignKey("template.name", ondelete="CASCADE"), primary_key=True)
    )
    version: int = Field(primary_key=True)
    description: str | None = None
    system_prompt: str
    model: str | None = None
    params: dict[str, Any] | None = json_column()
    variables: list[Any] | None = json_column()
    created_at: datetime = time_column()
    created_by: str

    @property
    def content(self) -> Content:
        return Content(
            self.system_prompt,
            self.description,
            self.model,
            Params(**(self.params or {})),
            variables_of(self.variables),
        )


class ExperimentRow(SQLModel, table=True):
    __tablename__: ClassVar[Any] = "experiment"
    __table_args__: ClassVar[Any] = (
        # Of two that start at once on one template, one succeeds.
        Index(
            "experiment_running",
            "template",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        ORDERED,
    )

    seq: int | None = seq_column()
    name: str = Field(unique=True)
    description: str | None = None
    template: str
    status: str
    wanted: int
    variants: list[Any] = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime = time_column()
    created_by: str
    started_at: datetime | None = time_column(nullable=True)
    stopped_at: datetime | None = time_column(nullable=True)

    def to_experiment(self) -> Experiment:
        return Experiment(
            name=self.name,
            template=self.template,
            variants=[Variant(**members) for members in self.variants],
            description=self.description,
            wanted=self.wanted,
            status=Phase(self.status),
            created_at=self.created_at,
            created_by=OwnerId(self.created_by),
            started_at=self.started_at,
            stopped_at=self.stopped_at,
        )


def version_columns(content: Content, by: OwnerId, now: datetime) -> dict[str, Any]:
    return {
        "description": content.description,
        "system_prompt": content.system_prompt,
        "model": content.model,
        "params": content.params.as_json(),
        "variables": [asdict(variable) for variable in content.variables],
        "created_at": now,
        "created_by": by,
    }


def experiment_columns(draft: ExperimentDraft, by: OwnerId, now: datetime) -> dict[str, Any]:
    return {
        "name": draft.name,
        "description": draft.description,
        "template": draft.template,
        "status": Phase.DRAFT,
        "wanted": draft.wanted,
        "variants": [asdict(variant) for variant in draft.variants],
        "created_at": now,
        "created_by": by,
    }


def variables_of(members: Sequence[Any] | None) -> Sequence[Variable]:
    return tuple(Variable(**member) for member in members or ())
