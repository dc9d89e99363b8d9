"""The log is away while the store is there: what a device says is stored once, and answered."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmchat.app import create_app
from llmchat.errors import StorageUnavailable
from llmchat.mqtt import unpublished
from llmchat.settings import Settings
from tests.client import connect
from tests.mosquitto import Mosquitto
from tests.mqtt.conftest import ECHO
from tests.mqtt.device import Device, until
from tests.web.conftest import serve

FOX = "the quick brown fox"


class Refusing:
    """A log that refuses to begin as often as it is told to."""

    def __init__(self, log: Any) -> None:
        self.times = 0
        self._log = log

    async def append(self, *given: Any, at: int, **options: Any) -> Any:
        if at == 1 and self.times:
            self.times -= 1
            raise StorageUnavailable("The log is away.")
        return await self._log.append(*given, at=at, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


@pytest.fixture
def service(
    tmp_path: Path, broker: Mosquitto, qos: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Refusing]]:
    """One that has to tell by itself: nobody looks for what is left."""
    monkeypatch.setattr(unpublished, "ALONE_SECONDS", 1_000_000)
    settings = Settings(
        data_dir=tmp_path,
        discover=False,
        mqtt_url=broker.url,
        default_model=ECHO,
        mqtt_prefix=f"away-{qos}",
    )
    app = create_app(settings)
    with serve(app) as (url, _):
        runner = app.state.parts.runner
        runner._log = log = Refusing(runner._log)
        yield url, log


@pytest.mark.parametrize("qos", [0, 1])
async def test_an_input_without_an_id_is_stored_once_and_told(
    broker: Mosquitto, service: tuple[str, Refusing], qos: int
) -> None:
    url, log = service
    with Device(broker, prefix=f"away-{qos}") as device:
        await device.listening()
        await until(lambda: bool(device.online()), "online", device)
        for number in (1, 2):
            log.times = 1
            device.say("kitchen", FOX, qos=qos)
            told = await device.answer("kitchen", number)
            assert told.text == told.end["text"] == f"You said: {FOX}"
        device.say("kitchen", "fence")
        answer = await device.answer("kitchen", 3)
    async with connect(url) as client:
        messages = await client.messages(answer.end["conversation_id"])
    assert [it["content"] for it in messages[::2]] == [FOX, FOX, "fence"]
