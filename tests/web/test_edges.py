"""What every answer tells a browser, and which names of the server are its own."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import httpx2
import pytest

from tests.client import Client
from tests.web.conftest import serving

PATHS = [
    "/",
    "/docs",
    "/openapi.json",
    "/health",
    "/api/conversations",
    "/api/nothing",
    "/static/x",
]
HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    hosts = ("chat.example.com", ".test")
    with serving(tmp_path_factory.mktemp("named"), allowed_hosts=hosts) as url:
        yield url


@pytest.fixture
async def http(named: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=named) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_tells_a_browser_what_not_to_do(client: Client, path: str) -> None:
    answer = await client.http.get(path)

    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    script = policy.partition("script-src")[2].partition(";")[0]
    assert "unsafe" not in script


async def test_a_stream_does_too(client: Client) -> None:
    sent = await client.send(await client.conversation(), model="demo/echo")
    async with client.http.stream("GET", sent.stream_url) as answer:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "host",
    [
        "chat.example.com",
        "CHAT.example.com:8443",
        "chat.example.com.",
        "a.test",
        "a.b.test:80",
        "127.0.0.1",
        "127.0.0.1:9",
        "[::1]",
        "[::1]:8000",
        "llmchat",
    ],
)
async def test_a_server_goes_by_its_names(http: httpx2.AsyncClient, host: str) -> None:
    assert (await http.get("/health", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "example.com",
        "chat.example.com.evil.example",
        "xchat.example.com",
        "atest.example",
        "127.0.0.1.evil.example",
        "127.0.0.1:80.evil.example",
        "[::1].evil.example",
        "localhost.evil.example:8000",
        "chat.example.com/.evil.example",
        "a..b",
    ],
)
async def test_and_by_no_other(http: httpx2.AsyncClient, host: str) -> None:
    answer = await http.get("/api/conversations", headers={"Host": host})

    assert answer.status_code == 421
    assert answer.json()["type"] == "unknown_host"
    assert "LLMCHAT_ALLOWED_HOSTS" in answer.json()["detail"]


async def test_an_open_server_is_no_strangers_address(client: Client) -> None:
    answer = await client.http.get("/api/conversations", headers={"Host": "rebound.evil.example"})

    assert answer.status_code == 421


def test_one_that_somebody_else_guards_has_any_name(tmp_path: Path) -> None:
    with serving(tmp_path, allow_open=True) as url:
        answer = httpx2.get(f"{url}/health", headers={"Host": "any.example.com"})

    assert answer.status_code == 200


APP = "https://app.example.com"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One that pages of another origin may call."""
    with serving(tmp_path_factory.mktemp("shared"), cors_origins=(APP,)) as url:
        yield url


def test_a_page_elsewhere_may_ask_before_it_calls(shared: str) -> None:
    asked = {
        "Origin": APP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,last-event-id",
    }
    answer = httpx2.options(f"{shared}/api/conversations", headers=asked)

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == APP
    assert "access-control-allow-credentials" not in answer.headers
    other = httpx2.options(f"{shared}/api/conversations", headers={**asked, "Origin": "https://x"})
    assert "access-control-allow-origin" not in other.headers


def test_a_client_of_openai_in_a_page_elsewhere_may_call_too(shared: str) -> None:
    asked = {
        "Origin": APP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-conversation-id,"
        "x-stainless-arch,x-stainless-lang,x-stainless-os,x-stainless-package-version,"
        "x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version,"
        "x-stainless-timeout",
    }
    assert httpx2.options(f"{shared}/v1/chat/completions", headers=asked).status_code == 200
    answer = httpx2.get(f"{shared}/v1/models", headers={"Origin": APP})
    assert "X-Generation-Id" in answer.headers["access-control-expose-headers"]


def test_it_sees_the_answer_and_its_errors(shared: str) -> None:
    for path, status in [("/api/conversations", 200), ("/api/conversations/none", 404)]:
        answer = httpx2.get(shared + path, headers={"Origin": APP})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == APP
        assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


def test_without_the_setting_no_other_page_sees_anything(base_url: str) -> None:
    answer = httpx2.get(f"{base_url}/api/conversations", headers={"Origin": APP})

    assert "access-control-allow-origin" not in answer.headers
