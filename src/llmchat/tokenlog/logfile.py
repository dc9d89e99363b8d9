"""The SQLite file of the embedded log: plain blocking SQL, called from one thread a connection."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from llmchat.tokenlog.segments import Growth

Durability = Literal["process", "disk"]
Row = tuple[int, int, str | None, str]

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    ended_at REAL
);
CREATE INDEX log_ended_at ON log (ended_at) WHERE ended_at IS NOT NULL;
CREATE TABLE segment (
    log INTEGER NOT NULL REFERENCES log (id) ON DELETE CASCADE,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    channel TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (log, first)
);
"""
_INSERT_LOG = "INSERT INTO log (id, name) VALUES (?, ?)"
_INSERT_SEGMENT = "INSERT INTO segment (log, first, last, channel, body) VALUES (?, ?, ?, ?, ?)"
_GROW_SEGMENT = "UPDATE segment SET last = ?, body = body || ? WHERE log = ? AND first = ?"
_END_LOG = "UPDATE log SET ended_at = ? WHERE id = ?"
_DELETE_LOG = "DELETE FROM log WHERE name = ?"
_EXPIRE_LOGS = "DELETE FROM log WHERE ended_at < ? RETURNING name"
_FIND_LOG = """
SELECT id, ended_at IS NOT NULL, (SELECT max(last) FROM segment WHERE log = log.id)
FROM log WHERE name = ?
"""
# From the segment on that has the offset behind the cursor in it.
_READ = """
SELECT first, last, channel, body FROM segment
WHERE log = :log AND first <= :upto AND first >= coalesce(
    (SELECT max(first) FROM segment WHERE log = :log AND first <= :after + 1), 0
) ORDER BY first
"""

# Checkpoints copy each changed page once, however often it changed: rare ones are cheap.
_CHECKPOINT_PAGES = 8192


@dataclass(slots=True)
class Write:
    """One append as rows. `log` is the row id of the log."""

    log: int
    name: str
    is_new: bool
    ends: bool
    growth: Growth


@dataclass(frozen=True, slots=True)
class Found:
    id: int
    last: int
    ended: bool


class LogFile:
    """Two connections to one file: `writer` and `reader`, each used by one thread at a time.

    Only the writer ever checkpoints. Two connections that checkpoint at the same moment can lose
    commits in SQLite before 3.51.3 (https://sqlite.org/wal.html#walresetbug).
    """

    def __init__(self, path: Path, durability: Durability) -> None:
        self._writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._writer.execute("PRAGMA journal_mode = WAL")
        self._writer.execute(f"PRAGMA synchronous = {'FULL' if durability == 'disk' else 'NORMAL'}")
        self._writer.execute("PRAGMA foreign_keys = ON")
        self._writer.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        self._migrate()
        self._reader = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._reader.execute("PRAGMA wal_autocheckpoint = 0")
        self._reader.execute("PRAGMA query_only = ON")

    def _migrate(self) -> None:
        (version,) = self._writer.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._writer.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT"
            )
        elif version != _SCHEMA_VERSION:
            raise sqlite3.DatabaseError(
                f"the log has version {version}, and this llmchat writes version {_SCHEMA_VERSION}"
            )

    def next_id(self) -> int:
        (highest,) = self._writer.execute("SELECT coalesce(max(id), 0) FROM log").fetchone()
        return int(highest) + 1

    def commit(self, writes: Sequence[Write], now: float) -> None:
        """Store all of `writes` in one transaction, or none of them."""
        execute, executemany = self._writer.execute, self._writer.executemany
        execute("BEGIN IMMEDIATE")
        try:
            executemany(_INSERT_LOG, [(w.log, w.name) for w in writes if w.is_new])
            executemany(
                _INSERT_SEGMENT,
                [
                    (w.log, s.first, s.last, s.channel, s.body)
                    for w in writes
                    for s in w.growth.added
                ],
            )
            # After the new rows: an append may grow what the one before it, in this batch, added.
            executemany(
                _GROW_SEGMENT,
                [(g.last, g.body, w.log, g.first) for w in writes if (g := w.growth.grown)],
            )
            executemany(_END_LOG, [(now, w.log) for w in writes if w.ends])
            execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def delete(self, names: Iterable[str]) -> None:
        execute = self._writer.execute
        execute("BEGIN IMMEDIATE")
        try:
            self._writer.executemany(_DELETE_LOG, [(name,) for name in names])
            execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def expire(self, ended_before: float) -> list[str]:
        return [name for (name,) in self._writer.execute(_EXPIRE_LOGS, (ended_before,)).fetchall()]

    def find(self, name: str) -> Found | None:
        row = self._reader.execute(_FIND_LOG, (name,)).fetchone()
        return None if row is None else Found(row[0], row[2] or 0, bool(row[1]))

    def rows(self, log: int, after: int, upto: int, most_chars: int | None) -> list[Row]:
        """The segments with offsets above `after`, to `upto`, at least one, about `most_chars`."""
        found: list[Row] = []
        chars = 0
        cursor = self._reader.execute(_READ, {"log": log, "after": after, "upto": upto})
        for row in cursor:
            found.append(row)
            chars += len(row[3])
            if most_chars is not None and chars >= most_chars:
                break
        cursor.close()
        return found

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def _roll_back(self) -> None:
        # SQLite itself rolls back on some errors (a full disk), and then there is nothing open.
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")
