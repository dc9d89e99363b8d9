"""Chat completions that are stored: any client of OpenAI's becomes persistent by one header."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from fastapi import Request, Response

from llmchat.access.base import Principal
from llmchat.chat.service import Ask
from llmchat.domain import Part, PromptMessage, Role, Status, ToolResult, Turn
from llmchat.errors import GenerationFailed, Invalid
from llmchat.ids import ConversationId
from llmchat.store.base import IdempotencyKey
from llmchat.web.deps import Services
from llmchat.web.openai.answering import frames_of, head_of
from llmchat.web.openai.chunks import Chunks
from llmchat.web.openai.completion import completion_json
from llmchat.web.openai.errors import MEDIA_TYPE
from llmchat.web.openai.requests import ChatRequest, Question
from llmchat.web.sse import EventStream


@dataclass(frozen=True, slots=True)
class Newest:
    """What of a list of messages is new: a question, or results in its place."""

    content: str
    parts: Sequence[Part]
    results: Sequence[ToolResult]


async def kept(
    request: Request,
    use: Services,
    caller: Principal,
    id: ConversationId,
    body: ChatRequest,
    idempotency: IdempotencyKey | None,
) -> Response:
    """Stores the newest messages in the conversation, and answers. Whoever leaves changes nothing:
    the answer is written to its end."""
    question = body.to_question()
    newest = newest_of(question.messages)
    await _begin(use, caller, id, question)
    turn = await use.chat.send(
        caller.user,
        id,
        newest.content,
        Ask(question.model, question.params, idempotency=idempotency),
        parts=newest.parts,
        tool_results=newest.results,
    )
    answer = _streamed if body.stream else _whole
    response = await answer(request, use, caller, turn, body)
    response.headers["X-Conversation-Id"] = id
    response.headers["X-Generation-Id"] = turn.generation.id
    return response


def newest_of(messages: Sequence[PromptMessage]) -> Newest:
    """What follows the last answer in the list: the conversation has the rest. Raises Invalid."""
    answers = [at for at, message in enumerate(messages) if message.role is Role.ASSISTANT]
    new = messages[answers[-1] + 1 if answers else 0 :]
    asked = [message for message in new if message.role is Role.USER]
    told = [message for message in new if message.role is Role.TOOL]
    if not asked and not told:
        raise Invalid("With X-Conversation-Id, a `user` or `tool` message has to come last.")
    if asked and told:
        raise Invalid(
            "With X-Conversation-Id, the results of tools are sent first, and what the user says "
            "next when they were answered."
        )
    pieces = [part for message in asked for part in message.parts or (message.content,)]
    images = any(message.parts for message in asked)
    return Newest(
        content="\n\n".join(message.content for message in asked),
        parts=pieces if images else (),
        results=[ToolResult(message.tool_call_id or "", message.content) for message in told],
    )


async def _begin(use: Services, caller: Principal, id: ConversationId, question: Question) -> None:
    """A conversation that is empty takes the client's system prompt, unless it has its own."""
    if (await use.history.messages(caller.user, id, limit=1)).items:
        return
    if any(message.role is Role.ASSISTANT for message in question.messages):
        raise Invalid(
            "The conversation of X-Conversation-Id is empty, and these go on with another: "
            "only what follows the last answer would be kept. Begin it with a question."
        )
    system = [m.content for m in question.messages if m.role is Role.SYSTEM and m.content]
    if system and (await use.history.get(caller.user, id)).system_prompt is None:
        await use.history.update(caller.user, id, {"system_prompt": "\n\n".join(system)})


async def _streamed(
    request: Request, use: Services, caller: Principal, turn: Turn, body: ChatRequest
) -> Response:
    generation = turn.generation
    with use.places.take(use.door.counted_as(request, caller)) as place:
        batches = await use.chat.follow(
            caller.user, generation.id, after=0, idle_seconds=use.heartbeat_seconds
        )
        assert batches is not None
        batches = use.door.while_good(caller, batches)
        chunks = Chunks(head_of(generation.id, generation.model), with_usage=body.with_usage)
        return EventStream(frames_of(batches, chunks), place.keep())


async def _whole(
    request: Request, use: Services, caller: Principal, turn: Turn, body: ChatRequest
) -> Response:
    reply = await use.chat.wait(caller.user, turn)
    if reply.error is not None and reply.status in (Status.FAILED, Status.INTERRUPTED):
        raise GenerationFailed(reply.error)
    generation = (await use.chat.progress(caller.user, turn.generation.id)).generation
    head = head_of(generation.id, reply.model or generation.model)
    completion = completion_json(
        id=head.id,
        model=head.model,
        created=int(time.time()),
        text=reply.content,
        reasoning=reply.reasoning,
        tool_calls=reply.tool_calls,
        finish_reason=generation.finish_reason,
        usage=reply.usage,
    )
    return Response(orjson.dumps(completion), media_type=MEDIA_TYPE)
