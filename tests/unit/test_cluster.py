"""The servers of a cluster: there before any process of ours, and behind proxies that can fail."""

import asyncio
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from tests.cluster import Cluster

SILENCE_SECONDS = 0.5


async def test_its_database_has_tables_and_outlives_a_crash_and_a_cut(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, {}, processes=0, proxied=True)
    url = cluster.postgres.url().replace(
        str(cluster.postgres.port), str(cluster.postgres_proxy.port)
    )
    async with cluster.running():
        session = await asyncpg.connect(url)
        assert await session.fetchval("SELECT count(*) FROM alembic_version") == 1
        await session.execute("CREATE TABLE kept AS SELECT 1")
        cluster.postgres_proxy.cut()
        with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
            await session.fetchval("SELECT 1")
        await cluster.crash_postgres()
        await cluster.start_postgres()
        session = await asyncpg.connect(url)
        assert await session.fetchval("SELECT count(*) FROM kept") == 1
        cluster.postgres_proxy.blackhole()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SILENCE_SECONDS):
                await session.fetchval("SELECT 1")
        session.terminate()
        await cluster.postgres_proxy.heal()
        session = await asyncpg.connect(url)
        await session.close()
    assert not cluster.postgres.folder.exists()
