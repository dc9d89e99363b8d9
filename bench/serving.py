"""How the bench's own servers are started and listen."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from dataclasses import dataclass

HOST = "127.0.0.1"
BACKLOG = 4096
"""As many connections as a scenario opens at one moment."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a server listens, and where its upstream does."""

    own: int
    upstream: int


def ports() -> Ports:
    """The ports on a server's command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", type=int, default=0)
    arguments = parser.parse_args()
    return Ports(arguments.port, arguments.upstream)


async def serve(protocol: Callable[[], asyncio.Protocol], port: int) -> None:
    """Serves until the process is killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, HOST, port, backlog=BACKLOG)
    await server.serve_forever()
