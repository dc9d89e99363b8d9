"""The Anthropic dialect's route: messages. Its list of models is the OpenAI dialect's, and fits."""

from typing import Annotated

from pydantic import Field, ValidationError

from llmchat.mock.answer import compose_rest
from llmchat.mock.anthropic_wire import LACKS, MessageEvents, error_json, message_json
from llmchat.mock.behaviour import ModelName, UnusableModelError, explained
from llmchat.mock.conversation import Conversation
from llmchat.mock.exchange import Call, Exchange
from llmchat.mock.http1 import JSON
from llmchat.mock.openai_wire import to_json
from llmchat.mock.options import Options
from llmchat.mock.streaming import generate, stream_answer, usage_of


class MessageRequest(Conversation):
    """What the mock heeds of a request; the ledger keeps the rest."""

    max_tokens: Annotated[int, Field(ge=1)]
    stream: bool = False

    def complaint(self) -> str | None:
        """What the real one would not take, either."""
        roles = {message.role for message in self.messages}
        if not roles <= {"user", "assistant"}:
            return 'messages: the role has to be "user" or "assistant"'
        if any(not message.content for message in self.messages):
            return "messages: text content blocks must be non-empty"
        if self.begun() != self.begun().rstrip():
            return "messages: final assistant content cannot end with trailing whitespace"
        return None


async def messages(call: Call) -> None:
    """POST /v1/messages."""
    if "anthropic-version" not in call.request.headers:
        await send_error(call, 400, "anthropic-version: header is required")
        return
    try:
        request = MessageRequest.model_validate_json(call.request.body)
        model, options = call.behaviour.for_model(request.model)
    except ValidationError as invalid:
        await send_error(call, 400, explained(invalid))
    except UnusableModelError as unusable:
        await send_error(call, unusable.status, str(unusable))
    else:
        complaint = request.complaint()
        if options.fail in LACKS:
            complaint = f"fail: there is no {options.fail!r} in Anthropic's dialect"
        if complaint is not None:
            await send_error(call, 400, complaint)
        else:
            await complete(call, request, model, options)


async def complete(call: Call, request: MessageRequest, model: ModelName, options: Options) -> None:
    prompt_tokens = request.prompt_tokens()
    exchange = Exchange(call, MessageEvents(request.model, options, prompt_tokens), options)
    answer = compose_rest(options, request.begun(), request.echo(model), request.max_tokens)
    if request.stream:
        await stream_answer(exchange, answer, prompt_tokens)
    elif (pieces := await generate(exchange, answer)) is not None:
        usage = usage_of(exchange, answer, prompt_tokens)
        body = message_json(request.model, pieces, answer.finish_reason(), usage)
        await call.response.send_whole(200, JSON, to_json(body))


async def send_error(call: Call, status: int, message: str | None = None) -> None:
    await call.response.send_whole(status, JSON, error_json(status, message))
