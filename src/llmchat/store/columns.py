"""Columns that several tables have, spelt so that SQLite and Postgres mean the same."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    String,
    text,
)
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field


class Utc(TypeDecorator[datetime]):
    """A time in UTC. SQLite keeps no time zone, and a naive time compares with no other."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def json_column() -> Any:
    return Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))


def time_column(*, nullable: bool = False) -> Any:
    column = Column(Utc, nullable=nullable)
    return Field(default=None, sa_column=column) if nullable else Field(sa_column=column)


def seq_column() -> Any:
    return Field(default=None, sa_column=Column(BIG, primary_key=True))


def offset_column(*, nullable: bool = False) -> Any:
    if nullable:
        return Field(default=None, sa_column=Column(BIG, nullable=True))
    return Field(default=1, sa_column=Column(BIG, nullable=False, server_default=text("1")))


def amount_column(*, nullable: bool = False) -> Any:
    if nullable:
        return Field(default=None, sa_column=Column(BIG, nullable=True))
    return Field(default=0, sa_column=Column(BIG, nullable=False, server_default=text("0")))


def place_column() -> Any:
    return Field(default=0, sa_column=Column(BIG, nullable=False, server_default=text("0")))


def word_column(default: str) -> Any:
    column = Column(String, nullable=False, server_default=text(f"'{default}'"))
    return Field(default=default, sa_column=column)


def child_of(table: str, *, primary_key: bool = False) -> Any:
    key = ForeignKey(f"{table}.id", ondelete="CASCADE")
    return Field(sa_column=Column(String, key, nullable=False, primary_key=primary_key))


# SQLite counts by itself only in a column that is called INTEGER; all of its are 64 bits wide.
BIG = BigInteger().with_variant(Integer(), "sqlite")

# AUTOINCREMENT: an order that no clock can change and no deletion can reuse.
ORDERED = {"sqlite_autoincrement": True}
