"""Generations over HTTP: looked at, followed from a cursor, stopped."""

import httpx2
import pytest

from tests.client import Client
from tests.reader import HEADERS, Reader
from tests.web.conftest import UNPACED
from tests.web.shapes import GENERATION_DETAIL, USAGE, is_private, problem_of, utc


async def ended(client: Client) -> Reader:
    """A generation, as somebody who has read all of it."""
    sent = await client.send(
        await client.conversation(), "x", model="demo/echo", params={"extra": UNPACED}
    )
    return await client.read(sent.generation_id)


def stream_of(reader: Reader) -> str:
    return f"/api/generations/{reader.generation_id}/stream"


async def follow(client: Client, reader: Reader, cursor: str, how: str) -> httpx2.Response:
    if how == "header":
        headers = {b"Last-Event-ID": cursor.encode()}
        return await client.http.get(stream_of(reader), headers=headers)
    return await client.http.get(stream_of(reader), params={"last_event_id": cursor})


async def test_a_generation_says_how_it_went(client: Client) -> None:
    read = await ended(client)

    response = await client.http.get(f"/api/generations/{read.generation_id}")

    assert response.status_code == 200
    assert is_private(response)
    found = response.json()
    assert set(found) == GENERATION_DETAIL
    assert (found["status"], found["finish_reason"], found["error"]) == ("complete", "stop", None)
    assert (found["text"], found["reasoning"], found["attempt"]) == ("You said: x", "", 1)
    assert found["last_event_id"] == read.cursor
    assert set(found["usage"]) == USAGE
    times = [found[name] for name in ("created_at", "started_at", "first_token_at", "ended_at")]
    assert sorted(map(utc, times)) == [utc(time) for time in times]


async def test_a_stop_keeps_the_text_and_is_idempotent(client: Client) -> None:
    sent = await client.send(await client.conversation(), model="demo/story")
    await client.reader(sent.generation_id).read_until(lambda reader: bool(reader.text))

    first = await client.stop(sent.generation_id)

    assert set(first) == {"status", "last_event_id"}
    assert first["status"] == "stopped"
    assert await client.stop(sent.generation_id) == first
    found = await client.generation(sent.generation_id)
    assert found["last_event_id"] == first["last_event_id"]
    assert found["text"].startswith("t0 ")
    done = await ended(client)
    whole = {"status": "complete", "last_event_id": done.cursor}
    assert await client.stop(done.generation_id) == whole


@pytest.mark.parametrize("how", ["header", "query"])
async def test_a_cursor_gives_exactly_what_follows(client: Client, how: str) -> None:
    read = await ended(client)

    for after in range(read.cursor):
        response = await follow(client, read, str(after), how)
        assert response.status_code == 200
        assert {name: response.headers[name] for name in HEADERS} == HEADERS
        first = next(line for line in response.text.splitlines() if line.startswith("data: "))
        assert f'"offset":[{after + 1},' in first


async def test_the_header_wins_over_the_query(client: Client) -> None:
    read = await ended(client)

    response = await client.http.get(
        stream_of(read),
        params={"last_event_id": "0"},
        headers={"Last-Event-ID": str(read.cursor - 1)},
    )

    assert f'"offset":[{read.cursor},{read.cursor}]' in response.text
    assert '"offset":[1,' not in response.text


async def test_a_cursor_at_the_end_is_204(client: Client) -> None:
    read = await ended(client)

    response = await client.http.get(stream_of(read), headers={"Last-Event-ID": str(read.cursor)})

    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("how", ["header", "query"])
@pytest.mark.parametrize(
    "cursor",
    [
        "6",
        "999999999999999999",
        "9223372036854775808",
        "9" * 60,
        "-1",
        "+1",
        "1.0",
        "1e0",
        "0x1",
        "1_0",
        "1,2",
        "x",
        "gen_1",
        "null",
        "\N{SUPERSCRIPT TWO}",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "\N{FULLWIDTH DIGIT ONE}",
    ],
)
async def test_a_cursor_that_is_none_of_this_log_is_refused(
    client: Client, cursor: str, how: str
) -> None:
    read = await ended(client)

    response = await follow(client, read, cursor, how)

    assert problem_of(response, 400)["type"] == "bad_cursor"


async def test_a_generation_that_is_none_does_not_exist(client: Client) -> None:
    for method, path in (
        ("GET", "/api/generations/gen_none"),
        ("GET", "/api/generations/gen_none/stream"),
        ("POST", "/api/generations/gen_none/stop"),
    ):
        problem = problem_of(await client.http.request(method, path), 404)
        assert (problem["type"], problem["instance"]) == ("not_found", path)
