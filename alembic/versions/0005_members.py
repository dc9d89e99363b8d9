"""Sharing: members of a conversation, and the link that shows it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "member",
        sa.Column("conversation_id", sa.String, _of_conversation(), primary_key=True),
        sa.Column("user", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index("member_of_user", "member", ["user"])
    op.create_table(
        "link",
        sa.Column("conversation_id", sa.String, _of_conversation(), primary_key=True),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False, unique=True),
        sa.Column("created_at", TIME, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("link")
    op.drop_table("member")


def _of_conversation() -> sa.ForeignKey:
    return sa.ForeignKey("conversation.id", ondelete="CASCADE")
