"""Two services to point a client at, one open and one locked, and its user's script in a process of
its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.test_isolation import first_key
from tests.clients.environments import python_of
from tests.service import Service, environment
from tests.upstream import Upstream, mock_upstream
from tests.web.locked import bearer

SCRIPTS = Path(__file__).with_name("scripts")
RUN_SECONDS = 60
REQUESTS_PER_MINUTE = 5


@dataclass(frozen=True, slots=True)
class Dialects:
    """The open service takes its models from `upstream`; the locked one allows few requests."""

    open: Service
    locked: Service
    admin: str
    upstream: Upstream
    folder: Path

    async def key_for(self, user: str) -> str:
        """A key to the locked service, whose user has not called yet."""
        body = {"name": user, "user": user, "scopes": ["chat"]}
        async with self.locked.client() as client:
            made = await client.http.post("/api/keys", json=body, headers=bearer(self.admin))
        assert made.status_code == 201, made.text
        return str(made.json()["secret"])

    async def run(self, name: str, script: str, *arguments: str) -> Mapping[str, Any]:
        """What a script prints last, as JSON, run by the Python of that environment."""
        command = [python_of(name), SCRIPTS / f"{script}.py", *arguments]
        told = await self.output(*map(str, command))
        found: Mapping[str, Any] = json.loads(told.splitlines()[-1])
        return found

    async def output(self, *command: str) -> str:
        """What a command prints; it fails unless that succeeds."""
        settings = {
            "OPENAI_BASE_URL": f"{self.open.base_url}/v1",
            "OPENAI_API_BASE": f"{self.open.base_url}/v1",
            "OPENAI_API_KEY": "unused",
            "HOME": str(self.folder),
            "LLM_USER_PATH": str(self.folder),
        }
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment({}) | settings,
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(RUN_SECONDS):
                told, complained = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, (told.decode(), complained.decode())
        return told.decode()


@asynccontextmanager
async def dialects(folder: Path) -> AsyncIterator[Dialects]:
    """Both services, each with a process of its own."""
    for name in ("open", "locked"):
        (folder / name).mkdir()
    async with mock_upstream() as upstream:
        opened = Service(
            folder / "open", OPENAI_BASE_URL=upstream.base_url, OPENAI_API_KEY="sk-test"
        )
        locked = Service(
            folder / "locked",
            LLMCHAT_AUTH="keys",
            LLM_RATE_LIMIT=REQUESTS_PER_MINUTE,
        )
        async with opened.running(), locked.running():
            yield Dialects(opened, locked, await first_key(locked), upstream, folder)
