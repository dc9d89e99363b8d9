"""Models, their health, and calls that store nothing and answer when the whole answer is there."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import ConfigDict, Field

from llmchat import domain
from llmchat.chat.templating import Call
from llmchat.domain import Role
from llmchat.prompts import PromptMessage
from llmchat.web import examples, schemas
from llmchat.web.auth import Guarded
from llmchat.web.chatting import ChatMessage, OpenAIToolCall, openai_calls
from llmchat.web.deps import Caller, Use
from llmchat.web.leaving import unless_gone
from llmchat.web.problems import documented
from llmchat.web.routing import Router
from llmchat.web.schemas import Shape
from llmchat.web.template_bodies import CallTemplate, use_of
from llmchat.wire.bounds import ModelId, Text
from llmchat.wire.params import Body, Params

router = Router(prefix="/api/llm", route_class=Guarded)

_MOST_MESSAGES = 2000
_FAILURES = documented(400, 413, 415, 422, 503, 504)


class Model(Shape):
    id: str
    """What a request names as its `model`."""
    provider: str
    available: bool
    context_window: int | None
    """How many tokens it can be sent, where its server says so."""
    price: dict[str, Any] | None


class ModelList(Shape):
    items: list[Model]
    default: str
    """What answers a request that names none."""


class ProviderHealth(Shape):
    provider: str
    status: Literal["healthy", "degraded", "down"]
    latency_ms: float | None
    """Of its list of models; null when it does not answer."""
    circuit: Literal["closed", "open", "half_open"]
    url: str
    model: str | None
    """One that it serves."""
    detail: str | None
    """What is wrong, when something is."""


class ModelsHealth(Shape):
    success: bool
    """Whether some provider answers."""
    providers: list[ProviderHealth]


class Generate(Body):
    prompt: Annotated[Text, Field(min_length=1)]
    model: ModelId | None = None
    """`provider/name`; when left out, the server's default."""
    params: Params | None = None
    template: CallTemplate | None = None
    """What the model is told first; its `model` and `params` are for what you leave out."""
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": "the quick brown fox", "model": "demo/echo"},
                {"prompt": "a long one", "model": "demo/story", "params": {"max_tokens": 5}},
            ]
        }
    )


class Generated(Shape):
    text: str
    model: str
    finish_reason: str | None
    usage: schemas.Usage | None


class Chat(Body):
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=_MOST_MESSAGES)]
    """The conversation so far, the oldest message first."""
    model: ModelId | None = None
    """`provider/name`; when left out, the server's default."""
    params: Params | None = None
    template: CallTemplate | None = None
    """What the model is told before the messages."""
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "messages": [
                        {"role": "system", "content": "Answer in one sentence."},
                        {"role": "user", "content": "hello"},
                    ],
                    "model": "demo/echo",
                },
                {"messages": examples.TOOL_MESSAGES, "model": "demo/echo"},
            ]
        }
    )


class Reply(Shape):
    role: Literal["assistant"] = "assistant"
    content: str
    reasoning: str
    """What a reasoning model thought; never part of the content."""
    tool_calls: list[OpenAIToolCall]
    """What it asks you to do: send it again with this message and a `tool` message for each."""


class Chatted(Shape):
    message: Reply
    model: str
    finish_reason: str | None
    usage: schemas.Usage | None


@router.get("/models", tags=["models"], responses=documented(503))
async def models(use: Use, caller: Caller) -> ModelList:
    """List models. What the configured servers themselves list, and the demo models."""
    found = [Model.model_validate(model) for model in await use.models.available()]
    return ModelList(items=found, default=await use.models.default())


@router.get("/health", tags=["models"], responses=documented(503))
async def health(use: Use, caller: Caller) -> ModelsHealth:
    """Check the models' servers. Each is asked now."""
    found = [ProviderHealth.model_validate(checked) for checked in await use.models.health()]
    return ModelsHealth(success=any(p.status != "down" for p in found), providers=found)


@router.post("/generate", tags=["plain calls"], responses=_FAILURES)
async def generate(request: Request, body: Generate, use: Use, caller: Caller) -> Generated:
    """Complete a prompt. A text in, a text out. When you leave, the model's server is stopped."""
    call = await _call(use, caller, body, [PromptMessage(Role.USER, body.prompt)])
    work = use.asking.answer(caller, call.messages, call.model, call.params)
    answer = await unless_gone(request, work)
    return Generated(
        text=answer.text,
        model=answer.model,
        finish_reason=answer.end.finish_reason,
        usage=schemas.usage_of(answer.end.usage),
    )


@router.post("/chat", tags=["plain calls"], responses=_FAILURES)
async def chat(request: Request, body: Chat, use: Use, caller: Caller) -> Chatted:
    """Answer messages. You keep the conversation: texts, images, and the calls and results of tools
    as in OpenAI's API. When you leave, the model's server is stopped."""
    call = await _call(use, caller, body, [message.to_domain() for message in body.messages])
    work = use.asking.answer(caller, call.messages, call.model, call.params)
    answer = await unless_gone(request, work)
    return Chatted(
        message=Reply(
            content=answer.text,
            reasoning=answer.reasoning,
            tool_calls=openai_calls(answer.tool_calls),
        ),
        model=answer.model,
        finish_reason=answer.end.finish_reason,
        usage=schemas.usage_of(answer.end.usage),
    )


async def _call(
    use: Use, caller: Caller, body: Generate | Chat, messages: Sequence[PromptMessage]
) -> Call:
    params = body.params.to_domain() if body.params else domain.Params()
    return await use.templating.call(
        caller, Call(messages, body.model, params), use_of(body.template)
    )
