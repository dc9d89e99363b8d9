"""The sessions that a Postgres has open for a test, and what they wait for."""

import asyncio
from typing import Any

from llmchat.store.conversations import SqlConversationStore
from llmchat.store.database import Database
from tests import postgres
from tests.contract.stores import Stores
from tests.service import PATIENCE_SECONDS


def database_of(stores: Stores) -> Database:
    assert isinstance(stores.conversations, SqlConversationStore)
    return stores.conversations._database


async def until_waiting(url: str, what: str, task: asyncio.Task[Any]) -> None:
    """Until a session of this database waits for that, or the task has not done so."""
    theirs = f"datname = '{url.rpartition('/')[2]}' AND wait_event = '{what}'"
    query = f"SELECT count(*) FROM pg_stat_activity WHERE {theirs}"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not task.done():
            if await asyncio.to_thread(postgres.shared().execute, query) != "0":
                return
