"""What OpenAI's clients read beside the body: how long it took, how often they may come back."""

import time
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmchat.web.openai import errors

# The clients' own, which a browser asks about before it sends them.
SENT = (
    *("OpenAI-Organization", "OpenAI-Project", "OpenAI-Beta", "X-Conversation-Id"),
    *(
        f"X-Stainless-{name}"
        for name in (
            *("Arch", "Async", "Custom-Poll-Interval", "Helper-Method", "Lang", "OS"),
            *("Package-Version", "Poll-Helper", "Read-Timeout", "Retry-Count", "Runtime"),
            *("Runtime-Version", "Timeout"),
        )
    ),
)
_RATES: Mapping[str, str] = {
    "RateLimit-Limit": "X-RateLimit-Limit-Requests",
    "RateLimit-Remaining": "X-RateLimit-Remaining-Requests",
    "RateLimit-Reset": "X-RateLimit-Reset-Requests",
}
SHOWN = (
    *("OpenAI-Processing-Ms", "Retry-After-Ms", "X-Should-Retry"),
    *("X-Conversation-Id", "X-Generation-Id", *_RATES.values()),
)


class OpenAIHeaders:
    """ASGI middleware: gives every answer under /v1 the headers that theirs have."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not errors.speaks(scope["path"]):
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["OpenAI-Processing-Ms"] = str(round((time.perf_counter() - begun) * 1000))
                _add_rates(headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _add_rates(headers: MutableHeaders) -> None:
    for ours, theirs in _RATES.items():
        if (value := headers.get(ours)) is not None:
            # Theirs is a duration with its unit, such as 1m30s.
            headers[theirs] = f"{value}s" if ours == "RateLimit-Reset" else value
