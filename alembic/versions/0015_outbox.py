"""What other services are still to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", BIG, primary_key=True),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("endpoint", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("body", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("due_at", TIME),
        sa.Column("sent_at", TIME),
        sa.Column("error", sa.String),
        sqlite_autoincrement=True,
    )
    waiting = sa.text("due_at IS NOT NULL")
    op.create_index("outbox_once", "outbox", ["endpoint", "id"], unique=True)
    op.create_index(
        "outbox_due",
        "outbox",
        ["endpoint", "due_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_index("outbox_created", "outbox", ["created_at"])


def downgrade() -> None:
    op.drop_table("outbox")
