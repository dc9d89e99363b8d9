"""The words by which conversations are found, kept by whoever writes what they are of.

SQLite has a full-text index over them (FTS5, which triggers keep), Postgres one over the same words
as a `tsvector`: what a word is, neither of them decides (see library/words.py).
"""

from typing import Any, ClassVar

from sqlalchemy import Column, ForeignKey, Index, String, delete, insert, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from llmchat.library.words import words_of
from llmchat.store.columns import ORDERED, child_of, seq_column

VECTOR = "array_to_tsvector(string_to_array(words, ' '))"


class SearchableRow(SQLModel, table=True):
    """The different words of a message, or of the title where `message_id` is None."""

    __tablename__: ClassVar[Any] = "searchable"
    __table_args__: ClassVar[Any] = (
        Index("searchable_of_conversation", "conversation_id"),
        Index("searchable_words", text(VECTOR), postgresql_using="gin").ddl_if("postgresql"),
        ORDERED,
    )

    seq: int | None = seq_column()
    conversation_id: str = child_of("conversation")
    message_id: str | None = Field(
        sa_column=Column(String, ForeignKey("message.id", ondelete="CASCADE"), unique=True)
    )
    words: str


async def add_words(
    session: AsyncSession, conversation_id: str, message_id: str | None, content: str
) -> None:
    """The message, or the title, can be found from the end of this transaction on."""
    if words := words_of(content):
        values = {"conversation_id": conversation_id, "message_id": message_id, "words": words}
        await session.execute(insert(SearchableRow).values(**values))


async def retitle(session: AsyncSession, conversation_id: str, title: str | None) -> None:
    """The conversation is found by this title, and no other."""
    its = col(SearchableRow.conversation_id) == conversation_id
    await session.execute(delete(SearchableRow).where(its, col(SearchableRow.message_id).is_(None)))
    await add_words(session, conversation_id, None, title or "")
