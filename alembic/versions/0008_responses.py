"""What a model is told first for one answer, and what its request in OpenAI's dialect was."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("generation", sa.Column("instructions", sa.String))
    key = sa.ForeignKey("generation.id", ondelete="CASCADE")
    op.create_table(
        "response",
        sa.Column("generation_id", sa.String, key, primary_key=True),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("inputs", sa.JSON, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("response")
    # Not in a batch: its copy of the table would forget AUTOINCREMENT.
    op.execute("ALTER TABLE generation DROP COLUMN instructions")
