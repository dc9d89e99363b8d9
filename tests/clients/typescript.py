"""The client in clients/typescript: built and packed once, installed into a project of its own.
As a program it makes the client's types of the API anew."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from llmchat.app import create_app
from llmchat.settings import Settings
from tests.clients import node
from tests.programs import program
from tests.service import PATIENCE_SECONDS

SOURCES = Path(__file__).parents[2] / "clients" / "typescript"
SCRIPTS = Path(__file__).with_name("npm")
TYPES = SOURCES / "src" / "openapi.ts"
_RUN_SECONDS = 90
_OURS = ("src", "test", "scripts")


def _files() -> list[Path]:
    """All that is ours: not what npm and the compiler make."""
    below = (path for folder in _OURS for path in (SOURCES / folder).rglob("*"))
    return sorted(path for path in (*SOURCES.iterdir(), *below) if path.is_file())


def run(folder: Path, *command: str | Path) -> str:
    """What it prints. Fails with that, and what it complained about."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_RUN_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def workshop(folder: Path) -> Path:
    """Its sources, with its tools."""
    tools = node.packages(SOURCES)
    for path in _files():
        (folder / path.relative_to(SOURCES)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path.relative_to(SOURCES))
    (folder / "node_modules").symlink_to(tools / "node_modules")
    return folder


def tarball() -> Path:
    """What `npm pack` makes of these sources."""
    found = hashlib.sha256()
    for path in _files():
        found.update(f"{path.relative_to(SOURCES)}\0{path.stat().st_size}\0".encode())
        found.update(path.read_bytes())
    folder = node.made_once(f"typescript-packed-{found.hexdigest()[:16]}", _pack)
    (packed,) = folder.glob("*.tgz")
    return packed


def _pack(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as made:
        run(workshop(Path(made)), program("npm"), "pack", "--silent", "--pack-destination", folder)


def project(folder: Path) -> Path:
    """A project that has installed it, and nothing else."""
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    quiet = ("--offline", "--no-audit", "--no-fund", "--loglevel=error")
    run(folder, program("npm"), "install", *quiet, tarball())
    for path in SCRIPTS.iterdir():
        shutil.copy(path, folder)
    return folder


def types_of(document: Any, shop: Path) -> str:
    """The module with the types of that API."""
    (shop / "openapi.json").write_text(json.dumps(document))
    run(shop, program("node"), "scripts/types.mjs", "openapi.json", "made.ts")
    return (shop / "made.ts").read_text("utf-8")


class Script:
    """A script of a project that runs, and prints a line of JSON whenever there is something."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any]:
        """The next line; fails when it has ended, or says nothing for long."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = await self._process.stdout.readline()
            assert line, (await self._process.stderr.read()).decode()
        self.lines.append(json.loads(line))
        return self.lines[-1]

    async def until(self, name: str) -> Any:
        """What the first line with this member has in it."""
        while name not in (line := await self.next()):
            pass
        return line[name]

    async def until_text(self, wanted: str) -> None:
        """Until this is in what it has read."""
        while wanted not in await self.next_text():
            pass

    async def next_text(self) -> str:
        await self.until("event")
        return self.text

    @property
    def events(self) -> list[dict[str, Any]]:
        return [line["event"] for line in self.lines if "event" in line]

    @property
    def text(self) -> str:
        """Of the events, put together by hand."""
        text = ""
        for event in self.events:
            if event["type"] == "reset":
                text = event["text"]
            elif event["type"] == "delta" and event["channel"] == "answer":
                text += event["text"]
        return text

    def go_on(self) -> None:
        """Tell it to."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")


@asynccontextmanager
async def running(folder: Path, *arguments: str) -> AsyncIterator[Script]:
    process = await asyncio.create_subprocess_exec(
        program("node"),
        *arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Script(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def main() -> None:
    """Make the types anew, of the API as it is in this checkout."""
    with tempfile.TemporaryDirectory() as folder:
        document = create_app(Settings(discover=False)).openapi()
        TYPES.write_text(types_of(document, workshop(Path(folder))), "utf-8")


if __name__ == "__main__":
    main()
