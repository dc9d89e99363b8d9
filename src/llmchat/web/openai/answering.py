"""From a question to its answer in this dialect: whole, or as a stream of chunks."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import orjson
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from llmchat.access.base import Principal
from llmchat.chat.asking import AnswerStream
from llmchat.events import Entry
from llmchat.ids import new_id
from llmchat.web.deps import Services
from llmchat.web.leaving import unless_gone
from llmchat.web.openai.chunks import HEARTBEAT, Chunks, Head
from llmchat.web.openai.completion import completion_json
from llmchat.web.openai.errors import MEDIA_TYPE
from llmchat.web.openai.requests import ChatRequest
from llmchat.web.sse import EventStream

_PREFIX = "chatcmpl"


async def whole(request: Request, use: Services, caller: Principal, body: ChatRequest) -> Response:
    """The answer when it is there; a caller who leaves before ends it."""
    question = body.to_question()
    asking = use.asking.answer(caller.user, question.messages, question.model, question.params)
    answer = await unless_gone(request, asking)
    completion = completion_json(
        id=new_id(_PREFIX).replace("_", "-"),
        model=answer.model,
        created=int(time.time()),
        text=answer.text,
        reasoning=answer.reasoning,
        tool_calls=answer.tool_calls,
        finish_reason=answer.end.finish_reason,
        usage=answer.end.usage,
        logprobs=answer.logprobs,
    )
    return Response(orjson.dumps(completion), media_type=MEDIA_TYPE)


async def streamed(
    request: Request, use: Services, caller: Principal, body: ChatRequest
) -> Response:
    """The answer as it is written; a caller who leaves ends it, also before its first token."""
    question = body.to_question()
    with use.places.take(use.door.counted_as(request, caller)) as place:
        asking = use.asking.stream(
            caller.user,
            question.messages,
            question.model,
            question.params,
            idle_seconds=use.heartbeat_seconds,
        )
        answer = await unless_gone(request, asking)
        chunks = Chunks(head_of(new_id(_PREFIX), answer.model), with_usage=body.with_usage)
        batches = use.door.while_good(caller, answer.batches())
        return AnswerEvents(answer, frames_of(batches, chunks), place.keep())


def head_of(id: str, model: str) -> Head:
    """Of an answer that begins now, and whose id is that of what writes it."""
    return Head(f"{_PREFIX}-{id.rpartition('_')[2]}", model, int(time.time()))


async def frames_of(
    batches: AsyncGenerator[Sequence[Entry], None], chunks: Chunks
) -> AsyncGenerator[bytes, None]:
    """The frames of a log; when they end before it does, the last one says so."""
    async with aclosing(batches):
        async for entries in batches:
            yield chunks.frames(entries) or HEARTBEAT
            if chunks.ended:
                return
    yield chunks.broken_off()


class AnswerEvents(EventStream):
    """The stream of an answer that is for its reader alone."""

    def __init__(
        self, answer: AnswerStream, frames: AsyncGenerator[bytes, None], over: Callable[[], None]
    ) -> None:
        super().__init__(frames, over)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # Whoever left before the first frame was asked for has begun no generator above it.
            await self._answer.aclose()
