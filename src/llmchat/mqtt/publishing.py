"""Answers told over the broker: each from its log, from where the broker was told last."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from functools import partial

import structlog

from llmchat.chat.admission import while_admitted
from llmchat.chat.feed import Announcement, GenerationStarted
from llmchat.chat.service import ChatService, Progress
from llmchat.errors import (
    BadCursor,
    Forbidden,
    LogGone,
    NotFound,
    ShuttingDown,
    StorageUnavailable,
    Unauthenticated,
)
from llmchat.events import Entry, is_terminal
from llmchat.ids import ConversationId, GenerationId, OwnerId, WorkerId
from llmchat.mqtt import outputs
from llmchat.mqtt.base import Link
from llmchat.mqtt.speakers import Speakers
from llmchat.mqtt.topics import Topics
from llmchat.mqtt.unpublished import Unpublished
from llmchat.store.base import PublicationStore
from llmchat.store.drafts import Asker, Publication
from llmchat.tasks import TaskSet

_log = structlog.get_logger(__name__)

MOST_AT_ONCE = 512
_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_ASK_SECONDS = 2.0


class Publisher:
    """Each answer has one publisher, among all processes, which notes how far it has come. What it
    leaves, another goes on with, or the next start: the broker may be told a little twice then. A
    hole is only where the broker does not take a piece."""

    def __init__(
        self,
        *,
        topics: Topics,
        link: Link,
        speakers: Speakers,
        chat: ChatService,
        publications: PublicationStore,
        worker: WorkerId,
        unpublished: Unpublished,
    ) -> None:
        self._topics = topics
        self._link = link
        self._speakers = speakers
        self._chat = chat
        self._publications = publications
        self._worker = worker
        self._unpublished = unpublished
        self._cursors: dict[GenerationId, int] = {}
        self._noted: dict[GenerationId, int] = {}
        self._tasks = TaskSet()
        self._looking = TaskSet()

    def start(self) -> None:
        self._looking.spawn(self._look_for_ever(), name="mqtt publications")

    async def aclose(self) -> None:
        """What is not told yet is left to whoever comes first."""
        await self._looking.cancel_all()
        cursors = dict(self._cursors)
        await self._tasks.cancel_all()
        try:
            await self._publications.advance(self._worker, cursors)
            await self._publications.release(self._worker)
        except StorageUnavailable as error:
            _log.warning("Publications are not handed over", error=error.detail)

    def hear(self, _: ConversationId, news: Announcement) -> None:
        """Something happened in a conversation, through whichever door."""
        if isinstance(news, GenerationStarted):
            self._tasks.spawn(self._join(news.id), name=f"mqtt joins {news.id}")

    async def add(self, publication: Publication) -> bool:
        """Tell all of it from its cursor on. False for one that is being told already. Raises
        StorageUnavailable."""
        mine = replace(publication, publisher=self._free_worker())
        if not await self._publications.add(mine):
            return False
        self._begin(mine)
        return True

    async def tell_again(self, publication: Publication) -> None:
        """Somebody asked for it again: told from its cursor on, or to its end with whoever is being
        told already. Raises RateLimited, StorageUnavailable."""
        while not await self.add(publication):
            # Its turn may be stored and its beginning not: then nobody has heard of it.
            begun = await self._publications.begin(publication.id, self._free_worker())
            if begun is not None:
                self._begin(begun)
            if await self._publications.join(publication.id, publication.asker):
                return

    async def retell(self, user: OwnerId, publication: Publication) -> None:
        """What the log has by now behind the cursor, once more, beside whoever tells the rest."""
        progress = await self._chat.progress(user, publication.id)
        last = progress.last_event_id or 0
        after = min(publication.cursor, last)
        batches = await self._chat.follow(
            user, publication.id, after=after, idle_seconds=_ASK_SECONDS
        )
        if batches is not None and after < last:
            async with aclosing(batches):
                async for entries in batches:
                    for entry in entries:
                        await self._tell_event(publication, entry)
                    if entries and entries[-1].last >= last:
                        break
        if not progress.generation.status.live:
            await self._tell_end(progress, publication.asker)

    async def _join(self, id: GenerationId) -> None:
        """An answer that has begun, which may be one that is to be told."""
        while True:
            try:
                begun = await self._publications.begin(id, self._free_worker())
            except StorageUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if begun is not None:
                self._begin(begun)
            return

    def _free_worker(self) -> WorkerId | None:
        return self._worker if len(self._cursors) < MOST_AT_ONCE else None

    def _begin(self, publication: Publication) -> None:
        if publication.publisher is None:
            self._unpublished.expect()
        elif publication.id not in self._cursors:
            self._cursors[publication.id] = self._noted[publication.id] = publication.cursor
            self._tasks.spawn(self._publish(publication), name=f"publish {publication.id}")

    async def _publish(self, publication: Publication) -> None:
        id = publication.id
        try:
            while not await self._tried(publication):  # noqa: ASYNC110 - a log sets no Event
                await asyncio.sleep(_RETRY_SECONDS)
        finally:
            self._cursors.pop(id, None)
            self._noted.pop(id, None)

    async def _tried(self, publication: Publication) -> bool:
        """Whether nothing is left to be done here."""
        try:
            return await self._told_or_dropped(publication)
        except ShuttingDown:
            return True  # The next one goes on.
        except StorageUnavailable:
            return False

    async def _told_or_dropped(self, publication: Publication) -> bool:
        try:
            return await self._tell(publication)
        except (NotFound, Unauthenticated, Forbidden) as error:
            _log.info("An answer is not told any more", generation=publication.id, why=error.detail)
            await self._publications.drop(publication.id)
            return True

    async def _tell(self, publication: Publication) -> bool:
        """All of it, to its end; False when it broke off."""
        user = (await self._speakers.principal(publication.asker.name)).user
        try:
            await self._tell_events(user, publication)
        except LogGone:
            pass  # Its retention is over, and the whole text is in the history.
        except BadCursor:
            # Its store has lost the log, and it was begun anew.
            self._cursors[publication.id] = 0
            return False
        progress = await self._chat.progress(user, publication.id)
        if progress.generation.status.live:
            return False
        await self._tell_end(progress, publication.asker)
        told = 0
        while late := await self._publications.end(publication.id, told):
            for asker in late:
                await self._tell_end(progress, asker, late=True)
            told += len(late)
        return True

    async def _tell_events(self, user: OwnerId, publication: Publication) -> None:
        id = publication.id
        batches = await self._chat.follow(
            user, id, after=self._cursors[id], idle_seconds=_ASK_SECONDS
        )
        if batches is None:
            return
        check = partial(self._speakers.principal, publication.asker.name)
        async with aclosing(while_admitted(batches, check)) as admitted:
            async for entries in admitted:
                for entry in entries:
                    await self._tell_event(publication, entry)
                    if not is_terminal(entry.event):
                        self._cursors[id] = entry.last

    async def _tell_event(self, publication: Publication, entry: Entry) -> None:
        asker = publication.asker
        payload = outputs.event(publication.id, entry, asker.request_id)
        if payload is not None:
            await self._link.publish(self._topics.of(asker.name, "delta"), payload)

    async def _tell_end(self, progress: Progress, asker: Asker, *, late: bool = False) -> None:
        """To the conversation, and to who asked for it; who was `late` only where they ask."""
        failed = progress.generation.status in outputs.FAILED
        encode = outputs.failure if failed else outputs.response
        bare = replace(progress, answer="", reasoning="", tool_calls=())
        payload, small = (encode(it, asker.request_id) for it in (progress, bare))
        places = [self._topics.of(asker.name, "error" if failed else "response")]
        if asker.response_topic is not None:
            places = [*([] if late else places), asker.response_topic]
        for topic in places:
            if await self._link.publish(topic, payload, correlation=asker.correlation):
                continue
            payload = small
            if not await self._link.publish(topic, payload, correlation=asker.correlation):
                _log.error("The end of an answer is not told", generation=progress.generation.id)

    async def _look_for_ever(self) -> None:
        while True:
            try:
                await self._note()
                room = MOST_AT_ONCE - len(self._cursors)
                for found in await self._unpublished.look(self._cursors, room):
                    self._begin(found)
            except StorageUnavailable:
                pass  # It is looked at again.
            await asyncio.sleep(_LOOK_SECONDS)

    async def _note(self) -> None:
        """How far we are; where others look, also that we are alive."""
        cursors = dict(self._cursors)
        if not self._unpublished.shared:
            cursors = {id: at for id, at in cursors.items() if at != self._noted.get(id)}
        if cursors:
            await self._publications.advance(self._worker, cursors)
            self._noted |= {id: at for id, at in cursors.items() if id in self._cursors}
