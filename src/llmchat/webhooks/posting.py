"""One message to one endpoint, over HTTP."""

import asyncio
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx2

from llmchat.webhooks.addresses import Unreachable, addresses_of
from llmchat.webhooks.base import Endpoint, Message
from llmchat.webhooks.signing import signed_headers

MOST_SECONDS = 15.0
"""How long sending one message may take, whatever the receiver does."""
_MOST_RETRY_AFTER_SECONDS = 86_400.0
_CONNECT_SECONDS = 4.0
_GONE = 410

_FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Refusal:
    """It was not taken. `retry_after_seconds` is what the receiver asked for; `final` when it
    wants nothing more of it."""

    why: str
    retry_after_seconds: float = 0.0
    final: bool = False


class Poster:
    """Sends; `private` allows addresses that are not on the internet. Redirects are not followed:
    nobody has checked where they lead."""

    def __init__(self, *, agent: str, private: bool) -> None:
        self._private = private
        self._agent = agent
        self._opened: httpx2.AsyncClient | None = None

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.aclose()

    async def post(self, endpoint: Endpoint, message: Message) -> Refusal | None:
        """None when it was taken: any 2xx. It never raises."""
        try:
            # httpx2's own limits are for one step each: a byte now and then would keep it busy.
            async with asyncio.timeout(MOST_SECONDS):
                return await self._post(endpoint, message)
        except Unreachable as error:
            return Refusal(str(error))
        except (httpx2.TimeoutException, TimeoutError):
            return Refusal(f"no answer within {MOST_SECONDS:g} s")
        except _FAILURES as error:
            return Refusal(str(error) or type(error).__name__)

    @property
    def _client(self) -> httpx2.AsyncClient:
        # Most services tell nobody, and its certificates take a tenth of a second to load.
        if self._opened is None:
            self._opened = httpx2.AsyncClient(
                # So that there is time for another address of the same name.
                timeout=httpx2.Timeout(MOST_SECONDS, connect=_CONNECT_SECONDS),
                # Not by a proxy of the environment: it would resolve the names anew.
                trust_env=False,
                follow_redirects=False,
                headers={"User-Agent": self._agent, "Content-Type": "application/json"},
            )
        return self._opened

    async def _post(self, endpoint: Endpoint, message: Message) -> Refusal | None:
        host, port = place_of(endpoint.url)
        url = httpx2.URL(endpoint.url)
        refusal = Refusal("it has no address")
        for address in await addresses_of(host, port, private=self._private):
            try:
                return await self._post_to(address, url, endpoint, message)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                refusal = Refusal(f"{address} cannot be reached: {str(error) or 'it is silent'}")
        return refusal

    async def _post_to(
        self, address: str, url: httpx2.URL, endpoint: Endpoint, message: Message
    ) -> Refusal | None:
        body = message.body.encode()
        signature = signed_headers(
            endpoint.secrets, id=message.id, timestamp=int(time.time()), body=body
        )
        # What is reached is the address; the name is for the receiver, and for its certificate.
        request = self._client.build_request(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers={**signature, "Host": url.netloc.decode()},
            extensions={"sni_hostname": _name_of(url)},
        )
        answer = await self._client.send(request, stream=True)
        await answer.aclose()
        return _refusal_of(answer)


def place_of(address: str) -> tuple[str, int]:
    """The name that is looked up, and the port. Raises Unreachable."""
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL as error:
        raise Unreachable(f"its URL cannot be read: {error}") from error
    return _name_of(url), url.port or {"http": 80, "https": 443}[url.scheme]


def _name_of(url: httpx2.URL) -> str:
    """In ASCII. Python writes other letters by an older rule, by which it is another's name."""
    return url.raw_host.decode()


def _refusal_of(answer: httpx2.Response) -> Refusal | None:
    if answer.is_success:
        return None
    where = " to another address, which is not followed" if answer.is_redirect else ""
    return Refusal(
        f"it answered {answer.status_code}{where}",
        _retry_after(answer.headers.get("Retry-After", "")),
        final=answer.status_code == _GONE,
    )


def _retry_after(header: str) -> float:
    """Seconds, or a date: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3"""
    try:
        if header.isascii() and header.isdigit():
            seconds = float(header)
        else:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), _MOST_RETRY_AFTER_SECONDS)
