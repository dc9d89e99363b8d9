"""For whom a device speaks: from the name of its conversation to a caller with a key."""

from collections.abc import Sequence
from dataclasses import dataclass

from llmchat.access.base import Principal, Scope
from llmchat.access.keys import Keys
from llmchat.access.rates import Rates
from llmchat.domain import LOCAL_OWNER
from llmchat.errors import Unauthenticated
from llmchat.ids import KeyId
from llmchat.mqtt.topics import names

_REQUESTS = "requests"
_ANYBODY = Principal(LOCAL_OWNER, frozenset(Scope))


@dataclass(frozen=True, slots=True)
class Allowed:
    """Whoever the broker lets publish to a conversation of one of these names speaks for whom the
    key belongs to. `responses` are filters of topics outside that answers may go to as well."""

    topics: str
    key_id: KeyId | None = None
    responses: tuple[str, ...] = ()


class Speakers:
    """An MQTT broker passes nobody's identity on: it decides who may publish where, and these
    settings decide what that means here. The first that fits holds. Without `keys` the service is
    open, and everything is the local user's."""

    def __init__(
        self,
        allowed: Sequence[Allowed],
        keys: Keys | None,
        rates: Rates,
        requests_per_minute: int | None,
    ) -> None:
        self._allowed = allowed
        self._keys = keys
        self._rates = rates
        self._requests_per_minute = requests_per_minute

    def replies_of(self, name: str) -> tuple[str, ...]:
        found = self._entry(name)
        return () if found is None else found.responses

    async def principal(self, name: str) -> Principal:
        """Raises Unauthenticated, also for a key that was revoked, and StorageUnavailable."""
        if self._keys is None:
            return _ANYBODY
        found = self._entry(name)
        if found is None or found.key_id is None:
            raise Unauthenticated(
                "Nobody speaks here: the settings of this server have no key for this topic. "
                "Its operator adds one, as [[mqtt.allow]]."
            )
        return await self._keys.principal(found.key_id)

    async def count(self, principal: Principal) -> None:
        """One more request that changes something, as over HTTP. Raises RateLimited,
        StorageUnavailable."""
        if self._requests_per_minute is None:
            return
        who = "mqtt" if self._keys is None else principal.user
        allowed, window = await self._rates.take(_REQUESTS, who, self._requests_per_minute)
        if not allowed:
            raise window.exceeded("You may send", "requests")

    def _entry(self, name: str) -> Allowed | None:
        return next((entry for entry in self._allowed if names(entry.topics, name)), None)
