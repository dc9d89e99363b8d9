"""The scripts on Postgres: the same tables, whoever runs them, however often and however many."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Generator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlmodel import SQLModel

from llmchat.errors import StorageUnavailable
from llmchat.store import migrations, rows
from llmchat.store.postgres import engine_without_pool
from tests import postgres
from tests.service import PATIENCE_SECONDS
from tests.unit.test_migrations import upgraded_before

UPGRADE = """
import sys
from llmchat.store import migrations
migrations.upgrade(sys.argv[1])
"""
COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = 'public' AND table_name != 'alembic_version'
ORDER BY 1, 2
"""
INDEXES = """
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename != 'alembic_version'
ORDER BY 1
"""
KEYS = """
SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid != 'alembic_version'::regclass
ORDER BY 1, 2
"""


@pytest.fixture
def url() -> Generator[str, None, None]:
    with postgres.shared().database() as url:
        yield url


def test_the_migrated_schema_is_that_of_the_tables(url: str) -> None:
    migrations.upgrade(url)

    def compared(connection: Connection) -> list[Any]:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, rows.ConversationRow.metadata))

    assert run(url, compared) == []


def test_columns_keys_and_indexes_are_those_of_the_tables(url: str) -> None:
    """As Postgres itself sees them."""
    migrations.upgrade(url)
    with postgres.shared().database() as created:
        # The queries leave out a table that has to be there.
        sql(created, "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
        run(created, SQLModel.metadata.create_all)
        assert schema(url) == schema(created)


def test_every_step_leads_down_and_up_again(url: str) -> None:
    migrations.upgrade(url)
    current, wanted = migrations.revisions(url)
    assert current == wanted is not None
    up = schema(url)
    for _ in ScriptDirectory.from_config(migrations.config_for(url)).walk_revisions():
        migrations.downgrade(url)
    assert schema(url) == ["", "", ""]
    assert migrations.revisions(url)[0] is None
    migrations.upgrade(url)
    assert schema(url) == up


def test_many_that_upgrade_at_once_do_it_once(url: str) -> None:
    command = [sys.executable, "-c", UPGRADE, url]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    complaints = [process.communicate(timeout=PATIENCE_SECONDS)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], complaints
    current, wanted = migrations.revisions(url)
    assert current == wanted


def test_an_upgrade_that_was_interrupted_can_be_done_again(url: str) -> None:
    statement = 1
    while upgraded_before(url, statement):
        assert migrations.revisions(url)[0] is None, "nothing half is kept"
        statement += 1
    assert statement > len(SQLModel.metadata.tables)
    current, wanted = migrations.revisions(url)
    assert current == wanted


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_every_way_to_write_a_url_is_understood(url: str, scheme: str) -> None:
    written = re.sub("^postgresql", scheme, url) + "?sslmode=prefer&channel_binding=prefer"
    migrations.upgrade(written)
    assert migrations.revisions(written) == migrations.revisions(url)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    url = "postgresql://me:100%25s%40cret@127.0.0.1:1/nothing"
    for call in (migrations.upgrade, migrations.downgrade, migrations.revisions):
        with pytest.raises(StorageUnavailable, match="nothing on") as caught:
            call(url)
        assert "cret" not in caught.value.detail


def run(url: str, work: Any) -> Any:
    async def connected() -> Any:
        async with engine_without_pool(url, PATIENCE_SECONDS).begin() as connection:
            return await connection.run_sync(work)

    return asyncio.run(connected())


def schema(url: str) -> list[str]:
    return [sql(url, query) for query in (COLUMNS, INDEXES, KEYS)]


def sql(url: str, statement: str) -> str:
    return postgres.shared().execute(statement, url.rpartition("/")[2])
