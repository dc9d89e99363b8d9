"""A real llama.cpp server, xllamacpp's, as a process over a GGUF file."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

MODEL = "tiny"
_PROGRAM = Path(__file__).with_name("llama_server.py")
_LOOKS = 1500
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class LlamaCpp:
    """`url` is the root of the server: the OpenAI dialect is under /v1."""

    url: str
    process: Process

    async def busy(self, slots: int) -> None:
        """Wait until so many of its slots are generating."""
        await busy(self.url, slots)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


async def busy(url: str, slots: int, *, key: str = "none") -> None:
    """The same for any llama.cpp at this address."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(trust_env=False, headers=headers) as client:
        for _ in range(_LOOKS):
            listed = (await client.get(f"{url}/slots")).json()
            if sum(slot["is_processing"] for slot in listed) == slots:
                return
            await asyncio.sleep(_LOOK_SECONDS)
    raise AssertionError(f"never were {slots} slots busy")


@asynccontextmanager
async def llama_cpp(model: Path) -> AsyncIterator[LlamaCpp]:
    """Started and serving inside, gone behind it; what it logs is beside the model."""
    log_path = model.with_suffix(".log")
    with log_path.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, _PROGRAM, model, MODEL, stdin=PIPE, stdout=PIPE, stderr=log
        )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().strip()
        assert url, log_path.read_text()
        yield LlamaCpp(url, process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
