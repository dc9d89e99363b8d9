"""Prompt templates: the words for them, and the port of their store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from llmchat.domain import Params
from llmchat.ids import OwnerId

MOST_TEMPLATES = 500
"""Archived ones included: a name is never used for something else."""
MOST_VERSIONS = 500
"""Of one template."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A gap in a prompt. Without a `default`, whoever uses the template fills it."""

    name: str
    description: str | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a version says: a system prompt with gaps, and how to generate with it."""

    system_prompt: str
    description: str | None = None
    model: str | None = None
    params: Params = field(default_factory=Params)
    variables: Sequence[Variable] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A version without its prompt; `created_at` and `created_by` are the version's."""

    name: str
    version: int
    latest_version: int
    description: str | None
    model: str | None
    variables: Sequence[Variable]
    archived: bool
    created_at: datetime
    created_by: OwnerId


@dataclass(frozen=True, slots=True)
class Template(Summary):
    """One version of a template, which never changes."""

    system_prompt: str
    params: Params

    @property
    def content(self) -> Content:
        return Content(
            self.system_prompt, self.description, self.model, self.params, self.variables
        )


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """What somebody asks for: the version is the newest one, or an experiment's, when it is left
    out. In a call that nobody stores, an experiment goes by the caller's `session`."""

    name: str
    version: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    session: str | None = None


class TemplateStore(Protocol):
    """Templates belong to the service: everybody sees all of them. Every method is one short
    transaction. Versions count from 1, without gaps, and stay."""

    async def add(self, name: str, content: Content, by: OwnerId) -> Template:
        """Its version 1. Raises Conflict for a name that was ever used, Invalid beyond
        MOST_TEMPLATES."""
        ...

    async def change(
        self, name: str, content: Content, by: OwnerId, *, based_on: int | None = None
    ) -> Template:
        """Its next version; the newest one, when that says the same already. An archived template
        comes back. Raises NotFound, Conflict when `based_on` is not the newest version, or when
        callers would no longer have to give what a running experiment on it needs, Invalid beyond
        MOST_VERSIONS."""
        ...

    async def get(self, name: str, version: int | None = None) -> Template:
        """The newest version when none is named. Raises NotFound."""
        ...

    async def list(self, *, archived: bool | None = False) -> Sequence[Summary]:
        """Their newest versions, by name; None: archived or not."""
        ...

    async def versions(self, name: str) -> Sequence[Summary]:
        """The newest first. Raises NotFound."""
        ...

    async def archive(self, name: str) -> None:
        """Mark it as not to be used any more; again does nothing. Raises NotFound, and Conflict
        while a running experiment gives it to somebody."""
        ...
