"""A service in this process as a Service: what the routes do, without their requests."""

import hashlib
import json
import re
from asyncio import Event
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import fields as fields_of
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from llmchat.chat import feed, watching
from llmchat.chat.service import Progress
from llmchat.conversing.base import Catalogue, Fields, Said, Standing
from llmchat.conversing.details import Details
from llmchat.conversing.happenings import (
    AnswerEvent,
    ConversationChanged,
    ConversationDeleted,
    Happening,
    LiveAnswer,
    MessageAdded,
    Snapshot,
    TypingChanged,
)
from llmchat.domain import Conversation, Generation, Message, MessageOrder, Note, Page, Turn, Wanted
from llmchat.errors import Invalid, ShuttingDown, Unavailable
from llmchat.events import Delta, Entry, is_terminal
from llmchat.ids import ConversationId, GenerationId, MessageId, OwnerId
from llmchat.store.drafts import IdempotencyKey
from llmchat.web import bodies
from llmchat.web.deps import Services
from llmchat.web.new_conversation import NewConversation
from llmchat.web.template_bodies import use_of
from llmchat.wire.bounds import USER
from llmchat.wire.contents import parts_of, text_of
from llmchat.wire.params import Body

B = TypeVar("B", bound=Body)

_LISTED = 100
_IDLE_SECONDS = 60.0
_MOST_ERRORS = 20
_DETAILS = [field.name for field in fields_of(Details)]


class InProcessService:
    """A Service for one owner. What is given to it is checked as the body of a request is. `over`
    is set when the service is closed: the parts of one would open their files again."""

    def __init__(self, services: Services, owner: OwnerId, over: Event) -> None:
        self._services = services
        self._owner = owner
        self._over = over

    @property
    def _use(self) -> Services:
        if self._over.is_set():
            raise Unavailable("The chat is closed: what is inside of its `async with` can use it.")
        return self._services

    async def create(self, fields: Fields) -> Details:
        body = _checked(NewConversation, fields)
        template = use_of(body.template)
        return _details(await self._use.templating.begin(self._owner, body.to_draft(), template))

    async def get(self, id: ConversationId) -> Details:
        return _details(await self._use.history.get(self._owner, id))

    async def list(self, wanted: Wanted, *, cursor: str | None) -> Page[Details]:
        page = await self._use.history.list(self._owner, wanted, limit=_LISTED, cursor=cursor)
        return Page([_details(found) for found in page.items], page.next_cursor)

    async def change(self, id: ConversationId, fields: Fields) -> Details:
        changes = _checked(bodies.ConversationChange, fields).to_changes()
        return _details(await self._use.history.update(self._owner, id, changes))

    async def delete(self, id: ConversationId) -> None:
        await self._use.history.delete(self._owner, id)

    async def clear(self, id: ConversationId) -> None:
        await self._use.history.clear(self._owner, id)

    async def messages(
        self,
        id: ConversationId,
        *,
        leaf: MessageId | None,
        order: MessageOrder,
        limit: int,
        cursor: str | None,
    ) -> Page[Message]:
        return await self._use.history.messages(
            self._owner, id, limit=limit, cursor=cursor, leaf=leaf, order=order
        )

    async def live(self, id: ConversationId) -> Sequence[GenerationId]:
        return [generation.id for generation in await self._use.history.live(self._owner, id)]

    async def say(self, id: ConversationId, fields: Fields, *, key: str) -> Said:
        body = _checked(bodies.NewMessage, fields)
        content = body.content or ""
        said = await self._use.speaking.say(
            self._owner,
            id,
            text_of(content),
            body.to_ask(_once(key, "say", id, fields)),
            parts=parts_of(content),
            tool_results=body.results,
            parent_id=body.parent,
        )
        return Said(said.message, None) if isinstance(said, Note) else _said(said)

    async def regenerate(self, id: MessageId, fields: Fields, *, key: str) -> Said:
        ask = _checked(bodies.Regenerate, fields).to_ask(_once(key, "regenerate", id, fields))
        return _said(await self._use.chat.regenerate(self._owner, id, ask))

    async def go_on(self, id: MessageId, fields: Fields, *, key: str) -> Said:
        ask = _checked(bodies.Continue, fields).to_ask(_once(key, "continue", id, fields))
        return _said(await self._use.chat.go_on(self._owner, id, ask))

    async def standing(self, id: GenerationId) -> Standing:
        return _progress(await self._use.chat.progress(self._owner, id))

    async def stop(self, id: GenerationId) -> None:
        await self._use.chat.stop(self._owner, id)

    async def events(
        self, id: GenerationId, *, after: int
    ) -> AsyncGenerator[Sequence[Entry], None]:
        batches = await self._use.chat.follow(
            self._owner, id, after=after, idle_seconds=_IDLE_SECONDS
        )
        if batches is None:
            return
        ended = False
        async with aclosing(batches):
            async for entries in batches:
                if entries:
                    ended = is_terminal(entries[-1].event)
                    yield [_shown(entry) for entry in entries]
        if not ended:
            raise ShuttingDown

    async def watch(self, id: ConversationId) -> AsyncGenerator[Happening, None]:
        sights = await self._use.watch.open(self._owner, id, idle_seconds=_IDLE_SECONDS)
        async with aclosing(sights):
            async for sight in sights:
                for happening in _happenings(sight):
                    yield happening
                if isinstance(sight, feed.ConversationDeleted):
                    return
        await self.get(id)  # Raises for who is a member no more.
        raise ShuttingDown

    async def models(self) -> Catalogue:
        models = self._use.models
        return Catalogue(await models.available(), await models.default())


def checked_user(user: str) -> str:
    """Raises Invalid for what is no user's name on any door."""
    if not re.fullmatch(USER, user):
        raise Invalid(
            f"{user!r} is no name of a user: 1 to 128 letters, digits and ._@+- that begin with a "
            "letter or a digit."
        )
    return user


def _checked(shape: type[B], fields: Fields) -> B:
    """As the body of a request that says this. Raises Invalid."""
    try:
        as_json = json.loads(json.dumps(fields, allow_nan=False))
    except (RecursionError, TypeError, ValueError) as error:
        raise Invalid(f"This cannot be written as JSON: {error}.") from None
    try:
        return TypeAdapter(shape).validate_python(as_json)
    except ValidationError as error:
        raise Invalid(_told(error)) from None


def _told(error: ValidationError) -> str:
    told = []
    for item in error.errors()[:_MOST_ERRORS]:
        # In parentheses is which member of a union it is about: nothing that anybody has given.
        names = [str(part) for part in item["loc"] if not str(part).startswith("(")]
        told.append(f"{'.'.join(names)}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(told)


def _once(key: str, what: str, id: str, fields: Fields) -> IdempotencyKey:
    """No header can have this key: it has a space in it."""
    asked = json.dumps([what, id, fields], sort_keys=True, default=str).encode()
    return IdempotencyKey(f"embedded {key}", hashlib.sha256(asked).hexdigest())


def _details(found: Conversation) -> Details:
    return Details(**{name: getattr(found, name) for name in _DETAILS})


def _said(turn: Turn) -> Said:
    return Said(turn.message, _standing(turn.generation))


def _progress(found: Progress) -> Standing:
    return _standing(found.generation, found.answer, found.reasoning)


def _standing(found: Generation, text: str = "", reasoning: str = "") -> Standing:
    return Standing(
        id=found.id,
        conversation_id=found.conversation_id,
        message_id=found.message_id,
        status=found.status,
        model=found.model,
        text=text,
        reasoning=reasoning,
        finish_reason=found.finish_reason,
        usage=found.usage,
        error=found.error,
    )


def _happenings(sight: watching.Sight) -> Iterator[Happening]:
    match sight:
        case watching.Snapshot(conversation, generations):
            answers = [_live_answer(live) for live in generations]
            yield Snapshot(_details(conversation), answers)
        case watching.GenerationEvents(id, entries):
            yield from (AnswerEvent(id, _shown(entry)) for entry in entries)
        case feed.MessageAdded(message):
            yield MessageAdded(message)
        case feed.ConversationChanged(conversation):
            yield ConversationChanged(_details(conversation))
        case feed.ConversationDeleted():
            yield ConversationDeleted()
        case feed.TypingChanged(user, typing):
            yield TypingChanged(user, typing)


def _live_answer(live: watching.LiveGeneration) -> LiveAnswer:
    return LiveAnswer(
        live.id,
        live.message_id,
        live.model,
        live.text,
        live.reasoning,
        live.tool_calls,
        live.offset,
    )


def _shown(entry: Entry) -> Entry:
    """Without what is stored with a text, and shown to nobody."""
    event = entry.event
    if not isinstance(event, Delta) or event.bare:
        return entry
    return Entry(entry.first, entry.last, Delta(event.text, event.channel))
