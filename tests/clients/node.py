"""Clients from npm, pinned in tests/clients/javascript/, installed once, run by node."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import system
from tests.programs import program
from tests.service import PATIENCE_SECONDS

SOURCES = Path(__file__).parent / "javascript"
_CACHE = Path(__file__).parents[2] / ".venv" / ".clients"
_INSTALL_SECONDS = 100
_NPM = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline")


def packages(sources: Path = SOURCES) -> Path:
    """The folder that has the packages which that folder pins in its node_modules. Skips the test,
    or fails it where all have to run, when they cannot be had."""
    program("node")
    lock = (sources / "package-lock.json").read_bytes()
    name = f"{sources.name}-{hashlib.sha256(lock).hexdigest()[:16]}"
    return made_once(name, lambda folder: _install(sources, folder))


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name, which `make` has filled in this run or in an earlier one."""
    folder = _CACHE / name
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Whoever is done first has made it; several workers may come here at once.
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        make(Path(made))
        if not folder.exists():
            try:
                Path(made).rename(folder)
            except OSError:
                assert folder.exists()
            else:
                # What the end of the block removes.
                Path(made).mkdir()
    return folder


def _install(sources: Path, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(sources / name, folder)
    done = subprocess.run(
        [program("npm"), *_NPM],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
        check=False,
    )
    if done.returncode:
        _give_up(f"npm ci failed, which needs the network: {done.stderr.strip()[-500:]}")


def _give_up(reason: str) -> None:
    if system.none_may_be_missing():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def workshop(packages: Path, folder: Path) -> Path:
    """A folder in which scripts find the packages, with those of SOURCES in it."""
    (folder / "node_modules").symlink_to(packages / "node_modules")
    for script in (*SOURCES.glob("*.mjs"), *SOURCES.glob("*.jsx")):
        shutil.copy(script, folder)
    return folder


async def run_node(folder: Path, *arguments: str, **environment: str) -> str:
    """What a script of that folder prints. Fails the test with what it complained about."""
    node = await asyncio.create_subprocess_exec(
        program("node"),
        *arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            said, complained = await node.communicate()
    finally:
        if node.returncode is None:
            node.kill()
            await node.wait()
    assert node.returncode == 0, complained.decode()
    return said.decode()


async def headless(folder: Path, version: str, base_url: str, scenario: str, given: Any) -> Any:
    """The result of a scenario of headless.mjs."""
    said = await run_node(folder, "headless.mjs", version, base_url, scenario, json.dumps(given))
    return json.loads(said)


def bundle(folder: Path, entry: str, *, react: str, ai: str) -> str:
    """A page's script as one text, with these packages as its client."""
    esbuild = folder / "node_modules" / "@esbuild"
    (binary,) = esbuild.glob("*/bin/esbuild")
    done = subprocess.run(
        [
            *(binary, entry, "--bundle", "--format=esm", "--jsx=automatic"),
            *(f"--alias:client-react={react}", f"--alias:client-ai={ai}"),
            *("--define:process.env.NODE_ENV='production'", "--log-level=error"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
