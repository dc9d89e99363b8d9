"""How alembic finds the database and the tables."""

from alembic import context
from sqlalchemy import create_engine, pool
from sqlmodel import SQLModel

from llmchat.store import rows

url = context.config.get_main_option("sqlalchemy.url")
target = SQLModel.metadata
assert rows.ConversationRow.metadata is target


def migrate() -> None:
    engine = create_engine(str(url), poolclass=pool.NullPool)
    with engine.connect() as connection:
        # SQLite changes few things in place: batches copy the table instead.
        context.configure(connection=connection, target_metadata=target, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()


migrate()
