"""Which addresses a webhook may reach: public ones, unless the settings say otherwise."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

Address = IPv4Address | IPv6Address

# An IPv4 address is in the last four bytes of these: it is that one which is reached.
_TRANSLATED = IPv6Network("64:ff9b::/96")
# All that anybody on the internet was given. Outside of it are also ways to write IPv4 addresses
# that only some network's own translator knows.
_GIVEN_OUT = IPv6Network("2000::/3")
# Python's list of it is not the same in all releases; a cloud has its machines' secrets there.
_PROTOCOLS = IPv4Network("192.0.0.0/24")


class Unreachable(Exception):
    """The name leads nowhere, or where nothing may be sent."""


async def addresses_of(host: str, port: int, *, private: bool) -> Sequence[str]:
    """Where a host is, in the order in which to try. Whoever sends uses one of these and never the
    name again: it could lead elsewhere a moment later. Raises Unreachable."""
    try:
        found = await _looked_up(host, port)
    except OSError as error:
        raise Unreachable(f"the name {host} cannot be resolved: {error.strerror}") from error
    except UnicodeError as error:
        raise Unreachable(f"the name {host} cannot be resolved: {error}") from error
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    hidden = [it for it in addresses if not (private or is_public(ip_address(it)))]
    if hidden:
        raise Unreachable(
            f"{host} is at the private address {hidden[0]}: nothing is sent there unless "
            "LLMCHAT_WEBHOOK_PRIVATE_ADDRESSES is true"
        )
    return addresses


async def _looked_up(host: str, port: int) -> Sequence[Any]:
    """In a thread of its own: the event loop looks up two names at a time, and one whose servers do
    not answer would hold up the names of models' servers."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[Any]] = loop.create_future()

    def tell(result: Sequence[Any] | Exception) -> None:
        if not found.done():
            if isinstance(result, Exception):
                found.set_exception(result)
            else:
                found.set_result(result)

    def look() -> None:
        try:
            result: Sequence[Any] | Exception = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
        # The latter of a name with an empty label, or one that is too long.
        except (OSError, UnicodeError) as error:
            result = error
        with suppress(RuntimeError):  # The loop is closed: nobody wants to know any more.
            loop.call_soon_threadsafe(tell, result)

    threading.Thread(target=look, name=f"look up {host}", daemon=True).start()
    return await found


def is_public(address: Address) -> bool:
    """Whether it is somebody's on the internet, also where it is only written as another."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or _translated(address)
        if inner is not None:
            return is_public(inner)
        if address not in _GIVEN_OUT:
            return False
    return address.is_global and not address.is_multicast and address not in _PROTOCOLS


def _translated(address: IPv6Address) -> IPv4Address | None:
    if address not in _TRANSLATED:
        return None
    return IPv4Address(int(address) & 0xFFFF_FFFF)
