"""What the embedded database promises when it is full, locked, or changed while it is read."""

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from llmchat.errors import StorageUnavailable
from llmchat.store.conversations import SqlConversationStore
from llmchat.store.sqlite import SqliteDatabase
from tests.contract.clocks import SetTime
from tests.contract.sessions import database_of
from tests.contract.stores import ME, Stores, sqlite_stores
from tests.contract.trouble import writer_blocked


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With names that a URL, an interpolation or a shell would take for something else."""
    folder = tmp_path / "100% of a folder&name=#1?x=%20"
    folder.mkdir()
    return folder


@pytest.fixture
async def stores(folder: Path) -> AsyncGenerator[Stores, None]:
    async with sqlite_stores(folder) as stores:
        yield stores


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "llmchat.db"


@pytest.fixture
def no_database(path: Path) -> Path:
    path.write_bytes(b"something else" * 100)
    return path


async def test_a_path_is_taken_as_it_is(stores: Stores, path: Path) -> None:
    await stores.conversation(title="here")
    assert sorted(found.name for found in path.parent.iterdir()) == [
        "llmchat.db",
        "llmchat.db-shm",
        "llmchat.db-wal",
    ]


async def test_a_turn_that_does_not_fit_on_the_disk_leaves_nothing(stores: Stores) -> None:
    conversation = await stores.conversation()
    before = await stores.talk(conversation)
    await limit_pages(stores, "(SELECT page_count FROM pragma_page_count)")

    with pytest.raises(StorageUnavailable):
        await stores.ask(conversation, "x" * 1_000_000)

    assert await stores.conversations.live(ME, conversation.id) == []
    assert (await stores.messages(conversation.id))[-1].id == before.reply.id
    await limit_pages(stores, str(2**30))
    assert (await stores.ask(conversation)).message.parent_id == before.reply.id


async def test_a_database_that_somebody_holds_is_unavailable_and_then_works(
    stores: Stores, path: Path
) -> None:
    conversation = await stores.conversation()
    async with database_of(stores).write() as session:
        await session.execute(text("PRAGMA busy_timeout = 1"))

    with writer_blocked(path):
        with pytest.raises(StorageUnavailable, match=r"llmchat\.db"):
            await stores.ask(conversation)
        assert await stores.messages(conversation.id) == []
    assert len((await stores.ask(conversation)).message.siblings) == 1


@pytest.mark.parametrize("statement", range(1, 6))
async def test_what_is_deleted_while_it_is_read_is_read_whole_or_not_at_all(
    stores: Stores, path: Path, statement: int
) -> None:
    conversation = await stores.conversation()
    for _ in range(2):
        await stores.talk(conversation)
    whole = await stores.messages(conversation.id)
    statements: list[str] = []

    def clear_after(_: Any, cursor: Any, sql: str, *rest: Any) -> None:
        statements.append(sql)
        if len(statements) == statement:
            with closing(sqlite3.connect(path)) as other, other:
                other.execute("DELETE FROM message")
                other.execute("UPDATE conversation SET leaf_id = NULL")

    readers = database_of(stores)._readers.sync_engine
    event.listen(readers, "after_cursor_execute", clear_after)
    assert await stores.messages(conversation.id) in (whole, [])
    event.remove(readers, "after_cursor_execute", clear_after)
    assert len(statements) >= statement
    assert await stores.messages(conversation.id) == []


async def test_a_database_that_is_none_is_unavailable(no_database: Path) -> None:
    async with aclosing(SqliteDatabase(no_database)) as database:
        with pytest.raises(StorageUnavailable, match=r"llmchat\.db"):
            await database.ping()
        with pytest.raises(StorageUnavailable):
            await SqlConversationStore(database, SetTime().now).list(ME, limit=1, cursor=None)


async def limit_pages(stores: Stores, pages: str) -> None:
    """How far the file may grow."""
    async with database_of(stores).write() as session:
        most = (await session.execute(text(f"SELECT {pages}"))).scalar_one()
        await session.execute(text(f"PRAGMA max_page_count = {most}"))
