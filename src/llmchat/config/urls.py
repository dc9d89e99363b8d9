"""The URLs of model servers, as people write them and as the clients need them."""

import re
from contextlib import suppress
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import urlsplit

OLLAMA_PORT = 11434
EXPECTED = "expected a URL such as http://127.0.0.1:8080/v1"
VERSIONED = re.compile(r"/v\d+\w*$")
# A server listens on these, but not every system can connect to them.
LOOPBACKS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 (nothing binds to it)


def http_url(text: str) -> str:
    """A base URL without its last slash; the `ValueError` for a bad one never quotes it."""
    if " " in text or not text.isprintable():
        raise ValueError(f"{EXPECTED}, without spaces")
    if not _names_a_server(text):
        raise ValueError(EXPECTED)
    if "@" in urlsplit(text).netloc:
        raise ValueError(f"{EXPECTED}, without user name and password: use api_key or headers")
    if "?" in text or "#" in text:
        raise ValueError(f"{EXPECTED}, without ? and #")
    return text.rstrip("/")


def _names_a_server(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def server_url(text: str) -> str:
    """The OpenAI-compatible root of a server that may be given with or without its `/v1`."""
    url = http_url(text)
    return url if VERSIONED.search(urlsplit(url).path) else f"{url}/v1"


def ollama_url(text: str) -> str:
    """The OpenAI-compatible root of what `OLLAMA_HOST` may hold: a host, a port, both, or a URL."""
    if "://" not in text:
        address, slash, path = text.partition("/")
        text = f"http://{_with_port(address)}{slash}{path}"
    root = server_url(text)
    for wildcard, loopback in LOOPBACKS.items():
        root = re.sub(rf"(?<=://){re.escape(wildcard)}(?=[:/])", loopback, root)
    return root


def _with_port(address: str) -> str:
    with suppress(AddressValueError):
        address = f"[{IPv6Address(address)}]"
    host = f"127.0.0.1{address}" if address.startswith(":") else address
    return host if re.search(r":\d+$", host) else f"{host}:{OLLAMA_PORT}"
