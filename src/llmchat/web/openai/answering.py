"""From a question to its answer in this dialect: whole, or as a stream of chunks."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from llmchat.access.base import Principal
from llmchat.chat.asking import Answer, AnswerStream
from llmchat.events import Entry
from llmchat.ids import new_id
from llmchat.web.deps import Services
from llmchat.web.leaving import unless_gone
from llmchat.web.openai.chunks import Chunks
from llmchat.web.openai.completion import completion_json
from llmchat.web.openai.errors import MEDIA_TYPE
from llmchat.web.openai.frames import HEARTBEAT, Frames, Head
from llmchat.web.openai.requests import CompletionRequest
from llmchat.web.openai.text_chunks import TextChunks
from llmchat.web.openai.text_completion import text_completion_json
from llmchat.web.sse import EventStream

_PREFIX = "chatcmpl"


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a kind of completion is told: the beginning of its ids, a whole one, and the frames of a
    stream."""

    prefix: str
    whole: Callable[[Head, Answer], Mapping[str, Any]]
    frames: Callable[[Head, bool], Frames]


def _chat(head: Head, answer: Answer) -> Mapping[str, Any]:
    return completion_json(
        id=head.id,
        model=head.model,
        created=head.created,
        text=answer.text,
        reasoning=answer.reasoning,
        tool_calls=answer.tool_calls,
        finish_reason=answer.end.finish_reason,
        usage=answer.end.usage,
        logprobs=answer.logprobs,
    )


def _text(head: Head, answer: Answer) -> Mapping[str, Any]:
    return text_completion_json(
        id=head.id,
        model=head.model,
        created=head.created,
        text=answer.text,
        finish_reason=answer.end.finish_reason,
        usage=answer.end.usage,
    )


CHAT = Spelling(_PREFIX, _chat, lambda head, usage: Chunks(head, with_usage=usage))
TEXT = Spelling("cmpl", _text, lambda head, usage: TextChunks(head, with_usage=usage))


async def answered(
    request: Request, use: Services, caller: Principal, body: CompletionRequest, spelling: Spelling
) -> Response:
    """Whole or streamed, as the body says; in both cases a caller who leaves ends it."""
    write = _streamed if body.stream else _whole
    return await write(request, use, caller, body, spelling)


async def _whole(
    request: Request, use: Services, caller: Principal, body: CompletionRequest, spelling: Spelling
) -> Response:
    question = body.to_question()
    asking = use.asking.answer(caller.user, question.messages, question.model, question.params)
    answer = await unless_gone(request, asking)
    head = head_of(new_id(spelling.prefix), answer.model, spelling.prefix)
    completion = spelling.whole(head, answer)
    return Response(orjson.dumps(completion), media_type=MEDIA_TYPE)


async def _streamed(
    request: Request, use: Services, caller: Principal, body: CompletionRequest, spelling: Spelling
) -> Response:
    """Who leaves before its first token ends it, too."""
    question = body.to_question()
    with use.places.take(use.door.counted_as(request, caller), "openai") as place:
        asking = use.asking.stream(
            caller.user,
            question.messages,
            question.model,
            question.params,
            idle_seconds=use.heartbeat_seconds,
        )
        answer = await unless_gone(request, asking)
        head = head_of(new_id(spelling.prefix), answer.model, spelling.prefix)
        frames = spelling.frames(head, body.with_usage)
        batches = use.door.while_good(caller, answer.batches())
        return AnswerEvents(answer, frames_of(batches, frames), place.keep())


def head_of(id: str, model: str, prefix: str = _PREFIX) -> Head:
    """Of an answer that begins now, and whose id is that of what writes it."""
    return Head(f"{prefix}-{id.rpartition('_')[2]}", model, int(time.time()))


async def frames_of(
    batches: AsyncGenerator[Sequence[Entry], None], frames: Frames
) -> AsyncGenerator[bytes, None]:
    """The frames of a log; when they end before it does, the last one says so."""
    async with aclosing(batches):
        async for entries in batches:
            yield frames.frames(entries) or HEARTBEAT
            if frames.ended:
                return
    yield frames.broken_off()


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
