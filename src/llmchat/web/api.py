"""All HTTP doors as one application: routes, errors, limits, documents."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from llmchat.web import (
    admin,
    aisdk,
    archives,
    chat,
    docs,
    experiments,
    feedback,
    following,
    health,
    history,
    keys,
    llm,
    metrics,
    openapi,
    page,
    problems,
    session,
    sessions,
    sharing,
    templates,
    usage,
)
from llmchat.web.accesslog import AccessLog
from llmchat.web.bodylimit import BodyLimit
from llmchat.web.hosts import AllowedHosts
from llmchat.web.openai import conversations as openai_conversations
from llmchat.web.openai import door as openai_door
from llmchat.web.openai import headers as openai_headers
from llmchat.web.openai import responses as openai_responses
from llmchat.web.requests import RequestContext
from llmchat.web.socket import door as socket
from llmchat.web.watched import Onlooker, Watched

# The headers that a page elsewhere may send, and those that it gets to see.
_SENT = ["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-Request-ID"]
_SENT += openai_headers.SENT
_SHOWN = [
    *("Location", "Retry-After", "X-Request-ID"),
    *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    *openai_headers.SHOWN,
]
_DOORS = (
    *(history, archives, chat, feedback, sharing, sessions, llm, aisdk),
    *(openai_door, openai_responses, openai_conversations),
    *(keys, templates, experiments, usage, admin, session, socket, health, metrics, docs, page),
)


class Lifespan(Protocol):
    def __call__(self, app: FastAPI, /) -> AbstractAsyncContextManager[None]: ...


def build(
    lifespan: Lifespan,
    *,
    version: str,
    max_body_bytes: int,
    allowed_hosts: Sequence[str],
    onlooker: Onlooker,
    cors_origins: Sequence[str] = (),
) -> FastAPI:
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
    app.state.max_body_bytes = max_body_bytes
    app.state.onlooker = onlooker
    # The last one is the outermost.
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes)
    app.add_middleware(AllowedHosts, names=allowed_hosts)
    if cors_origins:
        _let_pages_call(app, cors_origins)
    app.add_middleware(openai_headers.OpenAIHeaders)
    app.add_middleware(AccessLog)
    # Inside of what keeps the server's own `send`: it need not see each frame of a stream.
    app.add_middleware(Watched, onlooker=onlooker)
    app.add_middleware(RequestContext)
    problems.install(app)
    app.add_plain_route(following.ROUTE, following.OPERATION)
    more = (session.tickets, sharing.links, socket.tickets)
    for router in (*(door.router for door in _DOORS), *more):
        app.include_router(router)
    page.mount_static(app)
    return app


def _let_pages_call(app: FastAPI, origins: Sequence[str]) -> None:
    """Never with credentials: the cookie is for this server's own page, others send a key."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["*"],
        allow_headers=_SENT,
        expose_headers=_SHOWN,
        max_age=600,
    )
