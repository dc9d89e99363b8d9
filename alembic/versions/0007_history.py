"""Lists, search and feedback: pinned conversations, their place in lists, the words by which they
are found, what is thought of answers; and answers that go on with another."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from llmchat.library.words import words_of

revision = "0007"
down_revision = "0006"

TIME = sa.DateTime(timezone=True)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BATCH = 500


def upgrade() -> None:
    for name in ("latest", "born"):
        op.add_column(
            "conversation", sa.Column(name, BIG, nullable=False, server_default=sa.text("0"))
        )
    op.add_column(
        "conversation", sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.drop_index("conversation_of_owner", "conversation")
    op.create_index("conversation_of_owner", "conversation", ["owner", "latest", "seq"])
    op.execute(
        "UPDATE conversation SET latest = COALESCE((SELECT MAX(seq) FROM message "
        "WHERE message.conversation_id = conversation.id), 0)"
    )
    op.add_column("generation", sa.Column("begun", sa.JSON))
    op.create_table(
        "feedback",
        sa.Column("message_id", sa.String, _of("message"), primary_key=True),
        sa.Column("user", sa.String, primary_key=True),
        sa.Column("rating", sa.Integer, nullable=False),
        sa.Column("comment", sa.String),
        sa.Column("updated_at", TIME, nullable=False),
    )
    op.create_table(
        "searchable",
        sa.Column("seq", BIG, primary_key=True),
        sa.Column("conversation_id", sa.String, _of("conversation"), nullable=False),
        sa.Column("message_id", sa.String, _of("message"), unique=True),
        sa.Column("words", sa.String, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("searchable_of_conversation", "searchable", ["conversation_id"])
    _index_words()
    _find_what_is_there()


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE searchable_index")
    op.drop_table("searchable")
    op.drop_table("feedback")
    # Not in a batch: its copy of the table would forget AUTOINCREMENT.
    op.execute("ALTER TABLE generation DROP COLUMN begun")
    op.drop_index("conversation_of_owner", "conversation")
    for name in ("pinned", "born", "latest"):
        op.execute(f"ALTER TABLE conversation DROP COLUMN {name}")
    op.create_index("conversation_of_owner", "conversation", ["owner", "seq"])


def _of(table: str) -> sa.ForeignKey:
    return sa.ForeignKey(f"{table}.id", ondelete="CASCADE")


def _index_words() -> None:
    if op.get_bind().dialect.name == "postgresql":
        vector = "array_to_tsvector(string_to_array(words, ' '))"
        op.execute(f"CREATE INDEX searchable_words ON searchable USING gin ({vector})")
        return
    # The words are cut, folded and apart already: nothing is left to its tokenizer, and of where
    # they were in the text nothing is kept.
    op.execute(
        "CREATE VIRTUAL TABLE searchable_index USING fts5(words, content='searchable', "
        "content_rowid='seq', detail=none, columnsize=0, tokenize='ascii')"
    )
    op.execute(
        "CREATE TRIGGER searchable_added AFTER INSERT ON searchable BEGIN "
        "INSERT INTO searchable_index(rowid, words) VALUES (new.seq, new.words); END"
    )
    op.execute(
        "CREATE TRIGGER searchable_removed AFTER DELETE ON searchable BEGIN "
        "INSERT INTO searchable_index(searchable_index, rowid, words) "
        "VALUES ('delete', old.seq, old.words); END"
    )


def _find_what_is_there() -> None:
    conversation = sa.table("conversation", sa.column("seq"), sa.column("id"), sa.column("title"))
    message = sa.table(
        "message",
        *(sa.column(name) for name in ("seq", "id", "conversation_id", "content", "status")),
    )
    c, m = conversation.c, message.c
    _add(c.seq, sa.select(c.seq, c.id, sa.null(), c.title).where(c.title.is_not(None)))
    # What is still being written is found when it is settled.
    ended = m.status.not_in(("queued", "streaming"))
    _add(m.seq, sa.select(m.seq, m.conversation_id, m.id, m.content).where(ended))


def _add(seq: sa.ColumnElement[Any], rows: sa.Select[Any]) -> None:
    """A batch at a time: not all that was ever said fits into memory."""
    names = ("conversation_id", "message_id", "words")
    new = sa.table("searchable", *(sa.column(name) for name in names))
    after = 0
    while True:
        batch = op.get_bind().execute(rows.where(seq > after).order_by(seq).limit(BATCH)).all()
        if not batch:
            return
        after = batch[-1][0]
        found = [(*row[1:3], words_of(row[3])) for row in batch]
        values = [dict(zip(names, row, strict=True)) for row in found if row[2]]
        if values:
            op.bulk_insert(new, values)
