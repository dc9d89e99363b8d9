"""MQTT: what conversations are called over a broker, and what it has yet to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    conversation = sa.ForeignKey("conversation.id", ondelete="CASCADE")
    op.create_table(
        "topic",
        sa.Column("conversation_id", sa.String, conversation, primary_key=True, nullable=False),
        sa.Column("name", sa.String, nullable=False),
    )
    generation = sa.ForeignKey("generation.id", ondelete="CASCADE")
    op.create_table(
        "publication",
        sa.Column("generation_id", sa.String, generation, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        _amount("cursor"),
        sa.Column("request_id", sa.String),
        sa.Column("response_topic", sa.String),
        sa.Column("correlation", sa.LargeBinary),
        sa.Column("publisher", sa.String),
        _amount("beats"),
    )


def downgrade() -> None:
    op.drop_table("publication")
    op.drop_table("topic")


def _amount(name: str) -> sa.Column[int]:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, big, nullable=False, server_default=sa.text("0"))
