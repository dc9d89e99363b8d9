"""Keys: what is remembered of them, and for how long they are good."""

from datetime import UTC, datetime, timedelta

import pytest

from llmchat.access.base import ApiKey, Principal, Scope
from llmchat.access.keys import Keys
from llmchat.errors import Forbidden, NotFound, Unauthenticated
from llmchat.ids import KeyId, OwnerId

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Shelf:
    """A KeyStore that counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: dict[KeyId, ApiKey] = {}
        self.asked = 0
        self.uses: list[KeyId] = []

    async def add(self, key: ApiKey) -> None:
        self.keys[key.id] = key

    async def add_first(self, key: ApiKey) -> bool:
        if self.keys:
            return False
        await self.add(key)
        return True

    async def find(self, id: KeyId) -> ApiKey | None:
        self.asked += 1
        return self.keys.get(id)

    async def list(self) -> list[ApiKey]:
        return list(self.keys.values())

    async def revoke(self, id: KeyId, at: datetime) -> ApiKey:
        raise NotFound(f"There is no key {id}.")

    async def used(self, id: KeyId, at: datetime) -> None:
        self.uses.append(id)


class Time:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


async def test_a_key_is_good_until_it_expires() -> None:
    time = Time()
    keys = Keys(Shelf(), time)
    key, secret = await keys.create(OwnerId("ann"), "x", [Scope.CHAT], expires_in=DAY)

    assert await keys.authenticate(secret) == Principal(
        OwnerId("ann"), frozenset({Scope.CHAT}), key.id
    )
    time.now = NOW + DAY
    with pytest.raises(Unauthenticated):
        await keys.authenticate(secret)
    await keys.aclose()


async def test_the_store_is_not_asked_for_each_request() -> None:
    shelf = Shelf()
    keys = Keys(shelf, Time())
    key, secret = await keys.create(OwnerId("ann"), "x", [Scope.CHAT])
    for _ in range(50):
        await keys.authenticate(secret)

    assert shelf.asked < 50
    await keys.aclose()
    assert shelf.uses in ([], [key.id])


async def test_all_that_is_wrong_with_a_key_is_said_in_the_same_words() -> None:
    keys = Keys(Shelf(), Time())
    _, secret = await keys.create(OwnerId("ann"), "x", [Scope.CHAT])
    other = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    nobody = secret.replace("sk-llmchat-", "sk-llmchat-9")[: len(secret)]
    said = set()
    for wrong in (other, nobody, "", "sk-1", secret + "A", secret.upper()):
        with pytest.raises(Unauthenticated) as caught:
            await keys.authenticate(wrong)
        said.add(caught.value.detail)

    assert len(said) == 1
    assert secret not in said.pop()


@pytest.mark.parametrize(
    ("have", "may"),
    [
        ({Scope.READ}, {Scope.READ}),
        ({Scope.CHAT}, {Scope.READ, Scope.CHAT}),
        ({Scope.ADMIN}, {Scope.READ, Scope.CHAT, Scope.ADMIN}),
        (set(), set()),
    ],
)
def test_a_scope_includes_the_smaller_ones(have: set[Scope], may: set[Scope]) -> None:
    principal = Principal(OwnerId("ann"), frozenset(have))
    for scope in Scope:
        if scope in may:
            principal.require(scope)
        else:
            with pytest.raises(Forbidden, match=f"scope {scope}"):
                principal.require(scope)
