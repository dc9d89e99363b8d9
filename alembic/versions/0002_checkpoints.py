"""The text so far of what is being written, and where its current attempt began."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "generation",
        sa.Column("attempt_began_at", BIG, nullable=False, server_default=sa.text("1")),
    )
    key = sa.ForeignKey("generation.id", ondelete="CASCADE")
    op.create_table(
        "checkpoint",
        sa.Column("generation_id", sa.String, key, primary_key=True),
        sa.Column("last", BIG, nullable=False),
        sa.Column("answer", sa.String, nullable=False),
        sa.Column("reasoning", sa.String, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("checkpoint")
    # Not in a batch: its copy of the table would forget AUTOINCREMENT.
    op.execute("ALTER TABLE generation DROP COLUMN attempt_began_at")
