"""What a client may do over its socket: each frame becomes a call of the services."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from fastapi import Request

from llmchat.access.base import Principal, Scope
from llmchat.chat.service import Ask
from llmchat.domain import Note, OnBusy, Params, Status
from llmchat.errors import LlmchatError, NotFound, RateLimited
from llmchat.ids import ConversationId, GenerationId
from llmchat.tasks import TaskSet, cancel
from llmchat.web.deps import Services
from llmchat.web.socket import encoders, frames
from llmchat.web.socket.outbox import Outbox
from llmchat.web.socket.reading import CompanyReading, RoomReading, follow
from llmchat.web.watched import noted
from llmchat.wire.contents import parts_of, text_of

MOST_ROOMS = 32
MOST_FOLLOWED = 32
MOST_WAITING = 16
_RETRY_SECONDS = 5

Work = Callable[[], Awaitable[None]]


class Session:
    """One socket's caller: the rooms that they are in, what they follow, what they wait for."""

    def __init__(self, request: Request, use: Services, me: Principal, outbox: Outbox) -> None:
        self._request = request
        self._use = use
        self._me = me
        self._outbox = outbox
        self._rooms: dict[ConversationId, tuple[RoomReading, asyncio.Task[None]]] = {}
        self._followed: dict[GenerationId, tuple[ConversationId, asyncio.Task[None]]] = {}
        self._waiting = TaskSet()
        self._tasks = TaskSet()

    async def aclose(self) -> None:
        for id in list(self._rooms):
            await self._leave(id)
        await self._tasks.cancel_all()
        await self._waiting.cancel_all()

    async def take(self, frame: frames.Frame) -> None:
        """Raises LlmchatError for what is refused."""
        match frame:
            case frames.Ping():
                await self._answer("pong", frame.ref)
            case frames.JoinRoom():
                await self._join(ConversationId(frame.conversation_id), frame)
            case frames.LeaveRoom():
                await self._leave_room(ConversationId(frame.conversation_id), frame.ref)
            case frames.Typing():
                await self._type(frame)
            case frames.SendMessage():
                await self._send_message(frame)
            case frames.Resume():
                await self._resume(GenerationId(frame.generation_id), frame)
            case frames.Stop():
                await self._change()
                self._wait_for(partial(self._stop, frame), frame.ref)
            case frames.LlmRequest():
                self._wait_for(partial(self._ask, frame), frame.ref)

    async def _answer(self, type: str, ref: str | None, **members: object) -> None:
        await self._outbox.put(encoders.frame(type, ref, **members))

    async def _change(self) -> None:
        """One more request that changes something. Raises Forbidden, RateLimited."""
        self._me.require(Scope.CHAT)
        await self._use.door.count(self._request, self._me)

    async def _join(self, id: ConversationId, frame: frames.JoinRoom) -> None:
        if id not in self._rooms and len(self._rooms) >= MOST_ROOMS:
            raise _too_many(f"A socket is in {MOST_ROOMS} rooms at once.", MOST_ROOMS)
        idle_seconds = self._use.heartbeat_seconds
        sights = await self._use.rooms.enter(self._me.user, id, idle_seconds=idle_seconds)
        await self._leave(id)
        kind = RoomReading if frame.follow else CompanyReading
        room = kind(id, sights, self._outbox, self._use.rooms.company, self._unfollow_all)
        try:
            await room.begin(frame.ref)
        except BaseException:
            await room.leave()
            raise
        self._rooms[id] = room, self._tasks.start(self._go_on(id, room), name=f"room {id}")

    async def _go_on(self, id: ConversationId, room: RoomReading) -> None:
        try:
            await room.go_on()
        except LlmchatError as error:
            await self._outbox.put(encoders.error(error.problem(), None))
            await self._answer("left", None, conversation_id=id, reason="error")
        self._rooms.pop(id, None)

    async def _leave_room(self, id: ConversationId, ref: str | None) -> None:
        if not await self._leave(id):
            raise NotFound(f"You are not in the room {id}.")
        await self._answer("left", ref, conversation_id=id, reason="asked")

    async def _leave(self, id: ConversationId) -> bool:
        found = self._rooms.pop(id, None)
        if found is None:
            return False
        room, reading = found
        await cancel(reading)
        await room.leave()
        return True

    async def _type(self, frame: frames.Typing) -> None:
        self._me.require(Scope.CHAT)
        id = ConversationId(frame.conversation_id)
        await self._use.rooms.type(self._me.user, id, typing=frame.typing)
        if frame.ref is not None:
            user, typing = self._me.user, frame.typing
            await self._answer("typing", frame.ref, conversation_id=id, user=user, typing=typing)

    async def _send_message(self, frame: frames.SendMessage) -> None:
        id = ConversationId(frame.conversation_id)
        told = {"conversation_id": id}
        await self._answer("message_status", frame.ref, **told, status="sending")
        try:
            await self._change()
            said = await self._use.speaking.say(
                self._me.user,
                id,
                text_of(frame.content),
                _ask_of(frame, frame.on_busy),
                parts=parts_of(frame.content),
            )
        except LlmchatError as error:
            noted(self._use.onlooker, error)
            await self._outbox.put(encoders.message_error(id, error.problem(), frame.ref))
            return
        generation_id = None if isinstance(said, Note) else said.generation.id
        delivered = {"message_id": said.message.id, "generation_id": generation_id}
        await self._answer("message_status", frame.ref, **told, status="delivered", **delivered)

    async def _stop(self, frame: frames.Stop) -> None:
        found = await self._use.chat.stop(self._me.user, GenerationId(frame.generation_id))
        await self._answer(
            "stopped",
            frame.ref,
            generation_id=frame.generation_id,
            status=found.generation.status,
            last_event_id=found.last_event_id,
        )

    async def _resume(self, id: GenerationId, frame: frames.Resume) -> None:
        if id not in self._followed and len(self._followed) >= MOST_FOLLOWED:
            raise _too_many(f"A socket resumes {MOST_FOLLOWED} generations.", MOST_FOLLOWED)
        idle_seconds = self._use.heartbeat_seconds
        user, after = self._me.user, frame.after
        conversation = (await self._use.chat.progress(user, id)).generation.conversation_id
        batches = await self._use.chat.follow(user, id, after=after, idle_seconds=idle_seconds)
        if conversation in self._rooms:
            self._rooms[conversation][0].silence(id)
        await self._unfollow(id)
        told = {"conversation_id": conversation, "generation_id": id, "after": after}
        await self._answer("resumed", frame.ref, **told, ended=batches is None)
        if batches is not None:
            following = partial(follow, self._outbox, conversation, id, batches)
            task = self._tasks.start(self._told(following, None), name=f"resumed {id}")
            self._followed[id] = conversation, task
            task.add_done_callback(lambda done: self._forget(id, done))

    async def _unfollow(self, id: GenerationId) -> None:
        if (found := self._followed.pop(id, None)) is not None:
            await cancel(found[1])

    async def _unfollow_all(self, conversation: ConversationId) -> None:
        for id, (room, _) in list(self._followed.items()):
            if room == conversation:
                await self._unfollow(id)

    def _forget(self, id: GenerationId, done: "asyncio.Task[None]") -> None:
        if self._followed.get(id, (None, None))[1] is done:
            del self._followed[id]

    def _wait_for(self, work: Work, ref: str | None) -> None:
        if len(self._waiting) >= MOST_WAITING:
            raise _too_many(f"A socket waits for {MOST_WAITING} answers at once.", MOST_WAITING)
        self._waiting.spawn(self._told(work, ref), name="socket request")

    async def _told(self, work: Work, ref: str | None) -> None:
        try:
            await work()
        except LlmchatError as error:
            noted(self._use.onlooker, error)
            await self._outbox.put(encoders.error(error.problem(), ref))

    async def _ask(self, frame: frames.LlmRequest) -> None:
        try:
            await self._change()
            await self._answered(frame)
        except LlmchatError as error:
            noted(self._use.onlooker, error)
            at = datetime.now(UTC)
            told = encoders.llm_error(frame.conversation_id, error.problem(), at, frame.ref)
            await self._outbox.put(told)

    async def _answered(self, frame: frames.LlmRequest) -> None:
        use, user = self._use, self._me.user
        if frame.conversation_id is None:
            params = frame.params.to_domain() if frame.params else Params()
            answer = await use.asking.answer(user, frame.as_messages(), frame.model, params)
            text = answer.text
            await self._answer(
                "llm_response", frame.ref, success=True, conversation_id=None, response=text
            )
            return
        id = ConversationId(frame.conversation_id)
        ask = _ask_of(frame, OnBusy.QUEUE)
        content, parts = text_of(frame.asked), parts_of(frame.asked)
        turn = await use.chat.send(user, id, content, ask, parts=parts)
        reply = await use.chat.wait(user, turn)
        told: dict[str, object] = {
            "conversation_id": id,
            "response": reply.content,
            "message_id": reply.id,
        }
        if reply.error is not None and reply.status in (Status.FAILED, Status.INTERRUPTED):
            told |= {"error": reply.error.detail, "problem": reply.error.as_json()}
        await self._answer("llm_response", frame.ref, success="error" not in told, **told)


def _ask_of(frame: frames.SendMessage | frames.LlmRequest, on_busy: OnBusy) -> Ask:
    params = frame.params.to_domain() if frame.params else Params()
    return Ask(frame.model, params, on_busy, frames.key_of(frame))


def _too_many(what: str, limit: int) -> RateLimited:
    return RateLimited(
        what, limit=limit, remaining=0, retry_after_seconds=_RETRY_SECONDS, kind="frames"
    )
