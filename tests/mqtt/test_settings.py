"""The settings about MQTT, and what is said when they cannot be used."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from llmchat.settings import SettingsError, load_settings
from tests.mosquitto import Mosquitto
from tests.mqtt.device import until
from tests.service import PATIENCE_SECONDS, Service, environment

PROGRAM = Path(sys.executable).with_name("llmchat")
WITHOUT_THE_EXTRA = """
import sys
sys.modules["aiomqtt"] = None
from llmchat.cli import main
main()
"""


def problems(tmp_path: Path, **environ: str) -> str:
    with pytest.raises(SettingsError) as raised:
        load_settings(environ=environ, cwd=tmp_path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("URL", "http://user:hunter2@broker"),
        ("URL", "mqtt://user:hunter2@"),
        ("URL", "mqtt://user:hunter2@broker/path"),
        ("PREFIX", "llmchat/#"),
        ("PREFIX", "/llmchat"),
        ("PREFIX", "$SYS"),
        ("PREFIX", "a//b"),
        ("KEY_ID", "sk-llmchat-hunter2"),
        ("VERSION", "4"),
        ("GROUP", "a/b"),
        ("CLIENT_ID", "a b"),
        ("SESSION_SECONDS", "-1"),
    ],
)
def test_a_value_that_cannot_be_used_is_explained(tmp_path: Path, name: str, value: str) -> None:
    said = problems(tmp_path, **{f"LLMCHAT_MQTT_{name}": value})
    assert f"LLMCHAT_MQTT_{name} in the environment: expected" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "line",
    [
        'topics = "a/b"',
        'topics = "a+"',
        'topics = "a"\nkey = "sk-llmchat-secret"',
        'topics = "a"\nresponses = ["#"]',
        'topics = "a"\nresponses = ["$SYS/#"]',
        'topic = "a"',
    ],
)
def test_who_may_speak_is_checked(tmp_path: Path, line: str) -> None:
    (tmp_path / "llmchat.toml").write_text(f"[[mqtt.allow]]\n{line}\n")
    assert "mqtt" in problems(tmp_path)


def test_the_url_is_not_shown(tmp_path: Path) -> None:
    url = "mqtt://user:hunter2@broker:1884"
    settings = load_settings(environ={"LLMCHAT_MQTT_URL": url}, cwd=tmp_path)
    assert settings.mqtt_url == url
    assert "hunter2" not in repr(settings)


def llmchat(
    folder: Path, *command: str | Path, **environ: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(environ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path) -> None:
    done = llmchat(
        tmp_path,
        *(sys.executable, "-c", WITHOUT_THE_EXTRA, "serve", "--port", "0"),
        LLMCHAT_MQTT_URL="mqtt://127.0.0.1:1",
    )
    assert done.returncode == 1
    assert 'pip install "llmchat[mqtt]"' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
async def broker_with_tls(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(certificate.public_bytes(pem))
    private = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, private, serialization.NoEncryption()))
    lines = (
        "allow_anonymous true",
        f"certfile {folder}/ca.pem",
        f"keyfile {folder}/key.pem",
    )
    async with Mosquitto(folder, lines).running() as broker:
        yield broker


async def test_it_speaks_tls_and_trusts_nobody_unknown(
    broker_with_tls: Mosquitto, tmp_path: Path
) -> None:
    url = f"mqtts://localhost:{broker_with_tls.port}"
    trusting = {"LLMCHAT_MQTT_CA_FILE": str(tmp_path / "mosquitto/ca.pem")}
    check = (PROGRAM, "check", "--no-requests")
    done = await asyncio.to_thread(
        lambda: llmchat(tmp_path, *check, LLMCHAT_MQTT_URL=url, **trusting)
    )
    assert "The MQTT broker answers." in done.stdout + done.stderr
    done = await asyncio.to_thread(lambda: llmchat(tmp_path, *check, LLMCHAT_MQTT_URL=url))
    assert done.returncode == 1
    assert "lets nobody in" in done.stdout + done.stderr
    service = Service(tmp_path, LLMCHAT_MQTT_URL=url, **trusting)
    async with service.running():
        await until(lambda: "Connected to the MQTT broker" in service.log, "TLS")
