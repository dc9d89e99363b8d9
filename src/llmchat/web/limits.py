"""What a caller may do how often; the only importer of slowapi."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from fastapi import Request
from limits import RateLimitItemPerMinute
from slowapi import Limiter
from slowapi.util import get_remote_address

from llmchat.access.rates import Rates, Window, window_of
from llmchat.errors import RateLimited

_REQUESTS, _WRONG_KEYS = "requests", "wrong keys"
_MOST_HOPS = 16
Network = IPv4Network | IPv6Network


class LocalRates:
    """Rates of one process, in its memory. Of slowapi only the counting is used: its middleware
    would pass every frame of a stream, and its storage in Redis would block the event loop."""

    def __init__(self) -> None:
        self._limiter = Limiter(get_remote_address, strategy="moving-window").limiter

    async def take(self, what: str, who: str, limit: int) -> tuple[bool, Window]:
        allowed = self._limiter.hit(RateLimitItemPerMinute(limit), what, who)
        return allowed, await self.look(what, who, limit)

    async def look(self, what: str, who: str, limit: int) -> Window:
        found = self._limiter.get_window_stats(RateLimitItemPerMinute(limit), what, who)
        return window_of(limit, found.remaining, found.reset_time)

    async def aclose(self) -> None:
        return None


class Limits:
    """Requests that change something, by caller; keys that are wrong, by address. `proxies` are
    the networks whose word about an address is taken."""

    def __init__(
        self,
        rates: Rates,
        *,
        requests_per_minute: int | None,
        wrong_keys_per_minute: int,
        proxies: Sequence[Network],
    ) -> None:
        self._rates = rates
        self._requests_per_minute = requests_per_minute
        self._wrong_keys_per_minute = wrong_keys_per_minute
        self._proxies = proxies

    async def count_request(self, request: Request, who: str) -> None:
        """Raises RateLimited."""
        if self._requests_per_minute is None:
            return
        allowed, window = await self._rates.take(_REQUESTS, who, self._requests_per_minute)
        if not allowed:
            raise window.exceeded("You may send", "requests")
        request.state.rate_headers = headers_of(window)

    async def refuse_guessing(self, request: Request) -> None:
        """Raises RateLimited for an address that has sent too many wrong keys."""
        window = await self._rates.look(
            _WRONG_KEYS, self.address_of(request), self._wrong_keys_per_minute
        )
        if window.remaining == 0:
            raise window.exceeded("An address may send a wrong key", "wrong_keys")

    async def count_wrong_key(self, request: Request) -> None:
        await self._rates.take(_WRONG_KEYS, self.address_of(request), self._wrong_keys_per_minute)

    def address_of(self, request: Request) -> str:
        """Whose request it is. What stands in X-Forwarded-For was written by whoever wanted to, up
        to the last proxy of ours: from there on each names the one before it."""
        address = get_remote_address(request)
        if not (given := request.headers.getlist("x-forwarded-for")):
            return address
        forwarded = ",".join(given).split(",")
        for before in reversed(forwarded[-_MOST_HOPS:]):
            if not self._is_proxy(address) or not _is_address(before.strip()):
                break
            address = before.strip()
        return address

    def _is_proxy(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in net for net in self._proxies)


def headers_of(window: Window) -> Mapping[str, str]:
    """https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/03/"""
    return {
        "RateLimit-Limit": str(window.limit),
        "RateLimit-Remaining": str(window.remaining),
        "RateLimit-Reset": str(window.reset_seconds),
    }


def headers_of_error(error: RateLimited) -> Mapping[str, str]:
    reset = max(1, round(error.retry_after_seconds or 1))
    return headers_of(Window(error.limit, error.remaining, reset))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
