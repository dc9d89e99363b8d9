"""The OpenAI dialect's routes: chat completions and models."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from llmchat.mock.answer import compose_rest
from llmchat.mock.behaviour import MODEL_NAMES, ModelName, UnusableModelError, explained
from llmchat.mock.conversation import Conversation
from llmchat.mock.exchange import Call, Exchange
from llmchat.mock.http1 import JSON
from llmchat.mock.openai_wire import ChatChunks, completion_json, error_json, to_json
from llmchat.mock.options import Options
from llmchat.mock.quirks import quirk_of
from llmchat.mock.streaming import generate, stream_answer, usage_of

TokenLimit = Annotated[int, Field(ge=1)]


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(Conversation):
    """What the mock heeds of a request; the ledger keeps the rest."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    logprobs: bool | None = None

    def token_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    def wants_usage(self, options: Options) -> bool:
        if options.usage != "asked":
            return options.usage == "on"
        if not self.stream:
            return True
        return self.stream_options is not None and self.stream_options.include_usage


async def chat_completions(call: Call) -> None:
    """POST /v1/chat/completions."""
    try:
        request = ChatRequest.model_validate_json(call.request.body)
        model, options = call.behaviour.for_model(request.model)
    except ValidationError as invalid:
        await send_error(call, 400, explained(invalid))
    except UnusableModelError as unusable:
        await send_error(call, unusable.status, str(unusable))
    else:
        if (refusal := refusal_of(call.record.body, options)) is not None:
            await send_error(call, 400, refusal)
            return
        await complete(call, request, model, options)


async def complete(call: Call, request: ChatRequest, model: ModelName, options: Options) -> None:
    with_usage = request.wants_usage(options)
    with_logprobs = bool(request.logprobs)
    wire = ChatChunks(
        request.model,
        quirk_of(options.fail),
        with_usage=with_usage,
        with_logprobs=with_logprobs,
    )
    exchange = Exchange(call, wire, options)
    answer = compose_rest(options, request.begun(), request.echo(model), request.token_limit())
    if request.stream:
        await stream_answer(exchange, answer, request.prompt_tokens())
    elif (pieces := await generate(exchange, answer)) is not None:
        usage = usage_of(exchange, answer, request.prompt_tokens()) if with_usage else None
        reason = answer.finish_reason()
        body = completion_json(request.model, pieces, reason, usage, with_logprobs=with_logprobs)
        await call.response.send_whole(200, JSON, to_json(body))


def refusal_of(body: dict[str, Any], options: Options) -> str | None:
    """Why the server that the options describe does not take this body."""
    for refused in filter(None, options.refuse_field.split(",")):
        field, _, value = refused.partition(":")
        if field in body and value in ("", body[field]):
            says = options.refuse_says or "Unrecognized request argument supplied: {}"
            return says.replace("{}", field)
    return None


async def models(call: Call) -> None:
    """GET /v1/models."""
    data = [
        {"id": name, "object": "model", "created": 0, "owned_by": "llmchat"} for name in MODEL_NAMES
    ]
    await call.response.send_whole(200, JSON, to_json({"object": "list", "data": data}))


async def send_error(call: Call, status: int, message: str | None = None) -> None:
    await call.response.send_whole(status, JSON, to_json(error_json(status, message)))
