"""Every implementation of a port, one after the other."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from llmchat.tokenlog.base import TokenLog
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
