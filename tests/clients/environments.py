"""Environments with other people's clients, as their users install them: from the registry, pinned,
each made once for a checkout, beside the one that runs the tests."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest

from tests import system

ROOT = Path(__file__).parents[2]
INSTALL_SECONDS = 90
PINS: Mapping[str, Sequence[str]] = {
    "openai-1": ("openai==1.109.1",),
    "openai-2": ("openai==2.54.0",),
    "newest": (
        "openai==3.54.0",
        "langchain-openai==1.7.3",
        "llm==0.36",
        "openai-agents==0.24.0",
        "pydantic-ai-slim[openai]==2.68.0",
    ),
}
"""What is installed together, by the name of the environment."""


class CannotInstall(Exception):
    """The registry cannot be reached, or there is no uv."""


def python_of(name: str) -> Path:
    """The interpreter of an environment. Skips the test where the registry cannot be reached; where
    all tests have to run, fails it."""
    try:
        # All at once: they wait for the same network.
        with ThreadPoolExecutor(len(PINS)) as pool:
            made = dict(zip(PINS, pool.map(_made, PINS), strict=True))
    except CannotInstall as error:
        _give_up(error)
    return made[name]


def _made(name: str) -> Path:
    digest = hashlib.sha256(" ".join((sys.version, *PINS[name])).encode()).hexdigest()[:12]
    folder = Path(sys.prefix) / ".clients" / f"{name}-{digest}"
    done = folder / ".done"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _uv("venv", "--quiet", "--python", sys.executable, str(folder))
            python = str(folder / "bin" / "python")
            _uv("pip", "install", "--quiet", "--python", python, *PINS[name])
            done.touch()
    return folder / "bin" / "python"


def run_uv(*arguments: str) -> None:
    """Skips the test, or fails it, as `python_of` does."""
    try:
        _uv(*arguments)
    except CannotInstall as error:
        _give_up(error)


def _give_up(error: CannotInstall) -> NoReturn:
    if system.none_may_be_missing():
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))


def _uv(*arguments: str) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=Path(sys.executable).parent)
    if uv is None:
        raise CannotInstall("the clients are installed by uv, which is not there")
    known = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    ended = subprocess.run(
        [uv, *arguments],
        env=known,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if ended.returncode:
        raise CannotInstall(f"uv {arguments[0]} failed: {ended.stderr.strip()[-500:]}")
