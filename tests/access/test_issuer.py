"""The keys of an issuer: when they are fetched, and what holds while it is away or wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from llmchat.access.issuer import IssuerKeys
from llmchat.errors import IssuerUnavailable
from tests.issuer import Issuer, issuing, jwk_of, rsa_key
from tests.raw_http import PATIENCE_SECONDS


class Watch:
    """A clock that a test puts forward."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def keys(issuer: Issuer, watch: Watch) -> AsyncIterator[IssuerKeys]:
    async with aclosing(IssuerKeys(issuer.url, watch)) as keys:
        yield keys


async def test_are_fetched_when_wanted_and_kept(
    issuer: Issuer, keys: IssuerKeys, watch: Watch
) -> None:
    assert issuer.requests == []
    for _ in range(3):
        assert await keys.find("first", "RS256")
    assert issuer.requests == ["/.well-known/openid-configuration", "/jwks"]

    watch.seconds += 599
    assert await keys.find("first", "RS256")
    assert issuer.fetches == 1
    watch.seconds += 1
    assert await keys.find("first", "RS256")
    assert issuer.fetches == 2


async def test_a_key_that_was_taken_away_is_none(
    issuer: Issuer, keys: IssuerKeys, watch: Watch
) -> None:
    assert await keys.find("first", "RS256")
    issuer.keys[:] = [jwk_of(rsa_key(1), "second")]
    watch.seconds += 600

    assert await keys.find("first", "RS256") is None


async def test_a_new_key_is_found_at_once(issuer: Issuer, keys: IssuerKeys) -> None:
    assert await keys.find("first", "RS256")
    issuer.keys.append(jwk_of(rsa_key(1), "second"))

    assert await keys.find("second", "RS256")
    assert issuer.fetches == 2


async def test_a_flood_of_unknown_names_is_no_flood_of_requests(
    issuer: Issuer, keys: IssuerKeys, watch: Watch
) -> None:
    assert await keys.find("first", "RS256")
    for number in range(20):
        assert await keys.find(f"unknown {number}", "RS256") is None
    assert issuer.fetches == 2

    watch.seconds += 30
    await asyncio.gather(*(keys.find(f"more {number}", "RS256") for number in range(20)))
    assert issuer.fetches == 3


async def test_all_who_wait_share_one_fetch(issuer: Issuer, keys: IssuerKeys) -> None:
    issuer.held.clear()
    waiting = [asyncio.create_task(keys.find("first", "RS256")) for _ in range(20)]
    assert await asyncio.to_thread(issuer.asked.wait, PATIENCE_SECONDS)
    waiting[0].cancel()
    issuer.held.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)

    assert isinstance(found[0], asyncio.CancelledError)
    assert all(found[1:])
    assert not any(isinstance(it, BaseException) for it in found[1:])
    assert issuer.fetches == 1


async def test_hold_while_the_issuer_is_away(
    issuer: Issuer, keys: IssuerKeys, watch: Watch
) -> None:
    assert await keys.find("first", "RS256")
    issuer.status = 503
    asked = len(issuer.requests)
    watch.seconds += 100_000
    for _ in range(5):
        assert await keys.find("first", "RS256")
    assert len(issuer.requests) == asked + 1

    issuer.status = 200
    issuer.keys[:] = [jwk_of(rsa_key(1), "second")]
    watch.seconds += 30
    assert await keys.find("second", "RS256")


async def test_that_were_never_seen_are_asked_for_again_soon(
    issuer: Issuer, keys: IssuerKeys, watch: Watch
) -> None:
    issuer.status = 500
    for _ in range(5):
        with pytest.raises(IssuerUnavailable):
            await keys.find("first", "RS256")
    with pytest.raises(IssuerUnavailable) as caught:
        await keys.find("first", "RS256")
    assert caught.value.retry_after_seconds
    assert len(issuer.requests) == 1

    issuer.status = 200
    watch.seconds += caught.value.retry_after_seconds
    assert await keys.find("first", "RS256")


async def test_nobody_is_there() -> None:
    with issuing() as issuer:
        url = issuer.url
    async with aclosing(IssuerKeys(url)) as keys:
        with pytest.raises(IssuerUnavailable):
            await keys.find("first", "RS256")


async def test_nothing_is_left_of_a_fetch_that_hangs(issuer: Issuer) -> None:
    issuer.held.clear()
    async with aclosing(IssuerKeys(issuer.url)) as keys:
        waiting = asyncio.create_task(keys.find("first", "RS256"))
        assert await asyncio.to_thread(issuer.asked.wait, PATIENCE_SECONDS)
    with pytest.raises(IssuerUnavailable):
        await waiting

    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b"[" * 100_000,
        b"\xff",
        json.dumps({"keys": [], "more": "x" * 1024 * 1024}).encode(),
    ],
    ids=lambda answer: repr(answer[:12]),
)
@pytest.mark.parametrize("path", ["/jwks", "/.well-known/openid-configuration"])
async def test_an_answer_that_is_none(
    issuer: Issuer, keys: IssuerKeys, path: str, answer: bytes
) -> None:
    issuer.answers[path] = answer

    with pytest.raises(IssuerUnavailable):
        await keys.find("first", "RS256")
    assert issuer.requests[-1] == path


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://another.example.com"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": 7},
        {"jwks_uri": "http://[::1"},
        {"jwks_uri": "http://elsewhere.example.com/jwks"},
        {"jwks_uri": "http://127.0.0.1:1/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "/jwks"},
        {"jwks_uri": "https://" + "x" * 3000},
    ],
    ids=str,
)
async def test_a_document_that_leads_astray_is_not_followed(
    issuer: Issuer, keys: IssuerKeys, document: dict[str, Any]
) -> None:
    issuer.document = document

    with pytest.raises(IssuerUnavailable):
        await keys.find("first", "RS256")
    assert issuer.requests == ["/.well-known/openid-configuration"]


async def test_keys_of_another_server_without_tls_are_not_asked_for(
    issuer: Issuer, keys: IssuerKeys
) -> None:
    with issuing() as another:
        issuer.document = {"jwks_uri": f"{another.url}/jwks"}
        with pytest.raises(IssuerUnavailable):
            await keys.find("first", "RS256")
        assert another.requests == []


async def test_an_issuer_may_end_in_a_slash(issuer: Issuer) -> None:
    issuer.document = {"issuer": f"{issuer.url}/"}
    async with aclosing(IssuerKeys(f"{issuer.url}/")) as keys:
        assert await keys.find("first", "RS256")
    assert issuer.requests[0] == "/.well-known/openid-configuration"


async def test_a_token_without_a_name_of_its_key_wants_the_only_one(
    issuer: Issuer, keys: IssuerKeys, watch: Watch
) -> None:
    issuer.keys[:] = [jwk_of(rsa_key(0), None)]
    assert await keys.find(None, "RS256")
    assert await keys.find(None, "ES256") is None

    issuer.keys.append(jwk_of(rsa_key(1), "second"))
    watch.seconds += 600
    assert await keys.find(None, "RS256") is None
    assert await keys.find("second", "RS256")


async def test_more_keys_than_anybody_has_are_not_kept(issuer: Issuer, keys: IssuerKeys) -> None:
    issuer.keys[:] = [{**issuer.keys[0], "kid": str(number)} for number in range(200)]

    assert await keys.find("99", "RS256")
    assert await keys.find("100", "RS256") is None
