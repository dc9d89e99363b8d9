"""What every KeyStore does, over SQLite and Postgres."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llmchat.access.base import ApiKey, KeyStore, Scope
from llmchat.errors import NotFound
from llmchat.ids import KeyId, OwnerId, new_id
from llmchat.store import migrations
from llmchat.store.keys import SqlKeyStore
from llmchat.store.postgres import PostgresDatabase
from llmchat.store.sqlite import SqliteDatabase
from tests import postgres

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture(params=["sqlite", "postgres"])
async def keys(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[KeyStore, None]:
    if request.param == "sqlite":
        path = tmp_path / "llmchat.db"
        await asyncio.to_thread(migrations.upgrade, migrations.sqlite_url(path))
        async with aclosing(SqliteDatabase(path)) as database:
            yield SqlKeyStore(database)
    else:
        with postgres.shared().migrated_database() as url:
            async with aclosing(PostgresDatabase(url)) as shared:
                yield SqlKeyStore(shared)


def key(user: str = "ann", **fields: object) -> ApiKey:
    made = {
        "id": KeyId(new_id("key")),
        "user": OwnerId(user),
        "name": "Ann's laptop",
        "scopes": frozenset({Scope.CHAT, Scope.READ}),
        "digest": "d1",
        "created_at": NOW,
        "expires_at": LATER,
    }
    return ApiKey(**{**made, **fields})  # type: ignore[arg-type]


async def test_what_is_added_is_found_as_it_was(keys: KeyStore) -> None:
    mine = key()
    await keys.add(mine)

    assert await keys.find(mine.id) == mine
    assert await keys.find(KeyId("key_none")) is None


async def test_all_are_listed_the_oldest_first(keys: KeyStore) -> None:
    made = [key("ann"), key("bob", expires_at=None), key("ann")]
    for each in made:
        await keys.add(each)

    assert await keys.list() == made


async def test_a_revoked_key_keeps_the_time_of_its_first_revocation(keys: KeyStore) -> None:
    mine = key()
    await keys.add(mine)

    assert (await keys.revoke(mine.id, NOW)).revoked_at == NOW
    assert (await keys.revoke(mine.id, LATER)).revoked_at == NOW
    found = await keys.find(mine.id)
    assert found is not None
    assert found.revoked_at == NOW
    assert not found.usable(NOW)


async def test_what_is_not_there_cannot_be_revoked(keys: KeyStore) -> None:
    with pytest.raises(NotFound, match="key_none"):
        await keys.revoke(KeyId("key_none"), NOW)


async def test_its_use_is_noted(keys: KeyStore) -> None:
    mine, other = key(), key()
    await keys.add(mine)
    await keys.add(other)
    await keys.used(mine.id, LATER)

    assert [each.last_used_at for each in await keys.list()] == [LATER, None]


async def test_of_all_first_keys_one_is_made(keys: KeyStore) -> None:
    made = await asyncio.gather(*(keys.add_first(key()) for _ in range(8)))

    assert sum(made) == 1
    assert len(await keys.list()) == 1


async def test_there_is_no_first_key_behind_another_one(keys: KeyStore) -> None:
    await keys.add(key())
    await keys.revoke((await keys.list())[0].id, NOW)

    assert not await keys.add_first(key())
