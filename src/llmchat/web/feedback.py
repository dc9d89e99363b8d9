"""What a user thinks of an answer."""

from fastapi import Response

from llmchat.domain import Feedback
from llmchat.ids import MessageId
from llmchat.web import bodies
from llmchat.web.auth import Guarded
from llmchat.web.deps import Caller, Use
from llmchat.web.paths import PathId
from llmchat.web.problems import documented
from llmchat.web.routing import Router

router = Router(prefix="/api/messages", tags=["conversations"], route_class=Guarded)


@router.put(
    "/{id}/feedback",
    status_code=204,
    response_class=Response,
    responses=documented(400, 404, 413, 415, 422, 503),
)
async def rate(id: PathId, body: bodies.NewFeedback, use: Use, caller: Caller) -> None:
    """Rate an answer. Yours alone, in the place of what you said of it before. Every member of the
    conversation may."""
    await use.feedback.put(caller, MessageId(id), Feedback(body.rating, body.comment))


@router.delete(
    "/{id}/feedback", status_code=204, response_class=Response, responses=documented(404, 422, 503)
)
async def unrate(id: PathId, use: Use, caller: Caller) -> None:
    """Take a rating back. Yours; when there is none, nothing changes."""
    await use.feedback.remove(caller, MessageId(id))
