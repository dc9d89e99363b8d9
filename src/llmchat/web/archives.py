"""Conversations as files: how one leaves, and how it comes back; and how many go at once."""

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import Query, Request, Response
from pydantic import ConfigDict, Field

from llmchat.access.base import Action
from llmchat.ids import ConversationId
from llmchat.library.markdown import markdown
from llmchat.web import schemas
from llmchat.web.audit import note
from llmchat.web.auth import Guarded
from llmchat.web.deps import Caller, Use
from llmchat.web.files import File, archive_of, filed
from llmchat.web.paths import PathId
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape
from llmchat.wire.bounds import Id
from llmchat.wire.params import Body

router = Router(prefix="/api/conversations", tags=["conversations"], route_class=Guarded)

_MOST_NAME_CHARS = 60
# By hand: of a model that is both taken and given, the framework would make two.
_SCHEMA = {"schema": {"$ref": "#/components/schemas/File"}}
_TEXT = {"schema": {"type": "string"}, "example": "# Foxes\n\n## You\n\nthe quick brown fox\n"}
_FILE = {
    "description": "The file.",
    "content": {"application/json": _SCHEMA, "text/markdown": _TEXT},
}


class Ids(Body):
    ids: Annotated[list[Id], Field(min_length=1, max_length=100)]
    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["conv_0", "conv_1"]}]})


class Deleted(Shape):
    deleted: list[str]
    """Those that are gone now. What was not there, or is not yours, is not among them."""


@router.get(
    "/{id}/export",
    response_class=Response,
    responses={200: _FILE, **documented(404, 422, 503)},
)
async def export(
    id: PathId,
    use: Use,
    caller: Caller,
    format: Annotated[
        Literal["json", "markdown"],
        Query(description="`json` has everything; `markdown` is the active branch, to read."),
    ] = "json",
) -> Response:
    """Export a conversation. As a file with all that you see of it: every branch, images, calls of
    tools, thoughts, usage and your feedback. An import makes the same conversation of it."""
    archive = await use.library.export(caller, ConversationId(id))
    if format == "markdown":
        body, media_type, ending = markdown(archive), "text/markdown; charset=utf-8", "md"
    else:
        body, media_type, ending = filed(archive).model_dump_json(), "application/json", "json"
    name = _file_name(archive.conversation.title, ending)
    return Response(body, media_type=media_type, headers={"Content-Disposition": name})


@router.post("/import", status_code=201, responses=documented(400, 413, 415, 422, 503))
async def import_(body: File, use: Use, caller: Caller) -> schemas.ConversationDetail:
    """Import a conversation. The JSON of an export becomes one of yours, with new ids."""
    made = await use.library.add(caller, archive_of(body))
    return schemas.conversation_detail(made, [])


@router.post("/delete", responses=documented(400, 413, 415, 422, 503))
async def delete_many(request: Request, body: Ids, use: Use, caller: Caller) -> Deleted:
    """Delete several conversations. Each as `DELETE` does; what is not yours to delete stays."""
    ids = [ConversationId(id_) for id_ in dict.fromkeys(body.ids)]
    deleted = await use.library.delete(caller, ids)
    for id_ in deleted:
        await note(request, Action.CONVERSATION_DELETE, id_)
    return Deleted(deleted=list(deleted))


def _file_name(title: str | None, ending: str) -> str:
    """RFC 6266: plain letters for old clients, the title itself for the others."""
    name = " ".join((title or "conversation").split())[:_MOST_NAME_CHARS]
    kept = "".join(c if c.isalnum() or c in " ._-" else "_" for c in name).strip(" .") or "_"
    plain = "".join(c if c.isascii() else "_" for c in kept)
    whole = quote(kept, safe="")
    return f"attachment; filename=\"{plain}.{ending}\"; filename*=UTF-8''{whole}.{ending}"
