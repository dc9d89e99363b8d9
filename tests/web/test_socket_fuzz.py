"""Whatever a stranger sends over a socket: no crash, no hang, and no byte that is another's."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sockets import opened
from tests.web.conftest import UNPACED
from tests.web.locked import bearer, locked_service

TYPES = [
    *("join_room", "leave_room", "send_message", "typing", "llm_request", "stop", "resume", "ping"),
]
SECRET = "the secret of somebody else"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        # Which become the ids of what is another's.
        "conversation_id": st.just("CONVERSATION") | JSON,
        "generation_id": st.just("GENERATION") | JSON,
        "content": st.just("hi") | JSON,
        "prompt": st.just("hi") | JSON,
        **dict.fromkeys(("model", "params", "messages", "ref", "after", "on_busy", "x"), JSON),
    },
)
FRAMES = st.one_of(
    st.binary(max_size=50),
    st.text(max_size=50),
    st.builds(
        lambda type, members: json.dumps({**members, "type": type}),
        st.sampled_from(TYPES) | st.text(max_size=5),
        MEMBERS,
    ),
)
ANSWERS = {"error", "pong", "message_status", "llm_error", "llm_response"}


@dataclass(frozen=True, slots=True)
class Theirs:
    base_url: str
    stranger: dict[str, str]
    conversation: str
    generation: str


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theirs]:
    with locked_service(tmp_path_factory.mktemp("fuzz"), shutdown_grace_seconds=0) as service:
        owner = bearer(service.key("owner")["secret"])
        with httpx2.Client(base_url=service.base_url, headers=owner) as client:
            body = {"model": "demo/echo", "params": {"extra": UNPACED}, "title": SECRET}
            id = client.post("/api/conversations", json=body).json()["id"]
            sent = client.post(f"/api/conversations/{id}/messages", json={"content": SECRET}).json()
            client.get(sent["stream_url"]).raise_for_status()
        stranger = bearer(service.key("stranger")["secret"])
        yield Theirs(service.base_url, stranger, id, sent["generation"]["id"])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=st.lists(FRAMES, min_size=1, max_size=8))
def test_whatever_is_sent_the_socket_answers(theirs: Theirs, sent: list[str | bytes]) -> None:
    async def send_all() -> None:
        async with opened(theirs.base_url, theirs.stranger) as socket:
            for frame in sent:
                await socket.wire.send(_with_ids(frame, theirs))
            await socket.say("ping", ref="the last")
            while (answer := await socket.next()).get("ref") != "the last":
                assert answer["type"] in ANSWERS
            assert SECRET not in str(socket.frames)

    asyncio.run(send_all())


def _with_ids(frame: str | bytes, theirs: Theirs) -> str | bytes:
    if isinstance(frame, bytes):
        return frame
    named = frame.replace("CONVERSATION", theirs.conversation)
    return named.replace("GENERATION", theirs.generation)
