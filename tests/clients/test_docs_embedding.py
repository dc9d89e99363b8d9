"""docs/embedding.md: every example is run, as it stands there."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from llmchat import Answer, Chats, Client, Conversation
from tests.process import Process
from tests.service import PATIENCE_SECONDS, Service, environment, free_port, listens

PAGE = (Path(__file__).parents[2] / "docs/embedding.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:8000"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = [
    (code, output)
    for (language, code), (kind, output) in pairwise([*BLOCKS, ("", "")])
    if language == "python" and kind == "text"
]
(MOUNTED,) = [code for language, code in BLOCKS if "app.mount" in code]
(SHELL,) = [code for language, code in BLOCKS if language == "sh"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with Service(tmp_path_factory.mktemp("service")).running() as running:
        yield running


async def run(folder: Path, *command: str | Path) -> str:
    """What it prints, all of it: logs too are no part of an example."""
    done = await asyncio.to_thread(
        lambda: subprocess.run(
            command,
            cwd=folder,
            env=environment({"XDG_STATE_HOME": str(folder)}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
async def test_an_example_prints_what_stands_below_it(
    service: Service, tmp_path: Path, number: int
) -> None:
    code, output = EXAMPLES[number]
    (tmp_path / "example.py").write_text(code.replace(ADDRESS, service.base_url))
    assert await run(tmp_path, sys.executable, "example.py") == output


@pytest.mark.asyncio(loop_scope="module")
async def test_the_pipe_prints_the_answer(service: Service, tmp_path: Path) -> None:
    line = SHELL.splitlines()[-1]
    program = Path(sys.executable).with_name("llmchat")
    line = line.replace("llmchat chat", f"{program} chat --url {service.base_url}")
    assert await run(tmp_path, "sh", "-c", line) == "You said: the quick brown fox\n"


async def test_the_service_is_mounted_behind_other_routes(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "main.py").write_text(MOUNTED)
    command = [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port)]
    uvicorn = Process(tmp_path / "log")
    uvicorn.launch([*command, "--timeout-graceful-shutdown", "5"], tmp_path, environment({}))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not listens(port):
                assert uvicorn.alive, uvicorn.log
                await asyncio.sleep(0.05)
        url = f"http://127.0.0.1:{port}"
        async with httpx2.AsyncClient(base_url=url, timeout=30) as http, Client(url) as client:
            assert (await http.get("/summary")).json() == {"summary": "You said: Hello"}
            assert "text/html" in (await http.get("/")).headers["content-type"]
            conversation = await client.session("summaries")
            said = [message.content async for message in conversation.history()]
            assert said == ["Hello", "You said: Hello"]
            answer = await conversation.send("again", model="demo/echo")
            assert await answer == "You said: again"
    finally:
        uvicorn.signal(signal.SIGTERM)
        assert await uvicorn.exit_code() in (0, -signal.SIGTERM), uvicorn.log


def test_every_method_is_named() -> None:
    for kind in (Answer, Conversation, Chats):
        public = [name for name in vars(kind) if not name.startswith("_")]
        assert [name for name in public if not re.search(rf"\b{name}\(", PAGE)] == []
