"""Prompt templates and their versions, experiments, and what a conversation was given."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
ASSIGNED = sa.text("experiment IS NOT NULL")
RUNNING = sa.text("status = 'running'")
COLUMNS = ("template", "template_version", "experiment", "variant")


def upgrade() -> None:
    create_templates()
    create_experiment()
    for name in COLUMNS:
        kind = sa.Integer if name == "template_version" else sa.String
        op.add_column("conversation", sa.Column(name, kind))
    op.create_index(
        "conversation_of_experiment",
        "conversation",
        ["experiment"],
        sqlite_where=ASSIGNED,
        postgresql_where=ASSIGNED,
    )


def create_templates() -> None:
    op.create_table(
        "template",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("latest", sa.Integer, nullable=False),
        sa.Column("archived", sa.Boolean, nullable=False),
    )
    op.create_table(
        "template_version",
        sa.Column(
            "template",
            sa.String,
            sa.ForeignKey("template.name", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("description", sa.String),
        sa.Column("system_prompt", sa.String, nullable=False),
        sa.Column("model", sa.String),
        sa.Column("params", sa.JSON),
        sa.Column("variables", sa.JSON),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
    )


def create_experiment() -> None:
    op.create_table(
        "experiment",
        sa.Column("seq", BIG, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
        sa.Column("description", sa.String),
        sa.Column("template", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.Column("variants", sa.JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("stopped_at", TIME),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "experiment_running",
        "experiment",
        ["template"],
        unique=True,
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )


def downgrade() -> None:
    op.drop_index("conversation_of_experiment", "conversation")
    # Not in a batch: its copy of the table would forget AUTOINCREMENT.
    for name in reversed(COLUMNS):
        op.execute(f"ALTER TABLE conversation DROP COLUMN {name}")
    op.drop_table("experiment")
    op.drop_table("template_version")
    op.drop_table("template")
