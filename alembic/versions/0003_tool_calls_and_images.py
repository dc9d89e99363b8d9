"""Images in messages, the tool calls that they make, and which of them a result is of."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_COLUMNS = {"parts": sa.JSON, "tool_calls": sa.JSON, "tool_call_id": sa.String}


def upgrade() -> None:
    for name, kind in _COLUMNS.items():
        op.add_column("message", sa.Column(name, kind))


def downgrade() -> None:
    for name in _COLUMNS:
        # Not in a batch: its copy of the table would forget AUTOINCREMENT.
        op.execute(f"ALTER TABLE message DROP COLUMN {name}")
