"""Origins: the request that a generation answers, for the log lines and traces of whoever writes
it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("generation", sa.Column("origin", sa.JSON))


def downgrade() -> None:
    # Not in a batch: its copy of the table would forget AUTOINCREMENT.
    op.execute("ALTER TABLE generation DROP COLUMN origin")
