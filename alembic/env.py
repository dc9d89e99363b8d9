"""How alembic finds the database and the tables."""

from typing import Any

from alembic import context
from sqlalchemy import create_engine, event, pool
from sqlmodel import SQLModel

from llmchat.store import rows

url = context.config.get_main_option("sqlalchemy.url")
target = SQLModel.metadata
assert rows.ConversationRow.metadata is target


def leave_transactions_alone(connection: Any, _: Any) -> None:
    # Its driver begins none before a CREATE: whoever is killed in the middle of an upgrade would
    # keep half a schema, which no later upgrade gets past.
    connection.isolation_level = None


def begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def migrate() -> None:
    engine = create_engine(str(url), poolclass=pool.NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", leave_transactions_alone)
        event.listen(engine, "begin", begin)
    with engine.connect() as connection:
        # SQLite changes few things in place: batches copy the table instead.
        context.configure(
            connection=connection,
            target_metadata=target,
            render_as_batch=True,
            transactional_ddl=True,
        )
        with context.begin_transaction():
            context.run_migrations()


migrate()
