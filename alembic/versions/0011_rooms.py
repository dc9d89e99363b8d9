"""Rooms: when the model answers in a conversation, and who wrote a message."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column(
        "conversation",
        sa.Column("reply_mode", sa.String, nullable=False, server_default=sa.text("'always'")),
    )
    op.add_column("message", sa.Column("author", sa.String))


def downgrade() -> None:
    # Not in a batch: its copy of the table would forget AUTOINCREMENT.
    op.execute("ALTER TABLE message DROP COLUMN author")
    op.execute("ALTER TABLE conversation DROP COLUMN reply_mode")
