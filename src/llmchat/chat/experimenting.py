"""A/B experiments, as any door may make them, run them and read their results."""

from dataclasses import dataclass, replace

from llmchat.errors import Invalid, NotFound
from llmchat.experiments.base import (
    Experiment,
    ExperimentDraft,
    ExperimentStore,
    FigureStore,
    Variant,
)
from llmchat.experiments.results import Results, judged
from llmchat.ids import OwnerId
from llmchat.templates.base import TemplateStore
from llmchat.templates.rendering import required


@dataclass(frozen=True, slots=True)
class WantedVariant:
    """Of another template than the experiment's, when one is named; of the newest version, which
    is then pinned, when none is."""

    name: str
    template: str | None = None
    version: int | None = None
    weight: int = 1


class ExperimentingService:
    """An admin's business, which the doors see to."""

    def __init__(
        self, experiments: ExperimentStore, figures: FigureStore, templates: TemplateStore
    ) -> None:
        self._store = experiments
        self._figures = figures
        self._templates = templates

    async def add(
        self, draft: ExperimentDraft, variants: list[WantedVariant], by: OwnerId
    ) -> Experiment:
        """A draft of one, with these variants. Raises Conflict, Invalid."""
        names = [variant.name for variant in variants]
        if len(set(names)) < len(names):
            raise Invalid("Each variant needs a name of its own.")
        if not any(variant.weight for variant in variants):
            raise Invalid("One variant at least needs a weight above 0.")
        pinned = [await self._pinned(draft.template, variant) for variant in variants]
        draft = replace(draft, variants=pinned)
        await self._check(draft)
        return await self._store.add(draft, by)

    async def start(self, name: str) -> Experiment:
        """Raises NotFound, Conflict, Invalid."""
        await self._check(await self._store.get(name))
        return await self._store.start(name)

    async def results(self, name: str) -> Results:
        """What is known by now. Raises NotFound."""
        experiment = await self._store.get(name)
        return judged(experiment, await self._figures.figures(experiment))

    async def _pinned(self, template: str, wanted: WantedVariant) -> Variant:
        named = wanted.template or template
        try:
            found = await self._templates.get(named, wanted.version)
        except NotFound as error:
            raise Invalid(f"{error.detail} It is that of the variant {wanted.name}.") from None
        return Variant(wanted.name, found.name, found.version, wanted.weight)

    async def _check(self, draft: ExperimentDraft) -> None:
        """Callers change nothing: what they fill in for the template has to do for each variant."""
        try:
            own = await self._templates.get(draft.template)
        except NotFound as error:
            raise Invalid(error.detail) from None
        for variant in draft.variants:
            found = await self._templates.get(variant.template, variant.version)
            if lacking := required(found.variables) - required(own.variables):
                raise Invalid(
                    f"The variant {variant.name} needs the variable {min(lacking)}, which callers "
                    f"need not give for {draft.template}. Give it a default in the variant's "
                    "template, or take it out."
                )
