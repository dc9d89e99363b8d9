"""Conversations by a caller's own name, and a call that waits for the whole answer."""

from typing import Annotated, Literal

from fastapi import Path, Query, Request, Response
from pydantic import ConfigDict, Field
from starlette.convertors import Convertor, register_url_convertor

from llmchat import domain
from llmchat.access.base import Action
from llmchat.chat.service import Ask
from llmchat.domain import OnBusy, Status
from llmchat.errors import GenerationFailed
from llmchat.store.drafts import ConversationDraft
from llmchat.web import schemas
from llmchat.web.audit import noting
from llmchat.web.auth import Guarded
from llmchat.web.deps import Caller, Idempotency, Use
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape
from llmchat.web.template_bodies import TemplateUse, use_of
from llmchat.wire.bounds import CleanText, ModelId, SessionId, Text
from llmchat.wire.params import Body, Params


class _AnyName(Convertor[str]):
    """A caller's own name in a path: with slashes and line ends, unlike the framework's `path`."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("name", _AnyName())
router = Router(prefix="/api/llm/chat/session", tags=["sessions"], route_class=Guarded)

SessionPath = Annotated[
    CleanText,
    Path(
        min_length=1,
        max_length=128,
        description="Your own name for it.",
        openapi_examples={"fox-1": {"value": "fox-1"}},
    ),
]
MessageLimit = Annotated[
    int, Query(ge=1, le=1000, description="The most messages, the oldest first.")
]
_FAILURES = documented(404, 422, 503)


class SessionChat(Body):
    session_id: SessionId
    """Your own name for the conversation; it is created when it is new."""
    message: Annotated[Text, Field(min_length=1)]
    system_prompt: Text | None = None
    """Of the conversation; only its first message sets it."""
    template: TemplateUse | None = None
    """Begin with a template of the server's, instead of a `system_prompt`; a session that is there
    already goes on as it began."""
    model: ModelId | None = None
    """`provider/name`; when left out, the conversation's, then the server's default."""
    params: Params | None = None
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"session_id": "fox-1", "message": "the quick brown fox", "model": "demo/echo"},
                {
                    "session_id": "fox-2",
                    "message": "hello",
                    "system_prompt": "Answer in one sentence.",
                    "model": "demo/story",
                    "params": {"extra": {"tokens": 20, "tokens_per_second": 0}},
                },
            ]
        }
    )


class SessionAnswer(Shape):
    success: Literal[True] = True
    session_id: str
    response: str
    message_id: str
    usage: schemas.Usage | None


class SessionHistory(Shape):
    success: Literal[True] = True
    session_id: str
    messages: list[schemas.Message]


@router.post("", responses=documented(400, 404, 410, 413, 415, 422, 503, 504))
async def chat(
    body: SessionChat, use: Use, caller: Caller, idempotency: Idempotency
) -> SessionAnswer:
    """Send a message and wait. The answer is written to its end, and kept, even when you do not
    wait; a message that is sent meanwhile is answered after it."""
    if body.model is not None:
        # Or a call that is refused leaves an empty session behind.
        use.models.resolve(body.model)
    draft = ConversationDraft(
        system_prompt=body.system_prompt, model=body.model, external_id=body.session_id
    )
    conversation = await use.templating.open_session(caller, draft, use_of(body.template))
    params = body.params.to_domain() if body.params else domain.Params()
    ask = Ask(body.model, params, OnBusy.QUEUE, idempotency)
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


# The longer path has to come first, or it is taken for a name; decorators begin from below.
@router.get("/{id:name}", responses=_FAILURES, operation_id="sessions_history_short")
@router.get("/{id:name}/history", responses=_FAILURES)
async def history(
    id: SessionPath, use: Use, caller: Caller, limit: MessageLimit = 1000
) -> SessionHistory:
    """Read a session. Its messages, the oldest first."""
    conversation = await use.history.session(caller, id)
    page = await use.history.messages(caller, conversation.id, limit=limit)
    found = [schemas.message_of(message) for message in page.items]
    return SessionHistory(session_id=id, messages=found)


@router.delete(
    "/{id:name}",
    status_code=204,
    response_class=Response,
    responses=_FAILURES,
    operation_id="sessions_clear_short",
)
@router.delete("/{id:name}/history", status_code=204, response_class=Response, responses=_FAILURES)
async def clear(request: Request, id: SessionPath, use: Use, caller: Caller) -> None:
    """Clear a session. Its messages go, its name and system prompt stay."""
    conversation = await use.history.session(caller, id)
    async with noting(request, Action.CONVERSATION_CLEAR, conversation.id):
        await use.history.clear(caller, conversation.id)
