"""What every AuditStore does, over SQLite and Postgres; and what is said where there is none."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from llmchat.access.audit import Audit
from llmchat.access.base import OPERATOR, Action, Actor, AuditEntry, AuditStore, Outcome
from llmchat.ids import KeyId, OwnerId
from llmchat.store import migrations
from llmchat.store.audit import SqlAuditStore
from llmchat.store.postgres import PostgresDatabase
from llmchat.store.sqlite import SqliteDatabase
from tests import postgres

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
ANN = Actor(OwnerId("ann"), KeyId("key_1"), "2001:db8::1", "req_1")


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[AuditStore, None]:
    if request.param == "sqlite":
        path = tmp_path / "llmchat.db"
        await asyncio.to_thread(migrations.upgrade, migrations.sqlite_url(path))
        async with aclosing(SqliteDatabase(path)) as database:
            yield SqlAuditStore(database)
    else:
        with postgres.shared().migrated_database() as url:
            async with aclosing(PostgresDatabase(url)) as shared:
                yield SqlAuditStore(shared)


@pytest.fixture(autouse=True)
def captured_logs() -> Iterator[None]:
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    yield
    structlog.reset_defaults()


async def test_entries_are_kept_as_they_were_in_their_order(store: AuditStore) -> None:
    audit = Audit(store, lambda: NOW)
    await audit.record(ANN, Action.KEY_CREATE, "key_2")
    await audit.record(OPERATOR, Action.KEY_REVOKE, "key_2", Outcome.UNKNOWN)
    await audit.record(Actor(None, KeyId("key_1")), Action.SESSION_DELETE, None)

    assert await store.list() == [
        AuditEntry(NOW, ANN, Action.KEY_CREATE, "key_2"),
        AuditEntry(NOW, OPERATOR, Action.KEY_REVOKE, "key_2", Outcome.UNKNOWN),
        AuditEntry(NOW, Actor(None, KeyId("key_1")), Action.SESSION_DELETE, None),
    ]


async def test_what_cannot_be_stored_is_an_error_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    # Nobody has made the table.
    async with aclosing(SqliteDatabase(tmp_path / "empty.db")) as database:
        await Audit(SqlAuditStore(database), lambda: NOW).record(ANN, Action.KEY_REVOKE, "key_2")

    said = [record for record in caplog.records if record.name == "llmchat.access.audit"]
    assert [(record.levelname, record.getMessage()) for record in said] == [
        ("INFO", "Audit"),
        ("ERROR", "An action is not in the audit table"),
    ]
    for record in said:
        told = {name: getattr(record, name) for name in ("action", "object_id", "user", "key_id")}
        assert told == {
            "action": "key.revoke",
            "object_id": "key_2",
            "user": "ann",
            "key_id": "key_1",
        }
