"""Models, their health, and calls that answer when the whole answer is there."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Path, Request
from pydantic import ConfigDict, Field

from llmchat.chat.service import Ask
from llmchat.domain import OnBusy, Params, PromptMessage, Role, Status
from llmchat.errors import GenerationFailed
from llmchat.store.base import ConversationDraft
from llmchat.tasks import cancel
from llmchat.web import schemas
from llmchat.web.bounds import CleanText, ModelId, Text
from llmchat.web.deps import Caller, Idempotency, Use
from llmchat.web.problems import documented
from llmchat.web.schemas import Body, Message, Shape, UsageShape

router = APIRouter(prefix="/api/llm", tags=["models and plain calls"])
T = TypeVar("T")

_MOST_MESSAGES = 2000
_FAILURES = documented(400, 404, 409, 413, 415, 422, 503, 504)
SessionId = Annotated[CleanText, Field(min_length=1, max_length=128)]
SessionPath = Annotated[str, Path(min_length=1, max_length=128)]


class ModelShape(Shape):
    id: str
    provider: str
    available: bool
    context_window: int | None
    price: dict[str, Any] | None


class ModelList(Shape):
    items: list[ModelShape]
    default: str


class ProviderHealth(Shape):
    provider: str
    status: Literal["healthy", "degraded", "down"]
    latency_ms: float | None
    circuit: Literal["closed", "open", "half_open"]
    url: str
    model: str | None
    detail: str | None


class ModelsHealth(Shape):
    success: bool
    """Whether some provider answers."""
    providers: list[ProviderHealth]


class Generate(Body):
    prompt: Annotated[Text, Field(min_length=1)]
    model: ModelId | None = None
    params: schemas.Params | None = None
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "the quick brown fox", "model": "demo/echo"}]}
    )


class Generated(Shape):
    text: str
    model: str
    finish_reason: str | None
    usage: UsageShape | None


class ChatMessage(Body):
    role: Role
    content: Text


class Chat(Body):
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=_MOST_MESSAGES)]
    model: ModelId | None = None
    params: schemas.Params | None = None
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"messages": [{"role": "user", "content": "hello"}], "model": "demo/echo"}]
        }
    )


class Reply(Shape):
    role: Literal["assistant"] = "assistant"
    content: str
    reasoning: str


class Chatted(Shape):
    message: Reply
    model: str
    finish_reason: str | None
    usage: UsageShape | None


class SessionChat(Body):
    session_id: SessionId
    """Your own name for the conversation; it is created when it is new."""
    message: Annotated[Text, Field(min_length=1)]
    system_prompt: Text | None = None
    """Of the conversation; only its first message sets it."""
    model: ModelId | None = None
    params: schemas.Params | None = None
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"session_id": "fox-1", "message": "hello", "model": "demo/echo"}]
        }
    )


class SessionAnswer(Shape):
    success: Literal[True] = True
    session_id: str
    response: str
    message_id: str
    usage: UsageShape | None


class SessionHistory(Shape):
    success: Literal[True] = True
    session_id: str
    messages: list[Message]


@router.get("/models", responses=documented(503))
async def models(use: Use, caller: Caller) -> ModelList:
    """What the servers list now, and what answers when nothing else is asked for."""
    found = [ModelShape.model_validate(model) for model in await use.models.available()]
    return ModelList(items=found, default=await use.models.default())


@router.get("/health", responses=documented(503))
async def health(use: Use, caller: Caller) -> ModelsHealth:
    """Asks every provider now."""
    found = [ProviderHealth.model_validate(checked) for checked in await use.models.health()]
    return ModelsHealth(success=any(p.status != "down" for p in found), providers=found)


@router.post("/generate", responses=_FAILURES)
async def generate(request: Request, body: Generate, use: Use, caller: Caller) -> Generated:
    """A prompt in, a text out; nothing is stored."""
    messages = [PromptMessage(Role.USER, body.prompt)]
    work = use.chat.answer(messages, body.model, _params(body.params))
    answer = await _unless_gone(request, work)
    return Generated(
        text=answer.text,
        model=answer.model,
        finish_reason=answer.end.finish_reason,
        usage=schemas.usage_of(answer.end.usage),
    )


@router.post("/chat", responses=_FAILURES)
async def chat(request: Request, body: Chat, use: Use, caller: Caller) -> Chatted:
    """Messages in, the next one out; nothing is stored."""
    messages = [PromptMessage(message.role, message.content) for message in body.messages]
    work = use.chat.answer(messages, body.model, _params(body.params))
    answer = await _unless_gone(request, work)
    return Chatted(
        message=Reply(content=answer.text, reasoning=answer.reasoning),
        model=answer.model,
        finish_reason=answer.end.finish_reason,
        usage=schemas.usage_of(answer.end.usage),
    )


@router.post("/chat/session", responses=_FAILURES)
async def session_chat(
    body: SessionChat, use: Use, caller: Caller, idempotency: Idempotency
) -> SessionAnswer:
    """Send a message and wait for the whole answer. It is written to the end, and kept, even when
    you do not wait; a message sent meanwhile is answered after it."""
    draft = ConversationDraft(
        system_prompt=body.system_prompt, model=body.model, external_id=body.session_id
    )
    conversation = await use.history.open_session(caller, draft)
    ask = Ask(body.model, _params(body.params), OnBusy.QUEUE, idempotency)
    turn = await use.chat.send(caller, conversation.id, body.message, ask)
    reply = await use.chat.wait(caller, turn)
    if reply.error is not None and reply.status in (Status.FAILED, Status.INTERRUPTED):
        raise GenerationFailed(reply.error)
    return SessionAnswer(
        session_id=body.session_id,
        response=reply.content,
        message_id=reply.id,
        usage=schemas.usage_of(reply.usage),
    )


@router.get("/chat/session/{id}/history", responses=documented(404, 422, 503))
@router.get("/chat/session/{id}", responses=documented(404, 422, 503))
async def session_history(
    id: SessionPath, use: Use, caller: Caller, limit: Annotated[int, Field(ge=1, le=1000)] = 1000
) -> SessionHistory:
    """The messages of a session."""
    conversation = await use.history.session(caller, id)
    page = await use.history.messages(caller, conversation.id, limit=limit)
    found = [schemas.message_of(message) for message in page.items]
    return SessionHistory(session_id=id, messages=found)


@router.delete("/chat/session/{id}/history", status_code=204, responses=documented(404, 422, 503))
@router.delete("/chat/session/{id}", status_code=204, responses=documented(404, 422, 503))
async def clear_session(id: SessionPath, use: Use, caller: Caller) -> None:
    """Forget the messages of a session."""
    conversation = await use.history.session(caller, id)
    await use.history.clear(caller, conversation.id)


def _params(params: schemas.Params | None) -> Params:
    return params.to_domain() if params else Params()


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result, unless the caller leaves first: nobody else could ever read it, so the model's
    server is not kept busy with it."""
    working = asyncio.create_task(work, name="answer")
    leaving = asyncio.create_task(_left(request), name="disconnect")
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await cancel(working)
        return await working
    finally:
        await cancel(leaving)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
