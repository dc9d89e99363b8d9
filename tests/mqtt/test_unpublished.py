"""What nobody tells is found: at the start, when it is expected, and from time to time."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from llmchat.errors import StorageUnavailable
from llmchat.mqtt.unpublished import ALONE_SECONDS, Unpublished
from llmchat.store.drafts import Asker, Publication
from tests.contract.clocks import SetTime
from tests.contract.stores import WORKER, Stores, sqlite_stores

MOST = 10


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    async with sqlite_stores(tmp_path) as stores:
        yield stores


def alone(publications: Any, time: SetTime) -> Unpublished:
    return Unpublished(publications, WORKER, shared=False, lease_seconds=1, clock=time.seconds)


async def left_by(stores: Stores) -> Publication:
    """A turn was stored, and nobody heard of its beginning."""
    turn = await stores.ask(await stores.conversation(), asker=Asker("kitchen"))
    return Publication(turn.generation.id, Asker("kitchen"), publisher=WORKER)


async def test_one_that_nobody_heard_of_is_found_without_a_restart(stores: Stores) -> None:
    time = SetTime()
    unpublished = alone(stores.publications, time)
    assert list(await unpublished.look((), MOST)) == []
    left = await left_by(stores)
    assert list(await unpublished.look((), MOST)) == []
    time.move(ALONE_SECONDS)
    assert list(await unpublished.look((), MOST)) == [left]
    time.move(ALONE_SECONDS)
    assert list(await unpublished.look({left.id}, MOST)) == []


class Interrupted:
    """Something happens behind what is read, and before it is looked at."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self.unpublished = alone(self, SetTime())
        self.left: list[Publication] = []
        self.fails = False

    async def unfinished(self) -> Sequence[Publication]:
        found = await self._stores.publications.unfinished()
        if not self.left:
            self.left.append(await left_by(self._stores))
            self.unpublished.expect()
        return found

    async def take_over(self, *given: Any) -> bool:
        if self.fails:
            raise StorageUnavailable("The store is away.")
        return await self._stores.publications.take_over(*given)


async def test_what_is_expected_meanwhile_is_found_at_the_next_look(stores: Stores) -> None:
    between = Interrupted(stores)
    assert list(await between.unpublished.look((), MOST)) == []
    between.fails = True
    with pytest.raises(StorageUnavailable):
        await between.unpublished.look((), MOST)
    between.fails = False
    assert list(await between.unpublished.look((), MOST)) == between.left
