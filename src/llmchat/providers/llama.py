"""llama.cpp's own server over one file, in a process beside ours.

Not in our own: its library holds Python's lock while it loads, for minutes where a file is large,
and in the meantime nothing of the service would run. Nor does its end, by a bad file or for want of
memory, then end the service.
"""

import asyncio
import importlib.util
import json
import re
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from llmchat.errors import ProviderError
from llmchat.text import clean

_PROGRAM = "llmchat.providers.llama_program"
_END_SECONDS = 2.0
_LOG_BYTES = 16 * 1024
_READ_BYTES = 4096
_MOST_REASON_CHARS = 300
_REASON = re.compile(r"error loading model: (.+)")
_NO_MEMORY = re.compile(r"insufficient memory|failed to allocate|out of memory|bad_alloc", re.I)
_NO_MEMORY_ADVICE = (
    "there is not memory enough. Set a smaller context_window or max_concurrency for it, or take a "
    "smaller file of the same model (Q4 instead of Q8)."
)


@dataclass(frozen=True, slots=True)
class Load:
    """What to load, and how: `slots` answers are written at once, each with room for so many tokens
    of prompt and answer together; prompts that may come again keep `cache_mib` of memory."""

    path: str
    model: str
    gpu_layers: int
    slots: int
    context_tokens: int
    cache_mib: int = 512


def installed() -> bool:
    return importlib.util.find_spec("xllamacpp") is not None


class LlamaServer:
    """`url` and `key` are for whoever speaks to it; the key keeps the machine's other users out."""

    def __init__(self, process: Process, key: str) -> None:
        self.url = ""
        self.key = key
        self._process = process
        self._log = b""
        self._logging = asyncio.create_task(self._read_log(), name=f"llama log {process.pid}")

    @classmethod
    async def start(cls, load: Load) -> Self:
        """Loaded and ready. Raises ProviderError."""
        process = await asyncio.create_subprocess_exec(
            # Without the working directory as a place for modules.
            *(sys.executable, "-P", "-m", _PROGRAM),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            # Ctrl+C in a terminal is for us: answers are still being written.
            start_new_session=True,
        )
        server = cls(process, secrets.token_urlsafe(32))
        try:
            await server._load(load)
        except BaseException:
            await server.aclose()
            raise
        return server

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    @property
    def pid(self) -> int:
        return self._process.pid

    async def end(self) -> str | None:
        """Why it has ended, when it has or is about to; None when it goes on running."""
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
                await asyncio.wait([self._logging])
        except TimeoutError:
            return None
        return self._reason()

    async def aclose(self) -> None:
        """End it, whatever it is doing; until then its memory is not free."""
        if not self.ended:
            self._process.kill()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._process.stdout.read()
        await asyncio.wait([self._logging])

    async def _load(self, load: Load) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = json.dumps({**asdict(load), "key": self.key})
        self._process.stdin.write(f"{order}\n".encode())
        self.url = (await self._process.stdout.readline()).decode().strip()
        if not self.url:
            await self._process.wait()
            await asyncio.wait([self._logging])
            raise ProviderError(f"llama.cpp cannot load {Path(load.path).name}: {self._reason()}")
        # What it said on the way is no reason for how it may end later.
        self._log = b""

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(_READ_BYTES):
            self._log = (self._log + data)[-_LOG_BYTES:]

    def _reason(self) -> str:
        log = clean(self._log.decode("utf-8", "replace"))
        if _NO_MEMORY.search(log):
            return _NO_MEMORY_ADVICE
        if found := _REASON.findall(log):
            return f"{found[-1][:_MOST_REASON_CHARS]}. Check the file, or download it again."
        code = self._process.returncode
        if code == -9:
            return f"the system ended it, which it does when {_NO_MEMORY_ADVICE}"
        last = log.strip().rpartition("\n")[2][-_MOST_REASON_CHARS:]
        return f"it ended with exit code {code}. It said last: {last or 'nothing'}"
