"""Conversations, messages, generations, idempotency keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# SQLite counts by itself only in a column that is called INTEGER.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_conversation()
    _create_message()
    _create_generation()
    _create_idempotency()


def downgrade() -> None:
    for table in ("idempotency", "generation", "message", "conversation"):
        op.drop_table(table)


def _create_conversation() -> None:
    op.create_table(
        "conversation",
        sa.Column("seq", BIG, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("external_id", sa.String),
        sa.Column("title", sa.String),
        sa.Column("system_prompt", sa.String),
        sa.Column("model", sa.String),
        sa.Column("params", sa.JSON),
        sa.Column("labels", sa.JSON),
        sa.Column("archived", sa.Boolean, nullable=False),
        sa.Column("leaf_id", sa.String),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("conversation_of_owner", "conversation", ["owner", "seq"])
    op.create_index(
        "conversation_external_id", "conversation", ["owner", "external_id"], unique=True
    )


def _create_message() -> None:
    op.create_table(
        "message",
        sa.Column("seq", BIG, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        _conversation_id(),
        sa.Column("parent_id", sa.String),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("content", sa.String, nullable=False),
        sa.Column("reasoning", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("model", sa.String),
        sa.Column("generation_id", sa.String),
        sa.Column("usage", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("message_of_conversation", "message", ["conversation_id", "seq"])
    op.create_index("message_of_parent", "message", ["parent_id"])


def _create_generation() -> None:
    op.create_table(
        "generation",
        sa.Column("seq", BIG, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        _conversation_id(),
        sa.Column("message_id", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("params", sa.JSON),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("finish_reason", sa.String),
        sa.Column("usage", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("worker", sa.String),
        sa.Column("beats", sa.Integer, nullable=False),
        sa.Column("stop_requested", sa.Boolean, nullable=False),
        sa.Column("closed", sa.Boolean, nullable=False),
        sa.Column("last_event_id", BIG),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("first_token_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sqlite_autoincrement=True,
    )
    op.create_index("generation_of_conversation", "generation", ["conversation_id", "seq"])
    op.create_index(
        "generation_unfinished",
        "generation",
        ["seq"],
        sqlite_where=sa.text("closed = 0"),
        postgresql_where=sa.text("closed = false"),
    )


def _create_idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("owner", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("generation_id", sa.String, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("idempotency_age", "idempotency", ["created_at"])


def _conversation_id() -> sa.Column[str]:
    key = sa.ForeignKey("conversation.id", ondelete="CASCADE")
    return sa.Column("conversation_id", sa.String, key, nullable=False)
