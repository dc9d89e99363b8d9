"""The URLs of other servers, as people write them and as the clients need them."""

import re
from collections.abc import Container
from contextlib import suppress
from ipaddress import AddressValueError, IPv6Address, ip_address
from urllib.parse import urlsplit

OLLAMA_PORT = 11434
EXPECTED = "expected a URL such as http://127.0.0.1:8080/v1"
EXPECTED_WEBSOCKET = "expected a URL such as wss://llm.example.com/chat"
EXPECTED_ISSUER = "expected a URL such as https://login.example.com/realms/main"
EXPECTED_WEBHOOK = "expected a URL such as https://example.com/hooks/llmchat"
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


def websocket_url(text: str) -> str:
    """A WebSocket's URL, as it is; the `ValueError` for a bad one never quotes it."""
    if " " in text or not text.isprintable() or not _names_a_server(text, {"ws", "wss"}):
        raise ValueError(EXPECTED_WEBSOCKET)
    if "@" in urlsplit(text).netloc or "#" in text:
        raise ValueError(
            f"{EXPECTED_WEBSOCKET}, without user name, password and #: use api_key or headers"
        )
    return text


def websocket_urls(text: str) -> tuple[str, ...]:
    """Those of several servers, with commas between them."""
    return tuple(websocket_url(url.strip()) for url in text.split(","))


def webhook_url(text: str) -> str:
    """Where a webhook is sent, as it is; the `ValueError` for a bad one never quotes it: its path
    or its query may be a secret."""
    if " " in text or not text.isprintable() or not _names_a_server(text):
        raise ValueError(EXPECTED_WEBHOOK)
    if "@" in urlsplit(text).netloc or "#" in text:
        raise ValueError(f"{EXPECTED_WEBHOOK}, without user name, password and #")
    return text


def issuer_url(text: str) -> str:
    """An OpenID issuer's URL, letter by letter as it is: its tokens are compared with it, and some
    end in a slash. Without TLS only on this machine: who can answer for it, lets anybody in."""
    if " " in text or not text.isprintable() or not _names_a_server(text):
        raise ValueError(EXPECTED_ISSUER)
    url = urlsplit(text)
    if "@" in url.netloc or "?" in text or "#" in text:
        raise ValueError(f"{EXPECTED_ISSUER}, without user name, password, ? and #")
    if url.scheme != "https" and not _is_this_machine(url.hostname or ""):
        raise ValueError(f"{EXPECTED_ISSUER}; http is for an issuer on this machine only")
    return text


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _names_a_server(text: str, schemes: Container[str] = ("http", "https")) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in schemes and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def server_url(text: str) -> str:
    """The OpenAI-compatible root of a server that may be given with or without its `/v1`."""
    url = http_url(text)
    return url if VERSIONED.search(urlsplit(url).path) else f"{url}/v1"


def ollama_root(text: str) -> str:
    """The root of an Ollama, which may be given as the root of one of its APIs."""
    return re.sub(r"/(v1|api)$", "", http_url(text))


def ollama_url(text: str) -> str:
    """The root of what `OLLAMA_HOST` may hold: a host, a port, both, or a URL."""
    if "://" not in text:
        address, slash, path = text.partition("/")
        text = f"http://{_with_port(address)}{slash}{path}"
    root = ollama_root(text)
    for wildcard, loopback in LOOPBACKS.items():
        root = re.sub(rf"(?<=://){re.escape(wildcard)}(?=[:/]|$)", loopback, root)
    return root


def _with_port(address: str) -> str:
    with suppress(AddressValueError):
        address = f"[{IPv6Address(address)}]"
    host = f"127.0.0.1{address}" if address.startswith(":") else address
    return host if re.search(r":\d+$", host) else f"{host}:{OLLAMA_PORT}"
