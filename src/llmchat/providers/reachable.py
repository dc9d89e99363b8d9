"""Whether anybody listens at a server's address, where its models are named and not asked for."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

from llmchat.errors import UpstreamUnavailable
from llmchat.providers.transport import proxy_for

_SECONDS = 5.0
_PORTS = {"http": 80, "https": 443}


async def reach(url: str) -> None:
    """Connects, and leaves. Behind a proxy that would say nothing, so there it does nothing. Raises
    UpstreamUnavailable."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    if parts.hostname is None or port is None or proxy_for(url) is not None:
        return
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError) as error:
        raise UpstreamUnavailable(
            f"{url} cannot be reached; check that it runs, and the base URL. {error}"
        ) from None
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
