"""The sides of a comparison: how each is started, and how a generation of it is begun and read."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.calls import EVENT_STREAM, Caller, Endpoint, connect, request
from bench.process import Command
from bench.reader import LLMCHAT, OPENAI, Dialect
from bench.script import Script

HERE = Path(__file__).parent
PROMPT = "count"


class Side(Protocol):
    """What stands between the model and a reader; a peer is added by one class like this."""

    @property
    def name(self) -> str: ...

    @property
    def dialect(self) -> Dialect: ...

    def command(self, port: int, upstream: int, scratch: Path) -> Command | None:
        """How it is started; None when there is nothing to start."""

    async def prepare(self, port: int, script: Script) -> Endpoint:
        """All that comes before the one request that is answered with the stream."""

    async def begin(self, port: int, script: Script) -> Endpoint:
        """Starts a generation, where that is a call of its own; the endpoint reads it."""


@dataclass(frozen=True, slots=True)
class OpenAISide:
    """A server that answers one POST with the stream of it."""

    name: str
    arguments: tuple[str, ...] = ()
    dialect: Dialect = OPENAI

    def command(self, port: int, upstream: int, scratch: Path) -> Command | None:
        if not self.arguments:
            return None
        return Command((*self.arguments, "--port", str(port), "--upstream", str(upstream)))

    async def prepare(self, port: int, script: Script) -> Endpoint:
        body = {
            "model": script.model,
            "messages": [{"role": "user", "content": PROMPT}],
            "stream": True,
        }
        return Endpoint(port, request("POST", "/v1/chat/completions", body, EVENT_STREAM))

    begin = prepare


@dataclass(frozen=True, slots=True)
class Llmchat:
    """The service, by its HTTP contract."""

    name: str = "llmchat"
    dialect: Dialect = LLMCHAT
    arguments: tuple[str, ...] = (str(Path(sys.executable).with_name("llmchat")), "serve")

    def command(self, port: int, upstream: int, scratch: Path) -> Command:
        environment = {
            "LLMCHAT_DATA_DIR": str(scratch),
            "LLMCHAT_DISCOVER": "false",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}/v1",
            "OPENAI_API_KEY": "x",
        }
        arguments = (*self.arguments, "--port", str(port))
        return Command(arguments, environment, ready_path="/health/ready")

    async def prepare(self, port: int, script: Script) -> Endpoint:
        caller = await connect(port)
        try:
            path, body = await self._conversation(caller, script)
        finally:
            caller.close()
        return Endpoint(port, request("POST", path, body, EVENT_STREAM))

    async def begin(self, port: int, script: Script) -> Endpoint:
        caller = await connect(port)
        try:
            path, body = await self._conversation(caller, script)
            sent = await caller.call("POST", path, body)
        finally:
            caller.close()
        return Endpoint(port, request("GET", str(sent["stream_url"]), headers=EVENT_STREAM))

    async def _conversation(self, caller: Caller, script: Script) -> tuple[str, object]:
        conversation = await caller.call("POST", "/api/conversations", {})
        body = {"content": PROMPT, "model": f"openai/{script.model}"}
        return f"/api/conversations/{conversation['id']}/messages", body


@dataclass(frozen=True, slots=True)
class Gateway(Llmchat):
    """The service, by the door of OpenAI's clients: nothing is stored."""

    name: str = "gateway"
    dialect: Dialect = OPENAI

    async def prepare(self, port: int, script: Script) -> Endpoint:
        body = {
            "model": f"openai/{script.model}",
            "messages": [{"role": "user", "content": PROMPT}],
            "stream": True,
        }
        return Endpoint(port, request("POST", "/v1/chat/completions", body, EVENT_STREAM))

    begin = prepare


DIRECT = OpenAISide("direct")
RELAY = OpenAISide("relay", (sys.executable, "-m", "bench.relay"))
ASGI = OpenAISide("asgi", (sys.executable, "-m", "bench.asgi"))
LLMCHAT_SIDE = Llmchat()
GATEWAY = Gateway()


def node() -> OpenAISide | None:
    """Node's relay, where there is a Node."""
    found = shutil.which("node")
    return OpenAISide("node", (found, str(HERE / "relay.mjs"))) if found else None
