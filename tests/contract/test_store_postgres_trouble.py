"""A Postgres that stops, dies or hangs, and tasks that are cancelled while they ask it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from functools import partial

import pytest
from sqlalchemy import text

from llmchat.errors import StorageUnavailable
from llmchat.store.database import Database
from llmchat.store.postgres import PostgresDatabase
from tests import postgres
from tests.contract.sessions import database_of, until_waiting
from tests.contract.stores import ME, Stores, stores_in
from tests.postgres import PASSWORD, Postgres
from tests.service import PATIENCE_SECONDS

HURRY_SECONDS = 3
INSERT = """
INSERT INTO conversation (id, owner, archived, created_at, updated_at)
VALUES ('conv_dirty', 'local', false, now(), now())
"""


@pytest.fixture
def server() -> Generator[Postgres, None, None]:
    with postgres.private() as server:
        yield server


@pytest.fixture
async def hurried(server: Postgres) -> AsyncGenerator[Stores, None]:
    """Stores over a server that the test may ill-treat; they soon give up."""
    with server.migrated_database() as url:
        async with aclosing(PostgresDatabase(url, patience_seconds=HURRY_SECONDS)) as database:
            yield stores_in(database)
        if server.process is None:
            server.start()


async def test_a_cancelled_task_leaves_nothing_to_the_next_one(postgres_url: str) -> None:
    async with aclosing(
        PostgresDatabase(postgres_url, pool_size=1, patience_seconds=60)
    ) as database:
        stores = stores_in(database)
        for _ in range(3):
            task = asyncio.create_task(write_and_hang(database))
            await until_waiting(postgres_url, "PgSleep", task)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            page = await stores.conversations.list(ME, limit=9, cursor=None)
            assert page.items == []
        await stores.ask(await stores.conversation())


async def write_and_hang(database: Database) -> None:
    async with database.write() as session:
        await session.execute(text(INSERT))
        await session.execute(text("SELECT pg_sleep(600)"))


class TestTrouble:
    @pytest.mark.parametrize("how", ["stop", "immediate", "kill"])
    async def test_a_server_that_stopped_is_unavailable_until_it_is_back(
        self, server: Postgres, hurried: Stores, how: str
    ) -> None:
        conversation = await hurried.conversation()
        before = await hurried.talk(conversation)
        ways: dict[str, Callable[[], None]] = {
            "stop": server.stop,
            "immediate": partial(server.stop, "immediate"),
            "kill": server.kill,
        }
        await asyncio.to_thread(ways[how])
        for _ in range(2):
            for call in (
                hurried.ask(conversation),
                hurried.messages(conversation.id),
                database_of(hurried).ping(),
            ):
                with pytest.raises(StorageUnavailable) as caught:
                    await call
                assert PASSWORD not in caught.value.detail
        await asyncio.to_thread(server.start)

        await database_of(hurried).ping()
        turn = await hurried.ask(conversation)
        assert turn.message.parent_id == before.reply.id

    async def test_a_restart_that_nobody_saw_troubles_nobody(
        self, server: Postgres, hurried: Stores
    ) -> None:
        conversation = await hurried.conversation()
        # So that more than one connection is left behind.
        await asyncio.gather(*(hurried.messages(conversation.id) for _ in range(8)))
        await asyncio.to_thread(server.restart, "immediate")
        found = await asyncio.gather(*(hurried.messages(conversation.id) for _ in range(8)))
        assert found == [[]] * 8
        assert (await hurried.ask(conversation)).message.conversation_id == conversation.id

    async def test_a_server_that_hangs_is_given_up(self, server: Postgres, hurried: Stores) -> None:
        conversation = await hurried.conversation()
        await asyncio.gather(*(hurried.messages(conversation.id) for _ in range(8)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            with server.frozen():
                refused = await asyncio.gather(
                    *(hurried.ask(conversation) for _ in range(30)),
                    database_of(hurried).ping(),
                    return_exceptions=True,
                )
                assert {type(error) for error in refused} == {StorageUnavailable}
        assert await hurried.messages(conversation.id) == []
        await hurried.ask(conversation)

    async def test_whoever_leaves_a_server_that_hangs_does_not_wait(self, server: Postgres) -> None:
        with server.migrated_database() as url:
            database = PostgresDatabase(url, patience_seconds=HURRY_SECONDS)
            await database.ping()
            async with asyncio.timeout(PATIENCE_SECONDS):
                with server.frozen():
                    with pytest.raises(StorageUnavailable):
                        await database.ping()
                    await database.aclose()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_a_server_that_is_not_there_is_unavailable(self) -> None:
        url = f"postgres://me:{PASSWORD}@127.0.0.1:1/nothing?sslmode=prefer&connect_timeout=3"
        async with aclosing(PostgresDatabase(url)) as database:
            with pytest.raises(StorageUnavailable, match=r"nothing on 127\.0\.0\.1:1 ") as caught:
                await database.ping()
            assert PASSWORD not in caught.value.detail
            assert caught.value.retry_after_seconds is not None

    async def test_a_database_that_is_not_there_is_unavailable(self) -> None:
        async with aclosing(PostgresDatabase(postgres.shared().url("nothing"))) as database:
            with pytest.raises(StorageUnavailable, match="does not exist"):
                await database.ping()
