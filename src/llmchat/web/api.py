"""All HTTP doors as one application: routes, errors, limits, documents."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from fastapi import FastAPI

from llmchat.web import chat, docs, health, history, llm, problems
from llmchat.web.requests import RequestContext

_DESCRIPTION = """
Chat answers that survive: **every generation is a durable log**. Start one with
`POST /api/conversations/{id}/messages`, follow it from as many places as you like with
`GET /api/generations/{id}/stream`, and come back with `Last-Event-ID` after a reload, a lost
network or a crash of the server: you get exactly what follows.

Errors are [problem details](https://www.rfc-editor.org/rfc/rfc9457) with a stable `type`.
"""


class Lifespan(Protocol):
    def __call__(self, app: FastAPI, /) -> AbstractAsyncContextManager[None]: ...


def build(lifespan: Lifespan, *, version: str, max_body_bytes: int) -> FastAPI:
    """`lifespan` must set `app.state.services` before the first request."""
    app = FastAPI(
        title="llmchat",
        version=version,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        max_body_size=max_body_bytes,
        generate_unique_id_function=_operation_id,
    )
    app.add_middleware(RequestContext)
    problems.install(app)
    for door in (chat, history, llm, health, docs):
        app.include_router(door.router)
    docs.mount_static(app)
    return app


def _operation_id(route: Any) -> str:
    tag = route.tags[0] if route.tags else "page"
    return f"{str(tag).split()[0]}_{route.name}"
