"""Prompt templates: everybody uses them, an admin makes them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request, Response

from llmchat.access.base import Action
from llmchat.templates import base
from llmchat.web import template_bodies as bodies
from llmchat.web.audit import noting
from llmchat.web.auth import Admin, Guarded
from llmchat.web.deps import Caller, Use
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape

router = Router(prefix="/api/templates", tags=["templates"], route_class=Guarded)

NamePath = Annotated[
    str,
    Path(
        pattern=bodies.NAME,
        description="Its name.",
        openapi_examples={"support": {"value": "support"}},
    ),
]


class TemplateVariable(Shape):
    name: str
    description: str | None
    default: str | None
    """Null: whoever uses the template gives a value."""


class TemplateSummary(Shape):
    name: str
    version: int
    latest_version: int
    description: str | None
    model: str | None
    variables: list[TemplateVariable]
    archived: bool
    """Nothing new begins with it."""
    created_at: datetime
    """When this version was made."""
    created_by: str


class Template(TemplateSummary):
    system_prompt: str
    params: dict[str, Any]


class TemplateList(Shape):
    items: list[TemplateSummary]


class Rendered(Shape):
    name: str
    version: int
    system_prompt: str
    model: str | None
    params: dict[str, Any]


@router.post("", status_code=201, responses=documented(400, 409, 413, 415, 422, 503))
async def create(request: Request, body: bodies.NewTemplate, use: Use, me: Admin) -> Template:
    """Make a template. Its version 1. Takes the scope `admin`."""
    async with noting(request, Action.TEMPLATE_CHANGE, body.name):
        return _shown(await use.templating.add(body.name, body.content(), me.user))


@router.get("", responses=documented(422, 503))
async def index(
    use: Use,
    caller: Caller,
    archived: Annotated[
        Literal["false", "true", "all"], Query(description="Which ones, by that mark.")
    ] = "false",
) -> TemplateList:
    """List the templates. Their newest versions, by name, without their prompts."""
    wanted = {"false": False, "true": True, "all": None}[archived]
    return _listed(await use.templates.list(archived=wanted))


@router.get("/{name}", responses=documented(404, 422, 503))
async def show(
    name: NamePath,
    use: Use,
    caller: Caller,
    version: Annotated[
        int | None,
        Query(ge=1, le=bodies.MOST_VERSION, description="When left out, the newest one."),
    ] = None,
) -> Template:
    """Get a template. One of its versions; an archived one's, too."""
    return _shown(await use.templates.get(name, version))


@router.put("/{name}", responses=documented(400, 404, 409, 413, 415, 422, 503))
async def change(
    request: Request, name: NamePath, body: bodies.TemplateChange, use: Use, me: Admin
) -> Template:
    """Change a template. That makes a new version, unless it says the same as the newest; all of it
    is set, and an archived one comes back. Takes the scope `admin`."""
    async with noting(request, Action.TEMPLATE_CHANGE, name):
        return _shown(
            await use.templating.change(name, body.content(), me.user, based_on=body.based_on)
        )


@router.delete("/{name}", status_code=204, responses=documented(404, 409, 422, 503))
async def archive(request: Request, name: NamePath, use: Use, me: Admin) -> Response:
    """Archive a template. Nothing new begins with it; conversations keep what they were given.
    Takes the scope `admin`."""
    async with noting(request, Action.TEMPLATE_ARCHIVE, name):
        await use.templates.archive(name)
    return Response(status_code=204)


@router.get("/{name}/versions", responses=documented(404, 422, 503))
async def versions(name: NamePath, use: Use, caller: Caller) -> TemplateList:
    """List the versions. The newest first, without their prompts."""
    return _listed(await use.templates.versions(name))


@router.post("/{name}/render", responses=documented(400, 404, 413, 415, 422, 503))
async def render(name: NamePath, body: bodies.Rendering, use: Use, caller: Caller) -> Rendered:
    """Try a template. What a conversation would be given, outside any experiment."""
    told = await use.templating.preview(base.TemplateUse(name, body.version, body.variables))
    return Rendered(
        name=told.given.name,
        version=told.given.version,
        system_prompt=told.system_prompt,
        model=told.model,
        params=told.params.as_json(),
    )


def _shown(found: base.Template) -> Template:
    names = Template.model_fields.keys() - {"params"}
    members = {name: getattr(found, name) for name in names}
    return Template(**members, params=found.params.as_json())


def _listed(found: Sequence[base.Summary]) -> TemplateList:
    return TemplateList(items=[TemplateSummary.model_validate(summary) for summary in found])
