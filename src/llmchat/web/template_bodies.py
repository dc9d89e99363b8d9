"""What clients send about templates and experiments."""

from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from llmchat import domain
from llmchat.chat.experimenting import WantedVariant
from llmchat.experiments.base import LEAST_WANTED, ExperimentDraft
from llmchat.templates import base
from llmchat.templates.rendering import MOST_VALUE_CHARS, VARIABLE_NAME
from llmchat.wire.bounds import CleanText, Line, ModelId
from llmchat.wire.params import Body, Params

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
MOST_VERSION = 1_000_000
_MOST_VARIABLES = 32
_MOST_PROMPT_CHARS = 64 * 1024
_PROMPT = "You help users of {{product}}. Answer in {{language}}."
_VARIABLES: list[JsonValue] = [
    {"name": "product", "description": "As it is called in the shop"},
    {"name": "language", "default": "English"},
]

Name = Annotated[str, Field(pattern=NAME)]
VariableName = Annotated[str, Field(pattern=f"^{VARIABLE_NAME}$")]
Value = Annotated[CleanText, Field(max_length=MOST_VALUE_CHARS)]
Version = Annotated[int, Field(ge=1, le=MOST_VERSION)]
Weight = Annotated[int, Field(ge=0, le=1000)]
Description = Annotated[CleanText, Field(max_length=4096)]


class Variable(Body):
    name: VariableName
    description: Line | None = None
    """For people: what is to be filled in."""
    default: Value | None = None
    """When left out, whoever uses the template gives a value."""


class TemplateVersion(Body):
    """A version of a template: a system prompt with gaps, and how to generate with it."""

    system_prompt: Annotated[CleanText, Field(min_length=1, max_length=_MOST_PROMPT_CHARS)]
    """With `{{name}}` where the value of a variable goes; `\\{{` is two braces."""
    description: Description | None = None
    """For people, in lists."""
    model: ModelId | None = None
    """Answers when whoever uses the template names none: `provider/name`."""
    params: Params | None = None
    """What whoever uses the template sets wins, one by one."""
    variables: Annotated[list[Variable], Field(max_length=_MOST_VARIABLES)] = Field(
        default_factory=list
    )

    def content(self) -> base.Content:
        return base.Content(
            self.system_prompt,
            self.description,
            self.model,
            self.params.to_domain() if self.params else domain.Params(),
            tuple(base.Variable(v.name, v.description, v.default) for v in self.variables),
        )


class NewTemplate(TemplateVersion):
    name: Name
    """What it is used by. A name is never used for something else."""
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "support",
                    "description": "Answers of the help desk",
                    "system_prompt": _PROMPT,
                    "model": "demo/echo",
                    "params": {"temperature": 0.2},
                    "variables": _VARIABLES,
                }
            ]
        }
    )


class TemplateChange(TemplateVersion):
    based_on: Version | None = None
    """The version that this was made from: refused with 409 when there is a newer one."""
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"system_prompt": f"{_PROMPT} Be kind.", "variables": _VARIABLES}]
        }
    )


class Rendering(Body):
    version: Version | None = None
    """When left out, the newest one."""
    variables: Annotated[dict[VariableName, Value], Field(max_length=_MOST_VARIABLES)] = Field(
        default_factory=dict
    )
    """The values, by the names of the variables."""
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"variables": {"product": "llmchat"}}]}
    )


class TemplateUse(Rendering):
    name: Name
    version: Version | None = None
    """When left out, the newest one, or that of an A/B experiment that runs."""
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "support", "variables": {"product": "llmchat"}}]}
    )

    def to_use(self) -> base.TemplateUse:
        return base.TemplateUse(self.name, self.version, self.variables)


class CallTemplate(TemplateUse):
    session: Annotated[CleanText, Field(min_length=1, max_length=128)] | None = None
    """Your own name for what belongs together: in an A/B experiment the same one gets the same
    variant. When left out, you always get the same."""

    def to_use(self) -> base.TemplateUse:
        return base.TemplateUse(self.name, self.version, self.variables, self.session)


class NewVariant(Body):
    name: Name
    template: Name | None = None
    """When left out, the experiment's."""
    version: Version | None = None
    """When left out, the newest one: it stays that one."""
    weight: Weight = 1
    """Its share of the conversations is its part of the sum of all weights."""

    def wanted(self) -> WantedVariant:
        return WantedVariant(self.name, self.template, self.version, self.weight)


class NewExperiment(Body):
    name: Name
    template: Name
    """While it runs, a conversation that begins with this template gets one of the variants."""
    variants: Annotated[list[NewVariant], Field(min_length=2, max_length=8)]
    """The others are compared with the first one."""
    description: Description | None = None
    """For people: what you expect, written down before you look."""
    wanted: Annotated[int, Field(ge=LEAST_WANTED, le=1_000_000)] = LEAST_WANTED
    """How many rated conversations each variant is to have before the verdict: decide it now."""
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "polite",
                    "description": "Does warmth help?",
                    "template": "support",
                    "variants": [
                        {"name": "plain", "version": 1},
                        {"name": "warm"},
                    ],
                    "wanted": 100,
                }
            ]
        }
    )

    def draft(self) -> ExperimentDraft:
        return ExperimentDraft(self.name, self.template, (), self.description, self.wanted)


class ExperimentChange(Body):
    description: Description | None = None
    weights: Annotated[dict[Name, Weight], Field(max_length=8)] = Field(default_factory=dict)
    """By the name of the variant. What has been assigned stays where it is."""
    model_config = ConfigDict(json_schema_extra={"examples": [{"weights": {"warm": 3}}]})


def use_of(given: TemplateUse | None) -> base.TemplateUse | None:
    return None if given is None else given.to_use()
