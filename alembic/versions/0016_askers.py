"""MQTT: who asked again for an answer that is being told."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("publication", sa.Column("others", sa.JSON))


def downgrade() -> None:
    op.execute("ALTER TABLE publication DROP COLUMN others")
