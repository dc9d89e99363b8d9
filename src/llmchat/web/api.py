"""All HTTP doors as one application: routes, errors, limits, documents."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from fastapi import FastAPI

from llmchat.web import chat, docs, following, health, history, llm, openapi, problems, sessions
from llmchat.web.bodylimit import BodyLimit
from llmchat.web.requests import RequestContext


class Lifespan(Protocol):
    def __call__(self, app: FastAPI, /) -> AbstractAsyncContextManager[None]: ...


def build(lifespan: Lifespan, *, version: str, max_body_bytes: int) -> FastAPI:
    """`lifespan` must set `app.state.services` before the first request."""
    app = openapi.Documented(
        title="llmchat",
        version=version,
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # Behind a proxy, a redirect would name the wrong scheme and host.
        redirect_slashes=False,
        # A span of its own for each request would stay open as long as a stream does.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=openapi.operation_id,
    )
    # The last one is the outermost.
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes)
    app.add_middleware(RequestContext)
    problems.install(app)
    app.add_plain_route(following.ROUTE, following.OPERATION)
    for door in (history, chat, sessions, llm, health, docs):
        app.include_router(door.router)
    docs.mount_static(app)
    return app
