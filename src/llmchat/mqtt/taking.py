"""What devices ask for, done: a message is stored, and only then the broker's no more."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from llmchat.access.base import ACTING, Principal, Scope
from llmchat.access.members import Right
from llmchat.chat.history import HistoryService
from llmchat.chat.service import ChatService
from llmchat.chat.speaking import Speaking
from llmchat.domain import Conversation, Note, Turn
from llmchat.errors import (
    Invalid,
    LlmchatError,
    NotFound,
    RateLimited,
    ShuttingDown,
    StorageUnavailable,
)
from llmchat.ids import ConversationId, GenerationId, OwnerId, new_id
from llmchat.mqtt import inputs, outputs
from llmchat.mqtt.base import Delivery, Link
from llmchat.mqtt.inputs import Input
from llmchat.mqtt.publishing import Publisher
from llmchat.mqtt.speakers import Speakers
from llmchat.mqtt.topics import Command, Topics
from llmchat.providers.base import Models
from llmchat.store.base import PublicationStore
from llmchat.store.drafts import Asker, ConversationDraft, IdempotencyKey, Publication
from llmchat.wire.contents import parts_of, text_of

MOST_UNANSWERED = 32
"""In one conversation."""
_CROWDED_SECONDS = 5
_RETRY_SECONDS = 0.5
_SAME_PACKET = timedelta(hours=1)
_MOST_NAMESAKES = 100


class Taking:
    """One per door. Whatever is refused is told where it was asked, and is then done with; what the
    storage has no answer to is tried until it has."""

    def __init__(
        self,
        *,
        topics: Topics,
        link: Link,
        speakers: Speakers,
        chat: ChatService,
        speaking: Speaking,
        history: HistoryService,
        models: Models,
        publications: PublicationStore,
        publisher: Publisher,
        most_bytes: int,
        now: Callable[[], datetime],
    ) -> None:
        self._topics = topics
        self._link = link
        self._speakers = speakers
        self._chat = chat
        self._speaking = speaking
        self._history = history
        self._models = models
        self._publications = publications
        self._publisher = publisher
        self._most_bytes = most_bytes
        self._now = now

    async def take(self, delivery: Delivery) -> None:
        """Returns when all is stored that has to be. Raises ShuttingDown for what is not done."""
        if delivery.retained:
            return  # Said to whoever comes later, and not to be answered at each of our starts.
        tries = _Tries()
        while True:
            try:
                await self._take(delivery, tries)
                return
            except StorageUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _take(self, delivery: Delivery, tries: "_Tries") -> None:
        try:
            name, command = self._topics.parsed(delivery.topic)
        except Invalid as error:
            payload = outputs.error(error.problem(), None, delivery.topic)
            await self._link.publish(self._topics.errors, payload)
            return
        try:
            await self._do(command, tries)(name, delivery)
        except (ShuttingDown, StorageUnavailable):
            raise
        except LlmchatError as error:
            await self._refuse(name, delivery, error)

    def _do(self, command: Command, tries: "_Tries") -> Callable[[str, Delivery], Awaitable[None]]:
        speak = partial(self._input, tries)
        done: dict[Command, Callable[[str, Delivery], Awaitable[None]]] = {
            "input": speak,
            "stop": self._stop,
            "resume": self._resume,
        }
        return done[command]

    async def _refuse(self, name: str, delivery: Delivery, error: LlmchatError) -> None:
        payload = outputs.error(error.problem(), self._id_of(delivery))
        correlation = delivery.envelope.correlation
        await self._link.publish(self._topics.of(name, "error"), payload, correlation=correlation)
        try:
            reply = self._reply_topic(name, delivery)
        except LlmchatError:
            return
        if reply is not None:
            await self._link.publish(reply, payload, correlation=correlation)

    async def _admit(self, name: str) -> Principal:
        """Who speaks, from here on also for the bill."""
        principal = await self._speakers.principal(name)
        ACTING.set(principal)
        principal.require(Scope.CHAT)
        await self._speakers.count(principal)
        return principal

    async def _input(self, tries: "_Tries", name: str, delivery: Delivery) -> None:
        user = (await self._admit(name)).user
        is_text = (delivery.envelope.content_type or "").startswith("text/plain")
        asked = inputs.read_input(delivery.payload, is_text=is_text, most_bytes=self._most_bytes)
        reply = self._reply_topic(name, delivery)
        if asked.model is not None:
            # Or a message that is refused leaves an empty conversation behind.
            self._models.resolve(asked.model)
        draft = ConversationDraft(title=name, system_prompt=asked.system_prompt, external_id=name)
        conversation = await self._open(user, name, draft)
        await self._refuse_a_crowd(user, conversation)
        if conversation.owner == user or await self._publications.name_of(conversation.id) is None:
            # A member who calls it otherwise does not take it away from its owner's devices.
            await self._publications.call(conversation.id, name)
        id = asked.id or delivery.envelope.id
        asker = Asker(name, id, reply, delivery.envelope.correlation)
        speak = partial(self._speak, user, conversation, asked, asker)
        if asker.request_id is not None:
            said = await speak(f"mqtt {conversation.id} {_digest(asker.request_id)}")
        elif delivery.envelope.packet is None:
            said = await speak(tries.own)
        else:
            same = f"{delivery.envelope.packet} {conversation.id} {asked.fingerprint}"
            said = await self._say_packet(_digest(same), delivery.envelope.again, tries, speak)
        if isinstance(said, Note):
            await self._tell_stored(outputs.stored(said.message, id), asker)
        elif said.replayed:
            # Of a message that is new, the publication is stored with it.
            cursor = await self._told_before(user, said)
            await self._publisher.tell_again(Publication(said.generation.id, asker, cursor))

    async def _refuse_a_crowd(self, user: OwnerId, conversation: Conversation) -> None:
        waiting = len(await self._history.live(user, conversation.id))
        if waiting >= MOST_UNANSWERED:
            raise RateLimited(
                f"The conversation has {waiting} answers that are written or wait. Wait for some.",
                limit=MOST_UNANSWERED,
                remaining=0,
                retry_after_seconds=_CROWDED_SECONDS,
                kind="live_generations",
            )

    async def _told_before(self, user: OwnerId, said: Turn) -> int:
        """A message that comes again is answered again, in one piece when that has ended."""
        progress = await self._chat.progress(user, said.generation.id)
        return 0 if progress.generation.status.live else progress.last_event_id or 0

    async def _tell_stored(self, payload: bytes, asker: Asker) -> None:
        for topic in (self._topics.of(asker.name, "response"), asker.response_topic):
            if topic is not None:
                await self._link.publish(topic, payload, correlation=asker.correlation)

    async def _stop(self, name: str, delivery: Delivery) -> None:
        user = (await self._admit(name)).user
        wanted = inputs.read_stop(delivery.payload, most_bytes=self._most_bytes).generation_id
        conversation = await self._open(user, name)
        live = await self._history.live(user, conversation.id)
        # The newest first: stopping an older one would start the next that is queued.
        for generation in reversed(live):
            if wanted in (None, generation.id):
                await self._chat.stop(user, generation.id)

    async def _resume(self, name: str, delivery: Delivery) -> None:
        user = (await self._admit(name)).user
        asked = inputs.read_resume(delivery.payload, most_bytes=self._most_bytes)
        reply = self._reply_topic(name, delivery)
        conversation = await self._open(user, name)
        id = GenerationId(asked.generation_id)
        found = (await self._chat.progress(user, id)).generation
        if found.conversation_id != conversation.id:
            raise NotFound(f"There is no generation {id} in this conversation.")
        await self._publications.call(conversation.id, name)
        asker = Asker(name, asked.id, reply, delivery.envelope.correlation)
        publication = Publication(id, asker, asked.after)
        if not found.status.live or not await self._publisher.add(publication):
            await self._publisher.retell(user, publication)

    async def _open(
        self, user: OwnerId, name: str, draft: ConversationDraft | None = None
    ) -> Conversation:
        """By its own id, or by the caller's name for it, made from the draft when it is new. Raises
        NotFound, Forbidden."""
        if name.startswith("conv_"):
            return await self._history.get(user, ConversationId(name), right=Right.CHANGE)
        if draft is None:
            return await self._history.session(user, name)
        return await self._history.open_session(user, draft)

    async def _say_packet(
        self,
        same: str,
        again: bool,
        tries: "_Tries",
        speak: Callable[[str], Awaitable[Turn | Note]],
    ) -> Turn | Note:
        """A message without an id of its own has the broker's, which are used again: only one that
        is marked as sent again, or that we try again, can be the same as one before."""
        for number in range(_MOST_NAMESAKES):
            key = f"mqtt packet {same} {number}"
            before = tries.begin(key, self._now())
            said = await speak(key)
            made = said.message.created_at
            ours = before is not None and made >= before
            if not said.replayed or ours or (again and self._now() - made < _SAME_PACKET):
                return said
        return await speak(tries.own)

    async def _speak(
        self,
        user: OwnerId,
        conversation: Conversation,
        asked: Input,
        asker: Asker,
        key: str,
    ) -> Turn | Note:
        # No header can have such a key: it has spaces in it.
        once = IdempotencyKey(key, asked.fingerprint)
        content = asked.content or ""
        return await self._speaking.say(
            user,
            conversation.id,
            text_of(content),
            asked.to_ask(once, asker),
            parts=parts_of(content),
            tool_results=asked.results,
        )

    def _reply_topic(self, name: str, delivery: Delivery) -> str | None:
        """Raises Invalid, Forbidden."""
        topic = delivery.envelope.response_topic
        if topic is None:
            return None
        return self._topics.checked_reply(topic, name, self._speakers.replies_of(name))

    def _id_of(self, delivery: Delivery) -> str | None:
        found = inputs.id_in(delivery.payload, most_bytes=self._most_bytes)
        return found or delivery.envelope.id


class _Tries:
    """Of one delivery. What the storage failed behind may be stored: its key is used again."""

    def __init__(self) -> None:
        self.own = f"mqtt delivery {new_id('delivery')}"
        self._begun: dict[str, datetime] = {}

    def begin(self, key: str, now: datetime) -> datetime | None:
        """When it was tried first, unless that is now."""
        before = self._begun.get(key)
        self._begun.setdefault(key, now)
        return before


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
