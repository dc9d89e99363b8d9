"""Where a webhook may go: to the internet, and nowhere else unless somebody says so."""

import asyncio
from ipaddress import ip_address

import pytest

from llmchat.webhooks.addresses import Unreachable, addresses_of, is_public
from llmchat.webhooks.base import Endpoint, EventType, Message
from llmchat.webhooks.posting import Poster
from tests.raw_http import PATIENCE_SECONDS

PUBLIC = ("1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1")
PRIVATE = (
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1"),
    # Clouds have services for their own machines here, and networks their translators.
    *("192.0.0.192", "64:ff9b:1::a00:1", "::ffff:0:10.0.0.1", "64:ff9b::192.0.0.192"),
    # The same, written as something else.
    *(
        "fec0::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
    ),
)


@pytest.mark.parametrize("address", PUBLIC)
def test_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "2130706433", "0x7f.1"])
async def test_a_name_that_leads_here_is_refused(host: str) -> None:
    with pytest.raises(Unreachable, match=r"private address|cannot be resolved"):
        await addresses_of(host, 80, private=False)


async def test_unless_it_is_allowed() -> None:
    assert "127.0.0.1" in await addresses_of("127.0.0.1", 80, private=True)


async def test_a_name_that_leads_nowhere() -> None:
    with pytest.raises(Unreachable, match="cannot be resolved"):
        await addresses_of("no-such-host.invalid", 443, private=False)


@pytest.mark.parametrize("host", ["a..b", f"{'x' * 64}.invalid"])
async def test_what_can_be_no_name(host: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(Unreachable, match=r"cannot be resolved: .*label"):
            await addresses_of(host, 443, private=False)


async def test_a_name_in_other_letters_is_the_one_that_is_written_so_today() -> None:
    """Python's own way to write it is older, and makes another domain of it: strasse.invalid."""
    endpoint = Endpoint("hook", "https://straße.invalid/", [b"key"], frozenset(EventType))
    poster = Poster(agent="llmchat/test", private=False)
    refusal = await poster.post(endpoint, Message("evt_1", "hook", EventType.FINISHED, "{}"))
    assert refusal is not None
    assert "xn--strae-oqa.invalid" in refusal.why
