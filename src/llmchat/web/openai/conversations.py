"""The routes of OpenAI's conversations, which are those of this server:
https://platform.openai.com/docs/api-reference/conversations"""

from typing import Annotated

from fastapi import Path, Response
from fastapi.responses import JSONResponse

from llmchat.domain import Conversation
from llmchat.ids import ConversationId
from llmchat.store.drafts import ConversationDraft
from llmchat.web.auth import Guarded
from llmchat.web.deps import Caller, Use
from llmchat.web.openai.documents import documented
from llmchat.web.openai.response_bodies import (
    NewOpenAIConversation,
    NewOpenAIItems,
    OpenAIConversationChange,
)
from llmchat.web.openai.response_input import item_of, items_of, message_of_item, messages_of
from llmchat.web.openai.response_items import After, Limit, Order, conversation_page, page_of
from llmchat.web.openai.response_object import Json, seconds
from llmchat.web.openai.response_shapes import (
    DeletedConversation,
    ItemList,
    OpenAIConversation,
    OpenAIItem,
)
from llmchat.web.paths import PathId
from llmchat.web.routing import Router

router = Router(prefix="/v1/conversations", tags=["openai"], route_class=Guarded)

ItemPath = Annotated[
    str,
    Path(pattern=r"^[0-9A-Za-z_-]+$", max_length=80, description="The `id` of an item."),
]


@router.post("", responses=documented(400, 413, 415, 503))
async def create_conversation(
    body: NewOpenAIConversation, use: Use, caller: Caller
) -> OpenAIConversation:
    """Create a conversation. It may begin with items."""
    draft = ConversationDraft(metadata=body.metadata or {})
    conversation = await use.history.create(caller, draft)
    if messages := messages_of(body.items or []):
        await use.items.append(caller, conversation.id, messages)
    return _shown(conversation)


@router.get("/{id}", responses=documented(400, 404, 503))
async def retrieve_conversation(id: PathId, use: Use, caller: Caller) -> OpenAIConversation:
    """Look at a conversation. Any of this server's, wherever it was begun."""
    return _shown(await use.history.get(caller, ConversationId(id)))


@router.post("/{id}", responses=documented(400, 404, 413, 415, 503))
async def update_conversation(
    id: PathId, body: OpenAIConversationChange, use: Use, caller: Caller
) -> OpenAIConversation:
    """Change a conversation. Its metadata, all of it."""
    changes = {"metadata": body.metadata}
    return _shown(await use.history.update(caller, ConversationId(id), changes))


@router.delete("/{id}", responses=documented(400, 404, 503))
async def delete_conversation(id: PathId, use: Use, caller: Caller) -> DeletedConversation:
    """Delete a conversation. With all that was said in it; what is being written stops."""
    await use.history.delete(caller, ConversationId(id))
    return DeletedConversation(id=id)


@router.get("/{id}/items", responses=documented(400, 404, 503))
async def list_items(
    id: PathId,
    use: Use,
    caller: Caller,
    limit: Limit = 20,
    order: Order = "desc",
    after: After = None,
) -> ItemList:
    """List the items of a conversation. Those of its active branch."""
    return await conversation_page(
        use, caller, ConversationId(id), limit=limit, order=order, after=after
    )


@router.post("/{id}/items", responses=documented(400, 404, 409, 413, 415, 503))
async def add_items(id: PathId, body: NewOpenAIItems, use: Use, caller: Caller) -> ItemList:
    """Add items to a conversation. Nothing answers them; the next response sees them."""
    added = await use.items.append(caller, ConversationId(id), messages_of(body.items))
    items: list[Json] = [item for message in added for item in items_of(message)]
    return page_of(items, limit=len(items))


@router.get("/{id}/items/{item_id}", response_model=OpenAIItem, responses=documented(400, 404, 503))
async def retrieve_item(id: PathId, item_id: ItemPath, use: Use, caller: Caller) -> Response:
    """Look at an item of a conversation. A message, reasoning, a call or what came of it."""
    message_id, _, _ = message_of_item(item_id)
    message = await use.items.message(caller, ConversationId(id), message_id)
    return JSONResponse(item_of(message, item_id))


@router.delete("/{id}/items/{item_id}", responses=documented(400, 404, 409, 503))
async def delete_item(
    id: PathId, item_id: ItemPath, use: Use, caller: Caller
) -> OpenAIConversation:
    """Delete an item of a conversation. What was said behind it stays."""
    message_id, piece, place = message_of_item(item_id)
    await use.items.remove(caller, ConversationId(id), message_id, piece, place)
    return _shown(await use.history.get(caller, ConversationId(id)))


def _shown(conversation: Conversation) -> OpenAIConversation:
    return OpenAIConversation(
        id=conversation.id,
        created_at=seconds(conversation.created_at),
        metadata=dict(conversation.metadata),
    )
