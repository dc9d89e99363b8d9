"""Who did what, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", BIG, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String),
        sa.Column("key_id", sa.String),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("object_id", sa.String),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("address", sa.String),
        sa.Column("request_id", sa.String),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("audit")
