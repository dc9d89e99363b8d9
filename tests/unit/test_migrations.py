"""The schema that the scripts make is the one that the code uses, whatever interrupts them."""

import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event
from sqlmodel import SQLModel

from llmchat.store import migrations, rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "100% of a folder %41&name=#1?x=%20"
    folder.mkdir()
    return folder / "llmchat.db"


@pytest.fixture
def url(path: Path) -> str:
    return migrations.sqlite_url(path)


def test_an_upgrade_makes_the_file_that_was_asked_for(path: Path, url: str) -> None:
    migrations.upgrade(url)
    assert [found.name for found in path.parent.iterdir()] == ["llmchat.db"]
    assert [found.name for found in path.parent.parent.iterdir()] == [path.parent.name]
    current, wanted = migrations.revisions(url)
    assert current == wanted is not None


@pytest.mark.filterwarnings("ignore:autogenerate skipping:UserWarning")  # Of Postgres alone.
def test_the_migrated_schema_is_that_of_the_tables(path: Path, url: str) -> None:
    migrations.upgrade(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_name": lambda name, *_: name is None or not of_the_search(name),
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, rows.ConversationRow.metadata) == []
    engine.dispose()


def test_columns_keys_and_indexes_are_those_of_the_tables(
    path: Path, url: str, tmp_path: Path
) -> None:
    """As SQLite itself sees them: alembic's comparison knows no AUTOINCREMENT."""
    migrations.upgrade(url)
    created = tmp_path / "created.db"
    engine = create_engine(migrations.sqlite_url(created))
    SQLModel.metadata.create_all(engine)
    engine.dispose()
    assert schema(path) == schema(created)


def test_every_step_leads_down_and_up_again(path: Path, url: str) -> None:
    migrations.upgrade(url)
    up = schema(path)
    for _ in ScriptDirectory.from_config(migrations.config_for(url)).walk_revisions():
        migrations.downgrade(url)
    assert schema(path) == {}
    assert migrations.revisions(url)[0] is None
    migrations.upgrade(url)
    assert schema(path) == up


def test_what_was_there_before_is_in_its_first_attempt(path: Path, url: str) -> None:
    migrations.upgrade(url, "0001")
    columns = {
        **dict.fromkeys(("id", "conversation_id", "message_id", "owner", "status", "model"), "x"),
        **dict.fromkeys(("attempt", "beats", "stop_requested", "closed", "created_at"), 0),
    }
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    with closing(sqlite3.connect(path)) as connection, connection:
        insert = f"INSERT INTO generation ({names}) VALUES ({marks})"
        connection.execute(insert, list(columns.values()))
    migrations.upgrade(url)
    with closing(sqlite3.connect(path)) as connection:
        (began,) = connection.execute("SELECT attempt_began_at FROM generation").fetchone()
    assert began == 1


def test_messages_outlive_the_way_down_and_up_without_their_calls(path: Path, url: str) -> None:
    migrations.upgrade(url)
    message = {
        **dict.fromkeys(("id", "conversation_id", "role", "status", "reasoning"), "x"),
        "content": "the text",
        "depth": 0,
        "created_at": 0,
        "parts": '["the text"]',
        "tool_calls": "[]",
        "tool_call_id": "call_a",
    }
    names, marks = ", ".join(message), ", ".join("?" * len(message))
    with closing(sqlite3.connect(path)) as connection, connection:
        insert = f"INSERT INTO message ({names}) VALUES ({marks})"
        connection.execute(insert, list(message.values()))
    migrations.downgrade(url, "0002")
    migrations.upgrade(url)
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT content, parts, tool_calls, tool_call_id FROM message"
        assert connection.execute(query).fetchall() == [("the text", None, None, None)]


def test_an_upgrade_of_what_is_new_already_changes_nothing(path: Path, url: str) -> None:
    migrations.upgrade(url)
    before = path.read_bytes()
    migrations.upgrade(url)
    assert path.read_bytes() == before


def test_an_upgrade_that_was_interrupted_can_be_done_again(tmp_path: Path) -> None:
    for statement in count(1):
        path = tmp_path / f"{statement}.db"
        url = migrations.sqlite_url(path)
        if not upgraded_before(url, statement):
            break
        assert schema(path) == {}, "nothing half is kept"
        migrations.upgrade(url)
        current, wanted = migrations.revisions(url)
        assert current == wanted
    assert statement > len(SQLModel.metadata.tables)


class Interruption(Exception):
    """In place of a `kill -9`: nothing after it is executed, and nothing is committed."""


def upgraded_before(url: str, statement: int) -> bool:
    """Upgrade until a statement that changes something; whether there are so many."""
    seen: list[str] = []

    def interrupt(_: Any, __: Any, sql: str, *rest: Any) -> None:
        if sql.lstrip().startswith(("CREATE", "INSERT", "UPDATE")):
            seen.append(sql)
            if len(seen) == statement:
                raise Interruption

    event.listen(Engine, "before_cursor_execute", interrupt)
    try:
        migrations.upgrade(url)
        return False
    except Interruption:
        return True
    finally:
        event.remove(Engine, "before_cursor_execute", interrupt)


def of_the_search(name: str) -> bool:
    """SQLite's own tables of the full-text index, and the triggers that keep it."""
    return name.startswith(("searchable_index", "searchable_added", "searchable_removed"))


def schema(path: Path) -> dict[str, object]:
    """Tables with columns, keys and the way they count, and indexes, by name."""
    found: dict[str, object] = {}
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic_%'"
        for kind, name, sql in connection.execute(query).fetchall():
            if name.startswith("sqlite_") or of_the_search(name):
                continue
            if kind == "index":
                found[name] = " ".join(sql.split())
            else:
                found[name] = (
                    sorted(row[1:] for row in connection.execute(f"PRAGMA table_info({name})")),
                    sorted(connection.execute(f"PRAGMA foreign_key_list({name})")),
                    "AUTOINCREMENT" in sql,
                )
    return found
