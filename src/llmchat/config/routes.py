"""The settings of the routes: several models under one name, the next for when one fails."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails

from llmchat.config.provider import PROVIDER_NAME, RESERVED_NAME, Text


def _route_name(name: str) -> str:
    if not PROVIDER_NAME.fullmatch(name):
        raise ValueError('expected a route name of a-z, 0-9, "-" and "_"')
    return name


RouteName = Annotated[str, AfterValidator(_route_name)]


class RouteSettings(BaseModel):
    """A list of models that answers as `route/name`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    models: tuple[Text, ...] = Field(min_length=1, max_length=16)
    """Models as `provider/name`: the next one answers when the one before fails."""
    fallback_text: str | None = Field(None, min_length=1, max_length=16_384)
    """What is answered when all of them fail; an error when unset."""
    patience_seconds: float = Field(30, ge=0.01, le=86_400)
    """How long a model may be silent, before its first token and between two, until the next one
    is asked. Before the first token, all of them together have `first_token_seconds`."""


KEYS_OF_A_ROUTE = list(RouteSettings.model_fields)


def checked(
    routes: dict[str, RouteSettings], providers: Collection[str]
) -> dict[str, RouteSettings]:
    """The routes, when each of their models is of one of the providers. Raises ValidationError
    with the place of each that is not."""
    problems = [
        InitErrorDetails(type="value_error", loc=loc, input=None, ctx={"error": ValueError(text)})
        for name, route in routes.items()
        for loc, text in _problems(name, route, providers)
    ]
    if problems:
        raise ValidationError.from_exception_data("routes", problems, hide_input=True)
    return routes


def _problems(
    name: str, route: RouteSettings, providers: Collection[str]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for number, model in enumerate(route.models):
        where = (name, "models", number)
        provider, _, model_name = model.partition("/")
        if model in route.models[:number]:
            yield where, f"{model} is in the list already; take it out"
        elif provider == RESERVED_NAME:
            yield where, f"{model} is a route; a route is a list of models, none of them a route"
        elif not model_name:
            yield where, "expected a model as provider/name, such as openai/gpt-4o"
        elif provider not in providers:
            known = ", ".join(sorted(providers))
            yield where, f'there is no provider "{provider}"; there are {known}'


def shortest_patience_seconds(routes: Mapping[str, RouteSettings], provider: str) -> float | None:
    """Of the routes that have a model of this provider."""
    patience = [
        route.patience_seconds
        for route in routes.values()
        if any(model.startswith(f"{provider}/") for model in route.models)
    ]
    return min(patience, default=None)
