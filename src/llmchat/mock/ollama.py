"""The Ollama dialect's routes: chat and the list of models."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from llmchat.mock.answer import compose_rest
from llmchat.mock.behaviour import MODEL_NAMES, ModelName, UnusableModelError, explained
from llmchat.mock.conversation import Conversation
from llmchat.mock.exchange import Call, Exchange
from llmchat.mock.http1 import JSON
from llmchat.mock.ollama_wire import LACKS, ChatLines, chat_json, error_json
from llmchat.mock.openai_wire import to_json
from llmchat.mock.options import Options
from llmchat.mock.streaming import generate, stream_answer, usage_of

NO_LIMIT = -1


class RunOptions(BaseModel):
    num_predict: int = NO_LIMIT


class ChatRequest(Conversation):
    """What the mock heeds of a request; the ledger keeps the rest."""

    stream: bool = True
    think: bool | str | None = None
    tools: Sequence[dict[str, Any]] = ()
    options: RunOptions = RunOptions()

    def token_limit(self) -> int | None:
        return self.options.num_predict if self.options.num_predict >= 0 else None

    def wants(self, ability: str) -> bool:
        # Some versions refuse even to be told not to think.
        return (ability == "thinking" and self.think is not None) or (
            ability == "tools" and bool(self.tools)
        )


async def chat(call: Call) -> None:
    """POST /api/chat."""
    try:
        request = ChatRequest.model_validate_json(call.request.body)
        model, options = call.behaviour.for_model(request.model)
    except ValidationError as invalid:
        await send_error(call, 400, explained(invalid))
    except UnusableModelError as unusable:
        await send_error(call, unusable.status, str(unusable))
    else:
        if options.fail in LACKS:
            await send_error(call, 400, f"fail: there is no {options.fail!r} in Ollama's dialect")
        elif request.wants(options.lacks):
            await send_error(call, 400, f"{request.model!r} does not support {options.lacks}")
        else:
            await complete(call, request, model, options)


async def complete(call: Call, request: ChatRequest, model: ModelName, options: Options) -> None:
    exchange = Exchange(call, ChatLines(request.model, options), options)
    answer = compose_rest(options, request.begun(), request.echo(model), request.token_limit())
    if request.stream:
        await stream_answer(exchange, answer, request.prompt_tokens())
    elif (pieces := await generate(exchange, answer)) is not None:
        usage = usage_of(exchange, answer, request.prompt_tokens())
        body = chat_json(request.model, pieces, answer.finish_reason(), usage, options)
        await call.response.send_whole(200, JSON, body)


async def tags(call: Call) -> None:
    """GET /api/tags."""
    more: dict[str, Any] = {"size": 0, "details": {}}
    listed = [{"name": name, "model": name, **more} for name in MODEL_NAMES]
    await call.response.send_whole(200, JSON, to_json({"models": listed}))


async def send_error(call: Call, status: int, message: str | None = None) -> None:
    await call.response.send_whole(status, JSON, error_json(status, message))
