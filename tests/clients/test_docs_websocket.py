"""The examples of docs/websocket.md, as they stand there."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.test_socket_ws import packages as packages  # noqa: PLC0414 - a fixture
from tests.programs import program
from tests.service import PATIENCE_SECONDS, Service
from tests.web.conftest import UNPACED

DOCUMENT = (Path(__file__).parents[2] / "docs/websocket.md").read_text()


@pytest.mark.parametrize("language", ["python", "javascript"])
async def test_an_example_prints_the_answer(
    language: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (example,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    if language == "python":
        command, script = [Path(sys.executable)], tmp_path / "example.py"
    else:
        command, script = [program("node")], request.getfixturevalue("packages") / "example.mjs"
    script.write_text(example)
    async with Service(tmp_path).running() as service, service.client() as client:
        model = {"model": "demo/echo", "params": {"extra": UNPACED}}
        conversation = await client.conversation(**model)
        url = service.base_url.replace("http", "ws", 1)
        done = await asyncio.to_thread(
            lambda: subprocess.run(
                [*command, script, url, conversation],
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
        )
    assert done.stdout == "You said: the quick brown fox", done.stderr
