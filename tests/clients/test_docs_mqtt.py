"""The examples of docs/mqtt.md, as they stand there, and the broker of deploy/."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from tests import system
from tests.mosquitto import Mosquitto
from tests.mqtt.device import Device, until
from tests.process import PATIENCE_SECONDS
from tests.programs import program
from tests.service import Service

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/mqtt.md").read_text()
SOURCES = Path(__file__).parent / "mqtt"
CACHE = ROOT / ".venv/.clients"
NPM = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline")
INSTALL_SECONDS = 100


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with Mosquitto(tmp_path / "mosquitto").running() as broker:
        yield broker


@pytest.fixture
async def service(broker: Mosquitto, tmp_path: Path) -> AsyncIterator[Service]:
    service = Service(tmp_path, LLMCHAT_MQTT_URL=broker.url, LLM_MODEL="demo/echo")
    async with service.running():
        with Device(broker) as device:
            await until(lambda: bool(device.online()), "online", device)
        yield service


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with MQTT.js in its node_modules."""
    program("node")
    folder = CACHE / "mqtt"
    lock = (SOURCES / "package-lock.json").read_bytes()
    if not (folder / "done").exists() or (folder / "done").read_bytes() != lock:
        shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
        done = subprocess.run(
            [program("npm"), *NPM],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
        if done.returncode:
            reason = f"npm ci failed, which needs the network: {done.stderr.strip()[-500:]}"
            if system.none_may_be_missing():
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        (folder / "done").write_bytes(lock)
    return folder


async def run(*command: str | Path, folder: Path | None = None) -> str:
    done = await asyncio.to_thread(
        lambda: subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
            cwd=folder,
        )
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.usefixtures("service")
async def test_the_commands_of_mosquitto(broker: Mosquitto) -> None:
    program("mosquitto_sub"), program("mosquitto_pub")
    listen, speak = (it.replace("$PORT", str(broker.port)) for it in examples("sh"))
    before = broker.log.count("New client connected")
    listening = asyncio.create_task(run("sh", "-c", listen))
    await until(lambda: broker.log.count("New client connected") > before, "the listener")
    await run("sh", "-c", speak)
    assert orjson.loads(await listening)["text"] == "You said: the quick brown fox"


@pytest.mark.usefixtures("service")
async def test_paho_gets_its_response(broker: Mosquitto, tmp_path: Path) -> None:
    (example,) = examples("python")
    (tmp_path / "example.py").write_text(example)
    said = await run(sys.executable, tmp_path / "example.py", str(broker.port))
    correlation, _, payload = said.partition(" ")
    assert correlation == "b'42'"
    assert (orjson.loads(payload)["text"], orjson.loads(payload)["id"]) == ("You said: hello", "42")


@pytest.mark.usefixtures("service")
async def test_mqtt_js_reads_an_answer_as_it_is_written(broker: Mosquitto, packages: Path) -> None:
    (example,) = examples("javascript")
    script = packages / "example.mjs"
    script.write_text(example)
    said = await run(program("node"), script, str(broker.port), folder=packages)
    assert said == "You said: hello"


async def test_the_settings_of_the_document_can_be_used(tmp_path: Path) -> None:
    (example,) = examples("toml")
    (tmp_path / "llmchat.toml").write_text(example)
    program_ = Path(sys.executable).with_name("llmchat")
    said = await run("env", "-i", program_, "db", "upgrade", folder=tmp_path)
    assert "is at" in said


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """A broker with the files of deploy/, in another place and on another port."""
    folder = tmp_path / "guarded"
    folder.mkdir()
    shutil.copy(ROOT / "deploy/mosquitto.acl", folder)
    (folder / "mosquitto.acl").chmod(0o600)
    text = (ROOT / "deploy/mosquitto.conf").read_text()
    broker = Mosquitto(folder, config=folder / "mosquitto.conf")
    for old, new in (
        ("listener 1883 ", f"listener {broker.port} "),
        ("/etc/mosquitto", str(folder)),
        ("/var/lib/mosquitto", str(folder)),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "mosquitto.conf").write_text(f"{text}\nuser root\n")
    passwords = folder / "passwords"
    passwords.touch(0o600)
    for user in ("llmchat", "kitchen", "garage"):
        await run(program("mosquitto_passwd"), "-b", passwords, user, f"{user}-secret")
    async with broker.running():
        yield broker


async def test_a_device_reaches_its_own_conversation_and_no_other(
    guarded: Mosquitto, tmp_path: Path
) -> None:
    url = guarded.url.replace("//", "//llmchat:llmchat-secret@")
    service = Service(tmp_path, LLMCHAT_MQTT_URL=url, LLM_MODEL="demo/echo")
    async with service.running(), service.client() as client:
        with (
            Device(guarded, user="kitchen", password="kitchen-secret") as kitchen,
            Device(guarded, user="garage", password="garage-secret") as garage,
        ):
            await until(lambda: bool(kitchen.online()), "online", kitchen)
            for command in ("input", "stop", "resume", "delta", "response"):
                garage.publish(f"llmchat/kitchen/{command}", '{"content": "stolen"}')
            garage.publish("llmchat/status", "offline", retain=True)
            garage.say("garage", "hello")
            await garage.answer("garage")
            kitchen.say("kitchen", "mine", response_topic="llmchat/kitchen/replies/1")
            answer = await kitchen.answer("kitchen")
            await kitchen.one("kitchen/replies/1")
            assert answer.text == "You said: mine"
            assert {it.topic.split("/")[1] for it in kitchen.heard} == {"kitchen", "status"}
            assert {it.topic.split("/")[1] for it in garage.heard} == {"garage", "status"}
            assert not any(b"stolen" in it.payload for it in kitchen.heard)
            assert len(await client.messages(answer.end["conversation_id"])) == 2
        wrong = Service(tmp_path / "wrong", LLMCHAT_MQTT_URL=guarded.url)
        async with wrong.running():
            await until(lambda: "The MQTT broker is away" in wrong.log, "its complaint")
