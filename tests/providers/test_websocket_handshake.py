"""Every way in which there is no connection to a custom WebSocket model, and what is said of it."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from llmchat.errors import (
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from tests.providers.asking import ask, listen, prompt
from tests.providers.memory import MIB, memory_bounded
from tests.providers.socket_server import socket_at
from tests.providers.test_websocket_failures import Broken
from tests.providers.wire import http, wire
from tests.upstream import Upstream

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
SELF_SIGNED = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIrYPX+D8CXIebHWM
wxXHbURe0I5wYDmHj6bgF16wBbmhRANCAATcqExZXgWCuzIS+jqgtgcVBp2gi6+T
LY+teDNxZYMXnOigarB8ijz2TkFx+pn+M9L1UP5OS3UVuqdfBj96pJJ/
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUCBZaGnEs04PLHaZukSoP6+lej0gwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE1MjMzNloYDzIxMjYxMDI4
MTUyMzM2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATcqExZXgWCuzIS+jqgtgcVBp2gi6+TLY+teDNxZYMXnOigarB8ijz2
TkFx+pn+M9L1UP5OS3UVuqdfBj96pJJ/o1MwUTAdBgNVHQ4EFgQUiX1sK34dtc2c
pHzEQjh0Oc0eoBYwHwYDVR0jBBgwFoAUiX1sK34dtc2cpHzEQjh0Oc0eoBYwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiB2+Ai69BDWxGEycvaRMsMA
pwFuQ5+zvl7ZYe7H/0s0EwIhAN32I6nFHiq1MSxVWU3+l7MOQ56N2xg48ysZ5M+V
vsrM
-----END CERTIFICATE-----
"""
"""For localhost, until 2126, and trusted by nobody: it protects nothing."""

HANDSHAKES = {
    "http-400": Broken(UpstreamRejected, "refused the request (400)"),
    "http-401": Broken(UpstreamUnauthorized, "refused the API key (401): check the key."),
    "http-403": Broken(UpstreamUnauthorized, "forbids this (403)"),
    "http-404": Broken(UpstreamRejected, "check the URL and the model's name. It said: model_not"),
    "http-429": Broken(UpstreamRateLimited, "asks to slow down (429)"),
    "http-500": Broken(UpstreamUnavailable, "failed with 500"),
    "http-503": Broken(UpstreamUnavailable, "failed with 503; try again in a moment"),
    "html": Broken(UpstreamMalformed, "as a web server does (200), and not as a WebSocket"),
    "refuse": Broken(UpstreamUnavailable, "closed the connection in the handshake"),
}


@pytest.mark.parametrize("kind", HANDSHAKES)
async def test_in_the_handshake(upstream: Upstream, kind: str) -> None:
    provider = socket_at(f"{upstream.websocket_url}?fail={kind}&retry_after=7")
    heard = await listen(provider, prompt())

    broken = HANDSHAKES[kind]
    assert isinstance(heard.error, broken.error)
    assert heard.error.detail.startswith("mine (ws://127.0.0.1:")
    assert broken.says in heard.error.detail
    wait = 7 if kind in {"http-429", "http-503"} else None
    assert heard.error.retry_after_seconds == wait
    with pytest.raises(broken.error) as caught:
        await provider.models()
    assert caught.value.detail == heard.error.detail


async def test_a_key_that_is_missing(upstream: Upstream) -> None:
    provider = socket_at(f"{upstream.websocket_url}?fail=http-401", api_key=None)
    heard = await listen(provider, prompt())
    assert heard.error is not None
    assert "wants an API key (401), and the settings have none" in heard.error.detail


ANSWERS = {
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", UpstreamMalformed, "answer as a WebSocket"),
    "nothing": (b"", UpstreamUnavailable, "closed the connection in the handshake"),
    "half a head": (b"HTTP/1.1 101 Swi", UpstreamUnavailable, "in the handshake"),
    "a redirect": (
        http(b"", status="302 Found", location="ws://elsewhere.example/x"),
        UpstreamRejected,
        "sends its callers to ws://elsewhere.example/x (302)",
    ),
    "a wrong key": (
        SWITCHING + b"Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
        UpstreamMalformed,
        "answer as a WebSocket",
    ),
    "no upgrade": (
        SWITCHING + b"\r\n",
        UpstreamMalformed,
        "answer as a WebSocket",
    ),
    "an endless header": (
        SWITCHING + b"X: " + b"x" * MIB,
        UpstreamMalformed,
        "answer as a WebSocket",
    ),
    "an endless body": (
        http(b"x" * 20 * MIB, status="500 Oops"),
        UpstreamMalformed,
        "answer as a WebSocket",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_what_is_no_handshake(name: str) -> None:
    answer, kind, says = ANSWERS[name]
    async with wire(answer) as upstream:
        url = upstream.base_url.replace("http", "ws")
        with memory_bounded():
            heard = await listen(socket_at(url), prompt())
        assert len(upstream.requests) == 1

    assert type(heard.error) is kind
    assert says in heard.error.detail


async def test_a_server_that_is_not_there() -> None:
    heard = await listen(socket_at("ws://127.0.0.1:1/chat"), prompt())
    assert isinstance(heard.error, UpstreamUnavailable)
    assert "mine (ws://127.0.0.1:1/chat) cannot be reached; check that it runs" in (
        heard.error.detail
    )


async def test_a_name_that_is_none() -> None:
    heard = await listen(socket_at("ws://a..b/chat"), prompt())
    assert isinstance(heard.error, UpstreamUnavailable)
    assert "cannot be reached" in heard.error.detail


async def test_a_server_without_tls() -> None:
    async with server(None) as url:
        heard = await listen(socket_at(url), prompt())
    assert isinstance(heard.error, UpstreamUnavailable)
    assert "TLS begins with ws://" in heard.error.detail


async def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "tls.pem").write_text(SELF_SIGNED, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.pem")
    async with server(context) as url:
        heard = await listen(socket_at(url), prompt())
    assert isinstance(heard.error, UpstreamUnavailable)
    assert "has a certificate that is not trusted (self" in heard.error.detail


@asynccontextmanager
async def server(context: ssl.SSLContext | None) -> AsyncIterator[str]:
    """One that refuses whatever it is asked, and reads none of it."""

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(refuse, "127.0.0.1", 0, ssl=context)
    try:
        yield f"wss://localhost:{listening.sockets[0].getsockname()[1]}/"
    finally:
        listening.close()
        await listening.wait_closed()


@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        ("http://me:hush@127.0.0.1:1", "cannot be reached"),
        ("socks5://me:hush@127.0.0.1:1", "through the proxy"),
        ("nonsense:hush", "through the proxy"),
    ],
)
async def test_a_proxy_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, proxy: str, says: str
) -> None:
    monkeypatch.setitem(os.environ, "http_proxy", proxy)
    heard = await listen(socket_at("ws://llm.example.com/chat"), prompt())
    assert isinstance(heard.error, UpstreamUnavailable)
    assert says in heard.error.detail
    assert "hush" not in heard.error.detail


async def test_no_proxy_is_asked_for_this_machine(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "http_proxy", "http://127.0.0.1:1")
    monkeypatch.setitem(os.environ, "ws_proxy", "http://127.0.0.1:1")
    assert (await ask(socket_at(upstream.websocket_url), tokens=1)).text == "t0 "
