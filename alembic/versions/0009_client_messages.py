"""What clients that name their own messages call them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    conversation = sa.ForeignKey("conversation.id", ondelete="CASCADE")
    message = sa.ForeignKey("message.id", ondelete="CASCADE")
    op.create_table(
        "client_message",
        sa.Column("conversation_id", sa.String, conversation, primary_key=True),
        sa.Column("client_id", sa.String, primary_key=True),
        sa.Column("message_id", sa.String, message, nullable=False),
    )
    op.create_index("client_message_message", "client_message", ["message_id"])


def downgrade() -> None:
    op.drop_table("client_message")
