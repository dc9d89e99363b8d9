"""Sharing over HTTP: members with their roles, streams that end, links to read."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.client import Json
from tests.web.conftest import UNPACED
from tests.web.locked import Locked, bearer, locked_service

SAY = {"content": "hello", "model": "demo/echo", "params": {"extra": UNPACED}}
LONG = {
    "content": "hello",
    "model": "demo/story",
    "params": {"extra": {"tokens": 100_000, "tokens_per_second": 20}},
}
WRONG_KEYS = 5


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    """Its heartbeats come too late for any test: a member's stream asks in its own time."""
    with locked_service(
        tmp_path_factory.mktemp("shared"), heartbeat_seconds=60, shutdown_grace_seconds=0
    ) as service:
        yield service


class Person:
    def __init__(self, service: Locked, name: str) -> None:
        self.name = name
        self.http = httpx2.Client(
            base_url=service.base_url, headers=bearer(service.key(name)["secret"]), timeout=30
        )

    def call(self, method: str, path: str, body: Json | None = None) -> httpx2.Response:
        return self.http.request(method, path, json=body)

    def done(self, method: str, path: str, body: Json | None = None) -> Json:
        answer = self.call(method, path, body)
        assert answer.is_success, answer.text
        found: Json = answer.json() if answer.content else {}
        return found


@pytest.fixture
def ann(service: Locked) -> Iterator[Person]:
    person = Person(service, "ann")
    with person.http:
        yield person


@pytest.fixture
def bob(service: Locked) -> Iterator[Person]:
    person = Person(service, "bob")
    with person.http:
        yield person


def shared(ann: Person, role: str) -> str:
    """A conversation of Ann's with Bob in it; its path."""
    path = f"/api/conversations/{ann.done('POST', '/api/conversations', {})['id']}"
    ann.done("POST", f"{path}/members", {"user": "bob", "role": role})
    return path


def test_a_member_finds_the_conversation_in_their_list(ann: Person, bob: Person) -> None:
    path = shared(ann, "viewer")
    id = path.rpartition("/")[2]

    assert id in [found["id"] for found in bob.done("GET", "/api/conversations")["items"]]
    ann.done("DELETE", f"{path}/members/bob")
    assert id not in [found["id"] for found in bob.done("GET", "/api/conversations")["items"]]
    assert bob.call("GET", path).status_code == 404


def test_members_see_who_else_there_is(ann: Person, bob: Person) -> None:
    path = shared(ann, "viewer")
    again = ann.done("POST", f"{path}/members", {"user": "bob", "role": "editor"})

    for person in (ann, bob):
        assert person.done("GET", f"{path}/members")["items"] == [again]
    assert (again["user"], again["role"]) == ("bob", "editor")


def test_a_viewer_is_told_which_role_it_takes(ann: Person, bob: Person) -> None:
    answer = bob.call("POST", f"{shared(ann, 'viewer')}/messages", SAY)

    assert answer.status_code == 403
    assert answer.json()["type"] == "forbidden"
    assert "This takes the role editor" in answer.json()["detail"]


def test_a_refused_delete_has_stopped_nothing(ann: Person, bob: Person) -> None:
    path = shared(ann, "editor")
    sent = ann.done("POST", f"{path}/messages", LONG)
    generation = f"/api/generations/{sent['generation']['id']}"

    assert bob.call("DELETE", path).status_code == 403
    assert bob.call("DELETE", f"{path}/messages").status_code == 403
    assert ann.done("GET", generation)["status"] == "streaming"

    assert bob.done("POST", f"{generation}/stop")["status"] == "stopped"


def test_what_an_editor_sends_is_read_by_all(ann: Person, bob: Person) -> None:
    path = shared(ann, "editor")
    sent = bob.done("POST", f"{path}/messages", SAY)

    for person in (ann, bob):
        assert "event: finished" in person.call("GET", sent["stream_url"]).text
        said = [found["content"] for found in person.done("GET", f"{path}/messages")["items"]]
        assert said == ["hello", "You said: hello"]


@pytest.mark.parametrize("whole", [True, False], ids=["conversation", "generation"])
def test_a_removed_members_stream_ends_and_the_owners_goes_on(
    ann: Person, bob: Person, *, whole: bool
) -> None:
    path = shared(ann, "viewer")
    sent = ann.done("POST", f"{path}/messages", LONG)
    stream = f"{path}/stream" if whole else sent["stream_url"]
    with ann.http.stream("GET", stream) as owners, bob.http.stream("GET", stream) as theirs:
        lines = theirs.iter_lines()
        assert any(line == "event: delta" for line in lines)
        ann.done("DELETE", f"{path}/members/bob")
        rest = list(lines)
        assert "event: finished" not in rest
        assert bob.call("GET", stream).status_code == 404

        ann.done("POST", f"/api/generations/{sent['generation']['id']}/stop")
        assert any(line == "event: finished" for line in owners.iter_lines())


def test_a_removed_members_stream_ends_also_in_silence(ann: Person, bob: Person) -> None:
    path = shared(ann, "viewer")
    with bob.http.stream("GET", f"{path}/stream") as stream:
        lines = stream.iter_lines()
        assert any(line == "event: snapshot" for line in lines)
        ann.done("DELETE", f"{path}/members/bob")
        assert [line for line in lines if line.startswith("event: ")].count("event: snapshot") == 0


def test_a_members_new_role_reaches_what_is_open_and_nobody_elses(ann: Person, bob: Person) -> None:
    path = shared(ann, "viewer")
    with (
        ann.http.stream("GET", f"{path}/stream") as owners,
        bob.http.stream("GET", f"{path}/stream") as theirs,
    ):
        seen = {person.name: _roles(it) for person, it in ((ann, owners), (bob, theirs))}
        assert (next(seen["ann"]), next(seen["bob"])) == ("owner", "viewer")
        for role in ("editor", "viewer"):
            ann.done("POST", f"{path}/members", {"user": "bob", "role": role})
            assert (next(seen["ann"]), next(seen["bob"])) == ("owner", role)
        ann.done("PATCH", path, {"title": "Foxes"})
        assert (next(seen["ann"]), next(seen["bob"])) == ("owner", "viewer")


def _roles(stream: httpx2.Response) -> Iterator[str]:
    """As which the conversation is shown, each time that it is."""
    for line in stream.iter_lines():
        if line.startswith("data: ") and "reply_mode" in line:
            found = json.loads(line.removeprefix("data: "))
            yield found.get("conversation", found)["role"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user": "bob"},
        {"user": "bob", "role": "owner"},
        {"user": "../bob", "role": "viewer"},
        {"user": "", "role": "viewer"},
        {"user": "ann", "role": "viewer"},
    ],
)
def test_a_member_that_cannot_be_is_refused(ann: Person, body: Json) -> None:
    answer = ann.call("POST", f"{shared(ann, 'viewer')}/members", body)

    assert answer.status_code == 422


def test_a_link_shows_title_and_messages_without_a_key(ann: Person) -> None:
    path = shared(ann, "viewer")
    ann.done("PATCH", path, {"title": "Foxes", "system_prompt": "a secret of Ann's"})
    ann.call("GET", ann.done("POST", f"{path}/messages", SAY)["stream_url"])
    link = ann.done("POST", f"{path}/link")
    answer = httpx2.get(f"{ann.http.base_url}".rstrip("/") + link["url"])

    assert link["url"] == f"/api/shared/{link['secret']}"
    assert answer.status_code == 200
    assert answer.json()["title"] == "Foxes"
    messages = ann.done("GET", f"{path}/messages")["items"]
    # Whoever has the link need not learn who wrote them.
    assert answer.json()["messages"] == [{**message, "author": None} for message in messages]
    assert messages[0]["author"]
    assert "a secret of Ann's" not in answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_revoked_link_answers_like_one_that_never_was(ann: Person) -> None:
    path = shared(ann, "viewer")
    first = ann.done("POST", f"{path}/link")
    second = ann.done("POST", f"{path}/link")
    assert ann.call("GET", second["url"]).status_code == 200
    ann.done("DELETE", f"{path}/link")

    told = []
    for secret in (first["secret"], second["secret"], "never"):
        answer = ann.call("GET", f"/api/shared/{secret}")
        assert answer.status_code == 404
        told.append((answer.json()["detail"], set(answer.headers)))
    assert told[0] == told[1] == told[2]


def test_a_link_only_reads(ann: Person) -> None:
    url = ann.done("POST", f"{shared(ann, 'viewer')}/link")["url"]

    for method in ("POST", "PATCH", "DELETE"):
        assert ann.call(method, url).status_code == 405


def test_whoever_guesses_links_is_not_answered(tmp_path: Path) -> None:
    with locked_service(tmp_path, wrong_keys_per_minute=WRONG_KEYS) as service:
        answers = [
            httpx2.get(f"{service.base_url}/api/shared/guess-{number}")
            for number in range(WRONG_KEYS + 1)
        ]

    assert [answer.status_code for answer in answers] == [404] * WRONG_KEYS + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
