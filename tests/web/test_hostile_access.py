"""The bodies about keys and sessions, and bodies of every call that are declared as no JSON."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.client import Client, Json
from tests.web.locked import Locked, bearer, locked_service
from tests.web.shapes import problem_of
from tests.web.test_hostile_bodies import NASTY, fields, spoiled, text_of

JSON = {"Content-Type": "application/json"}
KEY: Json = {"name": "x", "user": "x", "scopes": ["chat"], "expires_in_days": 1}
BODIES: dict[str, Json] = {"/api/keys": KEY, "/api/session": {"key": "x"}}
LITERALS = [
    b"1e400",
    b"-1e400",
    b"9223372036854775808",
    b"1" * 5000,
    b"[" * 100_000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b"{" + b",".join(b'"%d":1' % number for number in range(100_000)) + b"}",
    b'"\\ud800\\u0000"',
    b'"\xed\xa0\x80"',
    b'"\xff"',
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    folder: Path = tmp_path_factory.mktemp("locked")
    with locked_service(folder, wrong_keys_per_minute=1_000_000) as service:
        yield service


@pytest.mark.parametrize("path", BODIES)
def test_no_value_about_access_is_an_error_of_the_server(service: Locked, path: str) -> None:
    body = BODIES[path]
    contents = [text_of(one) for value in NASTY for one in [*spoiled(body, value), value]]
    contents += [
        text_of({**body, name: "@"}).replace(b'"@"', text) for name in body for text in LITERALS
    ]
    with httpx2.Client(base_url=service.base_url, headers=bearer(service.admin)) as http:
        for content in contents:
            answer = http.post(path, content=content, headers=JSON)
            assert answer.status_code < 500, (content[:200], answer.text)
            if answer.status_code >= 400:
                problem_of(answer, answer.status_code)


def test_the_last_of_two_equal_members_counts(service: Locked) -> None:
    body = b'{"name": "a", "user": "victim", "user": "b", "scopes": ["admin"], "scopes": ["read"]}'

    answer = httpx2.post(
        f"{service.base_url}/api/keys", content=body, headers={**JSON, **bearer(service.admin)}
    )

    assert (answer.json()["user"], answer.json()["scopes"]) == ("b", ["read"])


async def test_numbers_and_texts_of_any_size_are_no_error(client: Client) -> None:
    for path, body in (await fields(client)).items():
        for name in body:
            for literal in LITERALS:
                content = text_of({**body, name: "@"}).replace(b'"@"', literal)
                answer = await client.http.post(path, content=content, headers=JSON)
                assert answer.status_code < 500, (path, content[:200], answer.text)


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_what_is_not_declared_as_json_is_415(client: Client, media_type: str) -> None:
    bodies = {**await fields(client), **BODIES}
    for path, body in bodies.items():
        headers = {"Content-Type": media_type} if media_type else {}
        answer = await client.http.post(path, content=json.dumps(body).encode(), headers=headers)
        assert "application/json" in problem_of(answer, 415)["detail"], path


async def test_json_in_another_encoding_is_refused_or_read(client: Client) -> None:
    headers = {"Content-Type": "application/json; charset=utf-16"}
    for path, body in {**await fields(client), **BODIES}.items():
        content = json.dumps(body).encode("utf-16")
        answer = await client.http.post(path, content=content, headers=headers)
        assert answer.status_code < 500, (path, answer.text)
