"""Chat completions that are stored: any client of OpenAI's becomes persistent by one header."""

import time
from collections.abc import Sequence

import orjson
from fastapi import Request, Response

from llmchat.access.base import Principal
from llmchat.chat.service import Ask
from llmchat.domain import Params, Role, Status, Turn
from llmchat.errors import GenerationFailed, Invalid
from llmchat.ids import ConversationId
from llmchat.prompts import Asked, PromptMessage
from llmchat.store.drafts import IdempotencyKey, TurnDraft
from llmchat.web.deps import Services
from llmchat.web.openai.answering import frames_of, head_of
from llmchat.web.openai.chunks import Chunks
from llmchat.web.openai.completion import completion_json
from llmchat.web.openai.errors import MEDIA_TYPE
from llmchat.web.openai.requests import ChatRequest, Question
from llmchat.web.sse import EventStream


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
    new = await _new(use, caller, id, question)
    draft = TurnDraft(id, "", "", Params(), asked=Asked(new))
    ask = Ask(question.model, question.params, idempotency=idempotency)
    turn = await use.chat.begin(caller.user, draft, ask)
    answer = _streamed if body.stream else _whole
    response = await answer(request, use, caller, turn, body)
    response.headers["X-Conversation-Id"] = id
    response.headers["X-Generation-Id"] = turn.generation.id
    return response


async def _new(
    use: Services, caller: Principal, id: ConversationId, question: Question
) -> Sequence[PromptMessage]:
    """Of the messages, what the conversation has not: an empty one takes all of them, and what the
    system says as its prompt, unless it has its own. Raises Invalid."""
    conversation = await use.history.get(caller.user, id)
    said = [message for message in question.messages if message.role is not Role.SYSTEM]
    if not said or said[-1].role is Role.ASSISTANT:
        raise Invalid("With X-Conversation-Id, a `user` or `tool` message has to come last.")
    if (await use.history.messages(caller.user, id, limit=1)).items:
        return newest_of(said)
    system = [m.content for m in question.messages if m.role is Role.SYSTEM and m.content]
    if system and conversation.system_prompt is None:
        await use.history.update(caller.user, id, {"system_prompt": "\n\n".join(system)})
    return said


def newest_of(said: Sequence[PromptMessage]) -> Sequence[PromptMessage]:
    """What follows the last answer."""
    answers = [at for at, message in enumerate(said) if message.role is Role.ASSISTANT]
    return said[answers[-1] + 1 if answers else 0 :]


async def _streamed(
    request: Request, use: Services, caller: Principal, turn: Turn, body: ChatRequest
) -> Response:
    generation = turn.generation
    with use.places.take(use.door.counted_as(request, caller), "openai") as place:
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
    progress = await use.chat.progress(caller.user, turn.generation.id)
    generation = progress.generation
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
        logprobs=progress.logprobs,
    )
    return Response(orjson.dumps(completion), media_type=MEDIA_TYPE)
