"""Prompt templates, as any door may make, show and use them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmchat.chat.history import HistoryService
from llmchat.domain import Conversation, Given, Params, Role
from llmchat.errors import Invalid, NotFound
from llmchat.experiments.assigning import assigned
from llmchat.experiments.base import ExperimentStore
from llmchat.ids import ConversationId, OwnerId, new_id
from llmchat.prompts import PromptMessage
from llmchat.providers.base import Models
from llmchat.store.drafts import ConversationDraft
from llmchat.templates.base import Content, Template, TemplateStore, TemplateUse
from llmchat.templates.rendering import check, render


@dataclass(frozen=True, slots=True)
class Told:
    """What becomes of a template in use."""

    system_prompt: str
    model: str | None
    params: Params
    given: Given


@dataclass(frozen=True, slots=True)
class Call:
    """What a caller asks a model without storing it."""

    messages: Sequence[PromptMessage]
    model: str | None
    params: Params


class TemplatingService:
    """What is made or changed here is an admin's business, which the doors see to. A template that
    cannot be used raises Invalid: it is the request that names it."""

    def __init__(
        self,
        templates: TemplateStore,
        experiments: ExperimentStore,
        models: Models,
        history: HistoryService,
    ) -> None:
        self._store = templates
        self._experiments = experiments
        self._models = models
        self._history = history

    async def add(self, name: str, content: Content, by: OwnerId) -> Template:
        """Raises Conflict, Invalid."""
        self._check(content)
        return await self._store.add(name, content, by)

    async def change(
        self, name: str, content: Content, by: OwnerId, *, based_on: int | None
    ) -> Template:
        """Raises NotFound, Conflict, Invalid."""
        self._check(content)
        return await self._store.change(name, content, by, based_on=based_on)

    async def preview(self, use: TemplateUse) -> Told:
        """What comes out, without an experiment; of an archived template, too. Raises NotFound,
        Invalid."""
        template = await self._store.get(use.name, use.version)
        return _told(template, render(template.content, use.variables))

    async def drafted(self, draft: ConversationDraft, use: TemplateUse | None) -> ConversationDraft:
        """The draft with what the template says; its own words win. Raises Invalid."""
        if use is None:
            return draft
        if draft.system_prompt is not None:
            raise Invalid(
                "Either `template` or `system_prompt`: the template is the system prompt."
            )
        id = draft.id or ConversationId(new_id("conv"))
        told = await self._told(use, id)
        return replace(
            draft,
            id=id,
            system_prompt=told.system_prompt,
            model=draft.model or told.model,
            params=draft.params.over(told.params),
            template=told.given,
        )

    async def begin(
        self, owner: OwnerId, draft: ConversationDraft, use: TemplateUse | None
    ) -> Conversation:
        """A new conversation; or, where the draft has an `external_id`, that of this name. Raises
        Invalid."""
        if draft.external_id is not None:
            return await self.open_session(owner, draft, use)
        return await self._history.create(owner, await self.drafted(draft, use))

    async def open_session(
        self, owner: OwnerId, draft: ConversationDraft, use: TemplateUse | None
    ) -> Conversation:
        """The conversation with the draft's `external_id`. One that is there stays as it is,
        whatever has become of its template. Raises Invalid."""
        if use is not None:
            try:
                return await self._history.session(owner, draft.external_id or "")
            except NotFound:
                draft = await self.drafted(draft, use)
        return await self._history.open_session(owner, draft)

    async def call(self, owner: OwnerId, call: Call, use: TemplateUse | None) -> Call:
        """The same with the template before its messages. In an experiment, the same variant for
        the same session, or else for the same user. Raises Invalid."""
        if use is None:
            return call
        unit = owner if use.session is None else f"{owner}\0{use.session}"
        told = await self._told(use, unit)
        first = PromptMessage(Role.SYSTEM, told.system_prompt)
        return Call(
            [first, *call.messages], call.model or told.model, call.params.over(told.params)
        )

    async def _told(self, use: TemplateUse, unit: str) -> Told:
        template = await self._usable(use)
        running = None if use.version else await self._experiments.running(use.name)
        if running is None:
            return _told(template, render(template.content, use.variables))
        variant = assigned(running.name, unit, running.variants)
        chosen = await self._store.get(variant.template, variant.version)
        # Callers fill the gaps of the template that they name; a variant may have fewer.
        prompt = render(chosen.content, use.variables, ignores_unknown=True)
        told = _told(chosen, prompt)
        given = replace(told.given, experiment=running.name, variant=variant.name)
        return replace(told, given=given)

    async def _usable(self, use: TemplateUse) -> Template:
        try:
            template = await self._store.get(use.name, use.version)
        except NotFound as error:
            raise Invalid(f"{error.detail} GET /api/templates lists what there is.") from None
        if template.archived:
            raise Invalid(f"The template {use.name} is archived: nothing new begins with it.")
        return template

    def _check(self, content: Content) -> None:
        check(content)
        if content.model is not None:
            self._models.resolve(content.model)


def _told(template: Template, prompt: str) -> Told:
    given = Given(template.name, template.version)
    return Told(prompt, template.model, template.params, given)
