"""The routes of OpenAI's completions: https://platform.openai.com/docs/api-reference/chat"""

from typing import Annotated

from fastapi import Header, Path, Request, Response

from llmchat.domain import Model
from llmchat.errors import UnknownModel
from llmchat.ids import ConversationId
from llmchat.web.auth import Guarded, Me
from llmchat.web.deps import Caller, Idempotency, Use
from llmchat.web.openai.answering import CHAT, TEXT, answered
from llmchat.web.openai.documents import STREAMED, TEXT_STREAMED, documented
from llmchat.web.openai.keeping import kept
from llmchat.web.openai.requests import ChatRequest
from llmchat.web.openai.shapes import ChatCompletion, OpenAIModel, OpenAIModels, TextCompletion
from llmchat.web.openai.text_requests import TextRequest
from llmchat.web.routing import Router
from llmchat.wire.bounds import CleanText

router = Router(prefix="/v1", tags=["openai"], route_class=Guarded)

ConversationHeader = Annotated[
    str | None,
    Header(
        alias="X-Conversation-Id",
        pattern=r"^[0-9A-Za-z_-]+$",
        max_length=64,
        description="Store the newest messages, and the answer, in this conversation. The answer "
        "is then written to its end also when you leave.",
    ),
]
ModelPath = Annotated[
    CleanText,
    Path(
        min_length=1,
        max_length=256,
        description="`provider/name`.",
        openapi_examples={"demo/echo": {"value": "demo/echo"}},
    ),
]


@router.post(
    "/chat/completions",
    response_model=ChatCompletion,
    responses={
        200: {"content": STREAMED},
        **documented(400, 404, 409, 413, 415, 503, 504),
    },
)
async def complete(
    request: Request,
    body: ChatRequest,
    use: Use,
    caller: Me,
    idempotency: Idempotency,
    conversation: ConversationHeader = None,
) -> Response:
    """Complete a chat. As OpenAI's API: whole, or with `stream` as chunks. When you leave, the
    model's server is stopped; with `X-Conversation-Id` the answer is stored and goes on."""
    if conversation is not None:
        id = ConversationId(conversation)
        return await kept(request, use, caller, id, body, idempotency)
    return await answered(request, use, caller, body, CHAT)


@router.post(
    "/completions",
    response_model=TextCompletion,
    responses={
        200: {"content": TEXT_STREAMED},
        **documented(400, 404, 413, 415, 503, 504),
    },
)
async def complete_text(request: Request, body: TextRequest, use: Use, caller: Me) -> Response:
    """Complete a text. As OpenAI's older API: the prompt is put to the model as a user's message,
    and its answer is the text. For clients that know nothing newer."""
    return await answered(request, use, caller, body, TEXT)


@router.get("/models", responses=documented(503))
async def models(use: Use, caller: Caller) -> OpenAIModels:
    """List models. As OpenAI's API does."""
    return OpenAIModels(data=[_shown(model) for model in await use.models.available()])


@router.get("/models/{id:path}", responses=documented(400, 404, 503))
async def model(id: ModelPath, use: Use, caller: Caller) -> OpenAIModel:
    """Look at a model. Its id may have slashes."""
    for found in await use.models.available():
        if found.id == id:
            return _shown(found)
    raise UnknownModel(f"There is no model {id!r}. GET /v1/models lists those that there are.")


def _shown(model: Model) -> OpenAIModel:
    return OpenAIModel(id=model.id, owned_by=model.provider)
