"""Every implementation of a port, one after the other."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from llmchat.tokenlog.base import TokenLog
from tests import postgres
from tests.contract.logs import PLACES, LogPlace
from tests.contract.stores import STORES, Stores


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> LogPlace:
    return PLACES[request.param](tmp_path)


@pytest.fixture
async def log(place: LogPlace) -> AsyncGenerator[TokenLog, None]:
    async with place.open() as log:
        yield log


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Stores, None]:
    async with STORES[request.param](tmp_path) as stores:
        yield stores


@pytest.fixture
def postgres_url() -> Generator[str, None, None]:
    """A database with the tables in it, for this test alone."""
    with postgres.shared().migrated_database() as url:
        yield url
