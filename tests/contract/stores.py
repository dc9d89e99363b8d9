"""Where each implementation of the stores keeps its rows: a new one joins in STORES."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from llmchat.access.members import MemberStore
from llmchat.access.oversight import OversightStore
from llmchat.access.usage import Reservation, UsageStore
from llmchat.chat.clientchats import ClientMessages
from llmchat.chat.items import ItemStore
from llmchat.chat.responses import ResponseStore
from llmchat.chat.speaking import NoteStore
from llmchat.domain import (
    LOCAL_OWNER,
    Conversation,
    Message,
    MessageOrder,
    OnBusy,
    Params,
    Status,
    Turn,
)
from llmchat.experiments.base import ExperimentStore, FigureStore
from llmchat.ids import ConversationId, MessageId, OwnerId, WorkerId
from llmchat.library.base import ArchiveStore, FeedbackStore
from llmchat.store import migrations
from llmchat.store.archives import SqlArchiveStore
from llmchat.store.base import (
    ConversationStore,
    GenerationStore,
    PublicationStore,
    Settlement,
    Unfinished,
)
from llmchat.store.clientmessages import SqlClientMessages
from llmchat.store.conversations import SqlConversationStore
from llmchat.store.database import Database
from llmchat.store.drafts import (
    ACTIVE_LEAF,
    ActiveLeaf,
    Asker,
    ConversationDraft,
    IdempotencyKey,
    ReplyDraft,
    TurnDraft,
)
from llmchat.store.experiments import SqlExperimentStore
from llmchat.store.feedback import SqlFeedbackStore
from llmchat.store.figures import SqlFigureStore
from llmchat.store.generations import SqlGenerationStore
from llmchat.store.items import SqlItemStore
from llmchat.store.members import SqlMemberStore
from llmchat.store.notes import SqlNoteStore
from llmchat.store.outbox import SqlOutbox
from llmchat.store.oversight import SqlOversightStore
from llmchat.store.postgres import PostgresDatabase
from llmchat.store.publications import SqlPublicationStore
from llmchat.store.responses import SqlResponseStore
from llmchat.store.sqlite import SqliteDatabase
from llmchat.store.templates import SqlTemplateStore
from llmchat.store.usage import SqlUsageStore
from llmchat.templates.base import TemplateStore
from llmchat.text import clean
from llmchat.webhooks.base import Outbox
from tests import postgres
from tests.contract.clocks import SetTime
from tests.contract.strategies import ODD_TEXTS

ME = LOCAL_OWNER
STRANGER = OwnerId("stranger")
WORKER = WorkerId("worker_1")
OTHER_WORKER = WorkerId("worker_2")
MODEL = "demo/echo"
TEXTS = tuple(text for text in ODD_TEXTS if clean(text) == text)
"""What may reach a store: the doors have replaced what no database can carry."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores over one database, with the short words of the tests."""

    conversations: ConversationStore
    generations: GenerationStore
    members: MemberStore
    usage: UsageStore
    feedback: FeedbackStore
    archives: ArchiveStore
    client_messages: ClientMessages
    responses: ResponseStore
    items: ItemStore
    notes: NoteStore
    outbox: Outbox
    publications: PublicationStore
    oversight: OversightStore
    time: SetTime
    templates: TemplateStore
    experiments: ExperimentStore
    figures: FigureStore

    async def conversation(self, owner: OwnerId = ME, title: str | None = None) -> Conversation:
        return await self.conversations.create(owner, ConversationDraft(title=title))

    async def ask(
        self,
        conversation: Conversation,
        content: str = "Why?",
        *,
        parent_id: MessageId | ActiveLeaf | None = ACTIVE_LEAF,
        on_busy: OnBusy = OnBusy.REJECT,
        idempotency: IdempotencyKey | None = None,
        worker: WorkerId | None = None,
        reservation: Reservation | None = None,
        asker: Asker | None = None,
    ) -> Turn:
        draft = TurnDraft(
            conversation_id=conversation.id,
            content=content,
            model=MODEL,
            params=Params(temperature=0.5),
            parent_id=parent_id,
            on_busy=on_busy,
            idempotency=idempotency,
            worker=worker,
            reservation=reservation,
            asker=asker,
        )
        return await self.conversations.add_turn(conversation.owner, draft)

    async def ask_again(self, turn: Turn, idempotency: IdempotencyKey | None = None) -> Turn:
        draft = ReplyDraft(turn.reply.id, MODEL, Params(), idempotency=idempotency)
        return await self.conversations.add_reply(turn.generation.owner, draft)

    async def answer(self, turn: Turn, content: str = "Because.") -> None:
        """From queued or streaming to closed, by whoever owns it."""
        await self.generations.claim(turn.generation.id, WORKER)
        assert await self.generations.settle(turn.generation.id, WORKER, ending(content))
        await self.generations.close(turn.generation.id, 3)

    async def talk(
        self,
        conversation: Conversation,
        content: str = "Why?",
        *,
        parent_id: MessageId | ActiveLeaf | None = ACTIVE_LEAF,
    ) -> Turn:
        """A question and its answer."""
        turn = await self.ask(conversation, content, parent_id=parent_id)
        await self.answer(turn, f"{content} Because.")
        return turn

    async def messages(
        self,
        id: ConversationId,
        *,
        leaf: MessageId | None = None,
        order: MessageOrder = "asc",
        owner: OwnerId = ME,
    ) -> list[Message]:
        page = await self.conversations.messages(
            owner, id, limit=1000, cursor=None, leaf=leaf, order=order
        )
        assert page.next_cursor is None
        return list(page.items)

    async def seen(self, turn: Turn) -> Unfinished:
        (found,) = [
            unfinished
            for unfinished in await self.generations.unfinished()
            if unfinished.id == turn.generation.id
        ]
        return found


def ending(content: str = "Because.", status: Status = Status.COMPLETE) -> Settlement:
    return Settlement(status, content, "", "stop", None, None)


@asynccontextmanager
async def sqlite_stores(folder: Path) -> AsyncGenerator[Stores, None]:
    path = folder / "llmchat.db"
    path.write_bytes(_migrated())
    async with aclosing(SqliteDatabase(path)) as database:
        yield stores_in(database)


@asynccontextmanager
async def postgres_stores(_: Path) -> AsyncGenerator[Stores, None]:
    with postgres.shared().migrated_database() as url:
        # Patient: how long a send may take is no business of the contract.
        async with aclosing(PostgresDatabase(url, patience_seconds=60)) as database:
            yield stores_in(database)


def stores_in(database: Database) -> Stores:
    time = SetTime()
    return Stores(
        SqlConversationStore(database, time.now, published=True),
        SqlGenerationStore(database, time.now),
        SqlMemberStore(database, time.now),
        SqlUsageStore(database, time.now),
        SqlFeedbackStore(database, time.now),
        SqlArchiveStore(database, time.now),
        SqlClientMessages(database),
        SqlResponseStore(database),
        SqlItemStore(database, time.now),
        SqlNoteStore(database, time.now),
        SqlOutbox(database, time.now),
        SqlPublicationStore(database),
        SqlOversightStore(database, time.now),
        time,
        SqlTemplateStore(database, time.now),
        SqlExperimentStore(database, time.now),
        SqlFigureStore(database),
    )


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "llmchat.db")
        migrations.upgrade(migrations.sqlite_url(path))
        return path.read_bytes()


STORES: dict[str, Callable[[Path], AbstractAsyncContextManager[Stores]]] = {
    "sqlite": sqlite_stores,
    "postgres": postgres_stores,
}
