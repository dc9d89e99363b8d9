"""The stream of one generation, and the route that thousands ask for at once after a reconnect."""

import re
from typing import Any

from fastapi import Request, Response
from starlette.routing import Route

from llmchat.access.base import Principal
from llmchat.errors import BadCursor, Invalid
from llmchat.ids import GenerationId
from llmchat.web.deps import Services, services_of
from llmchat.web.openapi import GENERATION_STREAM
from llmchat.web.problems import documented
from llmchat.web.sse import EventStream, generation_frames

PATH = "/api/generations/{id}/stream"
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


async def stream(
    request: Request, use: Services, caller: Principal, id: GenerationId, after: int
) -> Response:
    """The events after a cursor, as they come; 204 when there is nothing more to come."""
    with use.places.take(use.door.counted_as(request, caller), "sse") as place:
        idle_seconds = use.heartbeat_seconds
        batches = await use.chat.follow(caller.user, id, after=after, idle_seconds=idle_seconds)
        if batches is None:
            return Response(status_code=204)
        batches = use.door.while_good(caller, batches)
        return EventStream(generation_frames(batches), place.keep())


async def _follow(request: Request) -> Response:
    # The framework says this of its own routes only.
    request.scope["route"] = ROUTE
    use = await services_of(request)
    given = request.path_params["id"]
    caller = await use.door.admit_to(GenerationId(given), request)
    id, cursor = _id(given), _cursor(_given(request))
    return await stream(request, use, caller, id, cursor)


def _id(given: str) -> GenerationId:
    if not _ID.fullmatch(given):
        raise Invalid("path.id: an id looks like gen_8DmPJ3GkR5cV1wXyZ2aBcD4")
    return GenerationId(given)


def _given(request: Request) -> str | None:
    return request.headers.get("last-event-id") or request.query_params.get("last_event_id")


def _cursor(given: str | None) -> int:
    if not given:
        return 0
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise BadCursor("A cursor is the `id` of the last event seen: a number such as 42.")
    return int(given)


def _parameter(
    name: str,
    place: str,
    description: str,
    schema: dict[str, Any] | None = None,
    *,
    required: bool = False,
) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": description,
        "schema": {"type": "string", **(schema or {"pattern": "^[0-9]{0,18}$"})},
    }


# Not one of the framework's own routes: to match all that stand before it, and to solve its
# dependencies, costs more than to send the 60 KB of a long answer again.
ROUTE = Route(PATH, _follow, methods=["GET"], name="follow")
ROUTE.methods = {"GET"}  # Not HEAD, which nothing else here answers either.

OPERATION: dict[str, Any] = {
    "tags": ["generations"],
    "description": "Follow a generation. Replays from the cursor, or the start, goes on live, and "
    "ends with it. A reader that leaves changes nothing, and comes back with the last `id` that it "
    "saw.",
    "operationId": "generations_follow",
    "parameters": [
        _parameter("id", "path", "", {"pattern": f"^{_ID.pattern}$"}, required=True),
        _parameter("last_event_id", "query", "The cursor of a first connection; the header wins."),
        _parameter("ticket", "query", "Instead of a key.", {"maxLength": 1024}),
        _parameter("Last-Event-ID", "header", "Send what follows this event."),
    ],
    "responses": {
        "200": GENERATION_STREAM,
        "204": {"description": "The cursor is at the end: there is nothing more to come."},
        **{
            str(status): response
            for status, response in documented(400, 404, 410, 422, 429, 503).items()
        },
    },
}
