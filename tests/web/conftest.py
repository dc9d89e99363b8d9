"""A whole service for each module of tests: the real application behind a real socket."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastapi import FastAPI

from llmchat.app import create_app
from llmchat.server import Server
from llmchat.settings import Settings
from llmchat.web.wire import BoundedHttp
from tests.client import Client, connect
from tests.raw_http import PATIENCE_SECONDS

UNPACED = {"tokens_per_second": 0}
"""`params.extra` of a demo model that answers at once."""


@contextmanager
def serving(data_dir: Path, **settings: Any) -> Iterator[str]:
    """The base URL of a service."""
    with served(data_dir, **settings) as (url, _):
        yield url


@contextmanager
def served(data_dir: Path, **settings: Any) -> Iterator[tuple[str, asyncio.AbstractEventLoop]]:
    """The same with its event loop, which runs in a thread of its own: that keeps uvicorn's hands
    off the signals of this process. At the end it is drained like the real one."""
    chosen = {"shutdown_grace_seconds": 0, "heartbeat_seconds": 0.2, **settings}
    of_ours = Settings(data_dir=data_dir, discover=False, **chosen)
    with serve(create_app(of_ours), body_seconds=of_ours.body_seconds) as service:
        yield service


@contextmanager
def serve(
    app: FastAPI, *, body_seconds: float = BoundedHttp.body_seconds, ping_seconds: float = 20
) -> Iterator[tuple[str, asyncio.AbstractEventLoop]]:
    """An application of ours, in the same way."""
    server = Server(
        app, host="127.0.0.1", port=0, body_seconds=body_seconds, ping_seconds=ping_seconds
    )
    ready: Future[str] = Future()
    with ThreadPoolExecutor(1, "service") as thread:
        running = thread.submit(asyncio.run, server.serve_app(ready.set_result))
        either: list[Future[Any]] = [ready, running]
        wait(either, PATIENCE_SECONDS, FIRST_COMPLETED)
        if running.done():
            running.result()
        try:
            yield ready.result(0), server._loop
        finally:
            server._loop.call_soon_threadsafe(server.handle_exit, signal.SIGTERM, None)
            running.result(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with the demo models only."""
    with serving(tmp_path_factory.mktemp("service")) as url:
        yield url


@pytest.fixture
async def client(base_url: str) -> AsyncIterator[Client]:
    async with connect(base_url) as client:
        yield client


@pytest.fixture(scope="package", autouse=True)
def captured_logs() -> Iterator[None]:
    """The service's log lines become log records, so that pytest keeps them with their test."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.render_to_log_kwargs,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def nothing_is_an_error_of_the_service(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does to the service: it is no news for its operator."""
    yield
    errors = [r for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert not errors, [(record.name, record.getMessage(), record.exc_info) for record in errors]
