"""`pytest --distributed`: the same tests, of services with their data in Postgres and Redis."""

import atexit
from contextlib import ExitStack
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from tests import postgres
from tests.redis_server import started_redis

_DATABASES_OF_A_REDIS = 16
_numbers = count()


def skip_embedded_only(item: pytest.Item) -> None:
    """Tests that are marked `embedded` are about what a single process does, or bring a cluster of
    their own."""
    if item.get_closest_marker("embedded") is not None:
        item.add_marker(pytest.mark.skip(reason="of the embedded service only"))


@cache
def settings_of(folder: Path) -> dict[str, str]:
    """Where the service of this folder keeps its data: a database, and a number, of its own."""
    stack = ExitStack()
    # Before the server itself is closed, which is registered by the call below.
    url = stack.enter_context(postgres.shared().migrated_database())
    atexit.register(stack.close)
    number = next(_numbers) % _DATABASES_OF_A_REDIS
    return {"DATABASE_URL": url, "REDIS_URL": f"{started_redis().url.removesuffix('/0')}/{number}"}
