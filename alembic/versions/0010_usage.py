"""What was used up, for whom, and what may still be; how long answers took."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def amount(name: str) -> sa.Column[int]:
    return sa.Column(name, BIG, nullable=False, server_default=sa.text("0"))


def upgrade() -> None:
    create_usage()
    create_call()
    op.add_column("message", sa.Column("timing", sa.JSON))
    op.add_column("api_key", sa.Column("allowance", sa.JSON))
    for column in (
        sa.Column("asked_by", sa.String),
        sa.Column("key_id", sa.String),
        amount("reserved_tokens"),
        amount("reserved_cost"),
        sa.Column("timing", sa.JSON),
    ):
        op.add_column("generation", column)


def create_usage() -> None:
    op.create_table(
        "usage",
        sa.Column("generation_id", sa.String, primary_key=True),
        sa.Column("run", sa.Integer, primary_key=True),
        sa.Column("request", sa.Integer, primary_key=True),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("payer", sa.String, nullable=False),
        sa.Column("key_id", sa.String),
        sa.Column("conversation_id", sa.String),
        sa.Column("provider", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        amount("input_tokens"),
        amount("cached_tokens"),
        amount("output_tokens"),
        amount("reasoning_tokens"),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("input_price", BIG),
        sa.Column("cached_price", BIG),
        sa.Column("output_price", BIG),
        sa.Column("cost", BIG),
        sa.Column("began_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=False),
        sa.Column("day", sa.String, nullable=False),
    )
    op.create_index("usage_of_payer", "usage", ["payer", "day"])
    op.create_index("usage_of_key", "usage", ["key_id", "day"])
    op.create_index("usage_of_day", "usage", ["day"])


def create_call() -> None:
    op.create_table(
        "call",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("payer", sa.String, nullable=False),
        sa.Column("key_id", sa.String),
        sa.Column("conversation_id", sa.String),
        sa.Column("model", sa.String, nullable=False),
        amount("input_tokens"),
        amount("reserved_tokens"),
        amount("reserved_cost"),
        sa.Column("began_at", TIME, nullable=False),
        sa.Column("good_until", TIME, nullable=False),
    )
    op.create_index("call_good_until", "call", ["good_until"])


def downgrade() -> None:
    for column in ("timing", "reserved_cost", "reserved_tokens", "key_id", "asked_by"):
        op.drop_column("generation", column)
    op.drop_column("api_key", "allowance")
    op.drop_column("message", "timing")
    op.drop_table("call")
    op.drop_table("usage")
