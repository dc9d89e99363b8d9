"""A service that nobody has said anything about is open until somebody makes a key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from llmchat.access.base import Scope
from llmchat.access.keys import Keys
from llmchat.app import create_app
from llmchat.clock import Clock
from llmchat.datadir import restore_note
from llmchat.engines import open_database, schema_url
from llmchat.errors import StorageUnavailable
from llmchat.ids import OwnerId
from llmchat.lock import decided, too_open
from llmchat.settings import Settings
from llmchat.store import migrations, restoring
from llmchat.store.keys import SqlKeyStore
from tests.client import Client
from tests.service import Service
from tests.web.conftest import serve


async def test_a_key_locks_the_door_from_the_next_start_on(tmp_path: Path) -> None:
    service = Service(tmp_path)
    secret = await _make_key(Settings(data_dir=service.data_dir, discover=False))
    async with service.running(), service.client() as client:
        assert "Locked" in service.log
        assert await _statuses(client, secret) == (401, 200)


def test_so_it_does_in_an_application_of_ones_own(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, discover=False)
    app = create_app(settings)
    assert _status_without_key(app) == 200
    asyncio.run(_make_key(settings))
    assert _status_without_key(app) == 401
    assert _status_without_key(create_app(settings)) == 401


def test_it_is_decided_without_a_database_and_before_its_first_migration(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, discover=False)
    assert decided(settings).auth == "open"
    (tmp_path / "llmchat.db").touch()
    assert decided(settings).auth == "open"
    migrations.upgrade(schema_url(settings))
    assert decided(settings).auth == "open"
    asyncio.run(_make_key(settings))
    assert decided(settings).auth == "keys"
    asyncio.run(_revoke_all(settings))
    assert decided(settings).auth == "keys"
    assert decided(settings.model_copy(update={"auth": "open"})).auth == "open"
    assert decided(settings.model_copy(update={"allow_open": True})).auth == "open"


@pytest.mark.parametrize("had_data", [False, True])
def test_what_a_restore_that_was_cut_off_puts_in_place_decides(
    tmp_path: Path, had_data: bool
) -> None:
    settings = Settings(data_dir=tmp_path, discover=False)
    asyncio.run(_make_key(settings))
    path = tmp_path / "llmchat.db"
    path.replace(restoring.new_of(path))
    if had_data:
        migrations.upgrade(schema_url(settings))
    assert decided(settings).auth == "open"
    restoring.decide(restore_note(tmp_path), [path])
    there = sorted(tmp_path.iterdir())
    assert decided(settings).auth == "keys"
    assert sorted(tmp_path.iterdir()) == there
    restoring.finish(restore_note(tmp_path), [path])
    assert decided(settings).auth == "keys"


def test_a_broken_database_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "llmchat.db").write_text("no database, but long enough to be read as one" * 20)
    with pytest.raises(StorageUnavailable) as caught:
        decided(Settings(data_dir=tmp_path, discover=False))
    assert str(tmp_path / "llmchat.db") in caught.value.detail
    assert "llmchat db restore" in caught.value.detail


def test_a_data_directory_that_cannot_be_looked_into_is_named(tmp_path: Path) -> None:
    # Unlike a directory of somebody else's, a name this long stops root as well.
    folder = tmp_path / ("x" * 300)
    with pytest.raises(StorageUnavailable) as caught:
        decided(Settings(data_dir=folder, discover=False))
    assert str(folder) in caught.value.detail
    assert "LLMCHAT_DATA_DIR" in caught.value.detail


@pytest.mark.parametrize(
    ("given", "is_refused"),
    [
        ({"host": "127.0.0.2"}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "localhost.example"}, True),
        ({"host": "0.0.0.0", "allow_open": True}, False),
        ({"host": "0.0.0.0", "auth": "keys"}, False),
        ({"cors_origins": ("*",)}, True),
        ({"cors_origins": ("*",), "auth": "keys"}, False),
    ],
)
def test_what_is_too_open_does_not_start(given: dict[str, object], is_refused: bool) -> None:
    settings = Settings.model_validate({"auth": "open", **given})
    assert (too_open(settings) is not None) == is_refused


def _status_without_key(app: FastAPI) -> int:
    """What one start of the application answers."""
    with serve(app) as (url, _):
        return httpx2.get(f"{url}/api/me").status_code


async def _make_key(settings: Settings) -> str:
    """As `llmchat keys create` does it."""
    async with _keys(settings) as keys:
        return (await keys.create(OwnerId("ann"), "", [Scope.ADMIN]))[1]


async def _revoke_all(settings: Settings) -> None:
    async with _keys(settings) as keys:
        for key in await keys.list():
            await keys.revoke(key.id)


@asynccontextmanager
async def _keys(settings: Settings) -> AsyncIterator[Keys]:
    async with AsyncExitStack() as stack:
        yield Keys(SqlKeyStore(await open_database(settings, stack)), Clock().now)


async def _statuses(client: Client, secret: str) -> tuple[int, int]:
    """Without a key, and with it."""
    answers = [await client.http.get("/api/me", headers=h) for h in ({}, _bearer(secret))]
    return answers[0].status_code, answers[1].status_code


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
