"""Pinned conversations, what is thought of answers, and answers that go on with another."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "conversation",
        sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.add_column("generation", sa.Column("begun", sa.JSON))
    op.create_table(
        "feedback",
        sa.Column("message_id", sa.String, _of_message(), primary_key=True),
        sa.Column("user", sa.String, primary_key=True),
        sa.Column("rating", sa.Integer, nullable=False),
        sa.Column("comment", sa.String),
        sa.Column("updated_at", TIME, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("feedback")
    # Not in a batch: its copy of the table would forget AUTOINCREMENT.
    op.execute("ALTER TABLE generation DROP COLUMN begun")
    op.execute("ALTER TABLE conversation DROP COLUMN pinned")


def _of_message() -> sa.ForeignKey:
    return sa.ForeignKey("message.id", ondelete="CASCADE")
