"""What `llmchat check` says of the broker."""

from contextlib import AsyncExitStack
from pathlib import Path

from llmchat.access.base import Scope
from llmchat.access.keys import Keys
from llmchat.clock import Clock
from llmchat.doctor import Finding, examine
from llmchat.engines import open_database
from llmchat.ids import OwnerId
from llmchat.settings import Settings
from llmchat.store.keys import SqlKeyStore
from tests.mosquitto import Mosquitto


async def test_nobody_may_speak_once_a_key_has_locked_the_service(
    broker: Mosquitto, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, discover=False, mqtt_url=broker.url)
    assert not (await _about_the_broker(settings)).is_fault
    async with AsyncExitStack() as stack:
        keys = Keys(SqlKeyStore(await open_database(settings, stack)), Clock().now)
        await keys.create(OwnerId("ann"), "", [Scope.ADMIN])
    found = await _about_the_broker(settings)
    assert found.is_fault
    assert "LLMCHAT_MQTT_KEY_ID" in found.text


async def test_a_database_that_cannot_be_asked_is_told_of_by_its_own_line(
    broker: Mosquitto, tmp_path: Path
) -> None:
    (tmp_path / "llmchat.db").write_text("no database, but long enough to be read as one" * 20)
    settings = Settings(data_dir=tmp_path, discover=False, mqtt_url=broker.url)
    assert not (await _about_the_broker(settings)).is_fault


async def _about_the_broker(settings: Settings) -> Finding:
    found = await examine(settings, requests=False)
    (about,) = [it for it in found if "MQTT" in it.text]
    return about
