"""The routes of OpenAI's responses: https://platform.openai.com/docs/api-reference/responses"""

from typing import Annotated

from fastapi import Query, Request, Response

from llmchat.web.auth import Guarded, Me
from llmchat.web.deps import Caller, Idempotency, Use
from llmchat.web.openai.documents import documented
from llmchat.web.openai.response_answers import retrieved, stored, unstored, whole
from llmchat.web.openai.response_bodies import NewResponse
from llmchat.web.openai.response_documents import STREAMED_RESPONSE
from llmchat.web.openai.response_input import items_of
from llmchat.web.openai.response_items import After, Limit, Order, in_order, page_of
from llmchat.web.openai.response_shapes import DeletedResponse, ItemList, OpenAIResponse
from llmchat.web.paths import PathId
from llmchat.web.routing import Router

router = Router(prefix="/v1/responses", tags=["openai"], route_class=Guarded)


@router.post(
    "",
    response_model=OpenAIResponse,
    responses={
        200: {"content": STREAMED_RESPONSE},
        **documented(400, 404, 409, 413, 415, 503, 504),
    },
)
async def respond(
    request: Request, body: NewResponse, use: Use, caller: Me, idempotency: Idempotency
) -> Response:
    """Create a response. As OpenAI's API: whole, or with `stream` as events. It is a turn in a
    conversation of this server. With `background` it goes on without you; otherwise leaving cancels
    it."""
    if not body.store:
        return await unstored(request, use, caller, body)
    return await stored(request, use, caller, body, idempotency)


@router.get(
    "/{id}",
    response_model=OpenAIResponse,
    responses={200: {"content": STREAMED_RESPONSE}, **documented(400, 404, 409, 503)},
)
async def retrieve(
    request: Request,
    id: PathId,
    use: Use,
    caller: Me,
    stream: Annotated[bool, Query(description="Send its events, from the first on.")] = False,
    starting_after: Annotated[
        int | None,
        Query(ge=0, le=2**53 - 1, description="Of its events, those behind this number."),
    ] = None,
) -> Response:
    """Retrieve a response. As it is now; or with `stream` its events again, and those to come."""
    if stream:
        return await retrieved(request, use, caller, id, starting_after)
    return whole(await use.responses.get(caller.user, id))


@router.delete("/{id}", responses=documented(400, 404, 503))
async def delete(id: PathId, use: Use, caller: Caller) -> DeletedResponse:
    """Delete a response. What it said stays in a conversation that holds more than responses which
    were deleted."""
    await use.responses.delete(caller, id)
    return DeletedResponse(id=id)


@router.post("/{id}/cancel", response_model=OpenAIResponse, responses=documented(400, 404, 503))
async def cancel(id: PathId, use: Use, caller: Caller) -> Response:
    """Cancel a response. What it has written stays; to cancel what has ended changes nothing."""
    return whole(await use.responses.cancel(caller, id))


@router.get("/{id}/input_items", responses=documented(400, 404, 503))
async def input_items(
    id: PathId,
    use: Use,
    caller: Caller,
    limit: Limit = 20,
    order: Order = "desc",
    after: After = None,
) -> ItemList:
    """List the input of a response. The items that came with its request."""
    messages = await use.responses.inputs(caller, id)
    items = [item for message in messages for item in items_of(message)]
    return page_of(in_order(items, order), limit=limit, after=after)
