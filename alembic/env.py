"""How alembic finds the database and the tables."""

import asyncio
from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, event, pool, text
from sqlmodel import SQLModel

from llmchat.store import (
    audit,
    clientmessages,
    feedback,
    keys,
    outbox,
    postgres,
    publications,
    responses,
    rows,
    searchable,
    template_rows,
    usage_rows,
)

CONNECT_SECONDS = 10
# Any number that nobody else in this database takes for a lock of theirs.
UPGRADE_LOCK = 0x6C6C6D63686174

url = str(context.config.get_main_option("sqlalchemy.url"))
target = SQLModel.metadata
tables = (
    *(rows.ConversationRow, audit.AuditRow, clientmessages.ClientMessageRow),
    *(feedback.FeedbackRow, keys.ApiKeyRow, outbox.OutboxRow, publications.PublicationRow),
    *(responses.ResponseRow, searchable.SearchableRow, template_rows.TemplateRow),
    usage_rows.UsageRow,
)
assert all(table.metadata is target for table in tables)


def leave_transactions_alone(connection: Any, _: Any) -> None:
    # Its driver begins none before a CREATE: whoever is killed in the middle of an upgrade would
    # keep half a schema, which no later upgrade gets past.
    connection.isolation_level = None


def begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def migrate(connection: Connection) -> None:
    # SQLite changes few things in place: batches copy the table instead.
    context.configure(
        connection=connection,
        target_metadata=target,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            # Two processes that start at once would both create what is missing.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        context.run_migrations()


def migrate_sqlite() -> None:
    engine = create_engine(url, poolclass=pool.NullPool)
    event.listen(engine, "connect", leave_transactions_alone)
    event.listen(engine, "begin", begin)
    with engine.connect() as connection:
        migrate(connection)


async def migrate_postgres() -> None:
    async with postgres.engine_without_pool(url, CONNECT_SECONDS).connect() as connection:
        await connection.run_sync(migrate)


if postgres.is_postgres(url):
    asyncio.run(migrate_postgres())
else:
    migrate_sqlite()
