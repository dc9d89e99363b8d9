"""`ws` of npm, unmodified and pinned, in a room."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import system
from tests.programs import program
from tests.service import PATIENCE_SECONDS, Service
from tests.upstream import answer_text

SOURCES = Path(__file__).parent / "socket"
CACHE = Path(__file__).parents[2] / ".venv" / ".clients"
INSTALL_SECONDS = 100
NPM = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline")


@pytest.fixture(scope="module")
def packages() -> Path:
    """A folder with `ws` in its node_modules."""
    lock = (SOURCES / "package-lock.json").read_bytes()
    folder = CACHE / f"socket-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not (folder / "done").exists():
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
        (folder / "done").touch()
    return folder


async def test_it_reads_an_answer_over_a_cut(packages: Path, tmp_path: Path) -> None:
    node = program("node")
    shutil.copy(SOURCES / "client.mjs", packages)
    async with Service(tmp_path).running() as service, service.client() as client:
        extra = {"tokens": 200, "tokens_per_second": 400}
        conversation = await client.conversation(model="demo/story", params={"extra": extra})
        url = f"{service.base_url.replace('http', 'ws', 1)}/api/ws"
        running = await asyncio.create_subprocess_exec(
            *(node, "client.mjs", url, conversation),
            cwd=packages,
            env={"PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                said, complained = await running.communicate()
        finally:
            if running.returncode is None:
                running.kill()
                await running.wait()
    assert running.returncode == 0, complained.decode()
    seen = json.loads(said)
    assert (seen["protocol"], seen["status"], seen["cuts"], seen["gaps"]) == (
        "llmchat.v1",
        "complete",
        1,
        0,
    )
    assert seen["text"] == answer_text(tokens=200)
