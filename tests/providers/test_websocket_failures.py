"""Every way in which a custom WebSocket model can fail: what came, what is raised, what it says."""

from dataclasses import dataclass

import pytest
from websockets.frames import Frame, Opcode

from llmchat.errors import (
    ProviderError,
    UpstreamMalformed,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTooLarge,
    UpstreamTruncated,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from llmchat.mock.websocket_faults import SOCKET_MIDWAY
from tests.providers.asking import KEY, ask, listen, prompt
from tests.providers.memory import MIB, memory_bounded
from tests.providers.socket_server import Message, hear, socket_at, staying
from tests.providers.wire import http, wire
from tests.upstream import OptionValue, Upstream

THREE = "t0 t1 t2 "
BROKE_OFF = "The answer broke off; what came is kept, ask again for a whole one. "


@dataclass(frozen=True, slots=True)
class Broken:
    error: type[ProviderError]
    says: str
    text: str = THREE


IN_MID_ANSWER = {
    "truncate": Broken(UpstreamTruncated, 'neither "done": true nor a finish_reason'),
    "cut": Broken(UpstreamTruncated, f"{BROKE_OFF}mine (ws://"),
    "reset": Broken(UpstreamTruncated, "broke the connection"),
    "no-pong": Broken(UpstreamTruncated, "does not answer pings"),
    "error-object": Broken(UpstreamUnavailable, "It said: The server had an error"),
    "error-then-done": Broken(UpstreamUnavailable, "failed with 500"),
    "bad-json": Broken(UpstreamMalformed, "not JSON"),
    "bad-json-end": Broken(UpstreamMalformed, "not JSON"),
    "plain-text": Broken(
        UpstreamMalformed,
        "look at what that server logs. It sent: just text Expected was a JSON object "
        'such as {"delta": "…", "done": false}.',
    ),
    "giant-line": Broken(UpstreamTooLarge, "let that server send its answer in pieces"),
    "junk": Broken(UpstreamMalformed, "sent what is no WebSocket frame"),
    "close-1001": Broken(UpstreamTruncated, "is going away (1001)"),
    "close-1008": Broken(UpstreamUnauthorized, "check the API key and the headers"),
    "close-1009": Broken(UpstreamRejected, "send less with LLM_MAX_HISTORY_TOKENS"),
    "close-1011": Broken(UpstreamTruncated, "failed (1011)"),
    "close-1012": Broken(UpstreamTruncated, "restarts (1012)"),
    "close-1013": Broken(UpstreamTruncated, "has too much to do (1013)"),
    "close-4000": Broken(UpstreamRejected, "with the code 4000; see what that server means by it"),
    "close-4401": Broken(UpstreamUnauthorized, "refused the API key (401): check the key."),
    "close-4403": Broken(UpstreamUnauthorized, "check what the API key may do"),
    "close-4429": Broken(UpstreamRateLimited, "asks to slow down (429)"),
}
BEFORE_IT = IN_MID_ANSWER | {
    "refuse": Broken(UpstreamUnavailable, "broke the connection"),
    "html": Broken(UpstreamMalformed, "It sent: <!doctype html>"),
    "error-200": Broken(UpstreamUnavailable, "failed with 500"),
    "http-401": Broken(UpstreamUnauthorized, "check the key"),
    "http-404": Broken(UpstreamRejected, "does not know the path or the model (404)"),
    "http-429": Broken(UpstreamRateLimited, "asks to slow down (429)"),
}
# What only breaks off in mid answer may pass, and is tried again, when there was no answer yet.
PASSING = {"cut", "reset", "no-pong", "close-1001", "close-1011", "close-1012", "close-1013"}


async def fails(upstream: Upstream, kind: str, **options: OptionValue) -> ProviderError:
    provider = socket_at(upstream.websocket_url, ping_seconds=0.1 if kind == "no-pong" else 20)
    heard = await ask(provider, "story", fail=kind, size=3 * MIB, **options)
    assert heard.error is not None
    assert heard.text == (THREE if options["after"] else "")
    return heard.error


@pytest.mark.parametrize("kind", IN_MID_ANSWER)
async def test_in_mid_answer_what_came_is_kept(upstream: Upstream, kind: str) -> None:
    error = await fails(upstream, kind, after=3)
    assert type(error) is IN_MID_ANSWER[kind].error
    assert IN_MID_ANSWER[kind].says in error.detail


@pytest.mark.parametrize("kind", BEFORE_IT)
async def test_before_the_first_token(upstream: Upstream, kind: str) -> None:
    error = await fails(upstream, kind, after=0)
    assert type(error) is (UpstreamUnavailable if kind in PASSING else BEFORE_IT[kind].error)
    assert error.retryable is isinstance(error, UpstreamUnavailable | UpstreamRateLimited)
    assert BEFORE_IT[kind].says.removeprefix(BROKE_OFF) in error.detail


ERRORS: dict[str, tuple[Message, type[ProviderError], str]] = {
    "a text": ({"error": "out of memory"}, UpstreamRejected, "It said: out of memory"),
    "an object": ({"error": {"message": "slow", "code": 429}}, UpstreamRateLimited, "slow"),
    "an object with words": (
        {"error": {"message": "no", "type": "overloaded_error"}},
        UpstreamUnavailable,
        "It said: no",
    ),
    "true": ({"error": True}, UpstreamRejected, "It said: nothing"),
    "true with a code": ({"error": True, "error_code": "E7"}, UpstreamRejected, "the code E7"),
    "a code and a message": (
        {"error": True, "error_code": 503, "error_message": "loading"},
        UpstreamUnavailable,
        "failed with 503; try again in a moment. It said: loading",
    ),
    "a message alone": ({"error_message": "loading"}, UpstreamRejected, "It said: loading"),
    "a code alone": ({"error_code": 401}, UpstreamUnauthorized, "check the key"),
    "a code as a text": ({"error": "x", "error_code": "403"}, UpstreamUnauthorized, "(403)"),
    "a word for a code": (
        {"error": "x", "error_code": "RATE_LIMIT_EXCEEDED"},
        UpstreamRateLimited,
        "(429)",
    ),
    "a word for an error": (
        {"error": "rate_limit_exceeded", "error_message": "slow down"},
        UpstreamRateLimited,
        "It said: slow down",
    ),
    "an error beside a text": ({"error": "x", "delta": "y", "done": True}, UpstreamRejected, "x"),
    "a list": ("[1]", UpstreamMalformed, "no JSON object"),
    "a number": ({"delta": 7}, UpstreamMalformed, "sent a int where a text belongs"),
    "an object for a text": (
        {"delta": {"content": "x"}},
        UpstreamMalformed,
        'If the text is inside of it, name its field: "delta.content".',
    ),
    "a finish reason of another kind": ({"finish_reason": 7}, UpstreamMalformed, "int"),
    "calls of another shape": ({"tool_calls": "abc"}, UpstreamMalformed, "not the shape"),
    "too many calls": ({"tool_calls": [{"index": 10**9}]}, UpstreamMalformed, "numbers its tool"),
    "no UTF-8": (b"\xff\xfe", UpstreamMalformed, "It sent: \N{REPLACEMENT CHARACTER}"),
    "deep": ("[" * 100_000, UpstreamMalformed, "not JSON"),
}


@pytest.mark.parametrize("name", ERRORS)
async def test_a_frame_that_is_an_error_or_none(name: str) -> None:
    frame, kind, says = ERRORS[name]
    heard, _ = await hear({"delta": "Hel"}, frame, {"delta": "lo", "done": True})

    assert heard.text == "Hel"
    assert type(heard.error) is kind
    assert says in heard.error.detail


async def test_a_server_that_refuses_before_it_is_asked_is_heard() -> None:
    refusal = Frame(Opcode.TEXT, b'{"error": "no seat", "error_code": 503}').serialize(mask=False)
    goodbye = Frame(Opcode.CLOSE, b"\x03\xf0").serialize(mask=False)
    for answer, says in {
        refusal + goodbye: "failed with 503; try again in a moment. It said: no seat",
        goodbye: "does not allow this (1008)",
    }.items():
        async with staying(answer, waits=False) as server:
            heard = await listen(socket_at(server.url), prompt())
        assert heard.error is not None
        assert says in heard.error.detail


@pytest.mark.parametrize(("asked", "wait"), [(5, 5), ("5.0", 5), ("soon", None), ([], None)])
async def test_an_error_may_say_how_long_to_wait(asked: object, wait: float | None) -> None:
    heard, _ = await hear({"error": "slow", "error_code": 429, "retry_after": asked})
    assert heard.error is not None
    assert heard.error.retry_after_seconds == wait


async def test_no_error_has_a_secret_in_it() -> None:
    secrets = {"X-Key": "Bearer header-secret"}
    said = f"{KEY}, header-secret and query-secret are wrong"
    async with wire(http(said, status="400 Bad Request")) as upstream:
        url = upstream.base_url.replace("http", "ws") + "?token=query-secret"
        refused = (await listen(socket_at(url, headers=secrets), prompt())).error
    told = (await hear({"error": said}, headers=secrets))[0].error
    closing = (await hear({"delta": "x"}, code=4000, reason=said, headers=secrets))[0].error

    for error in (refused, told, closing):
        assert error is not None
        assert "are wrong" in error.detail
        assert KEY not in error.detail
        assert "header-secret" not in error.detail
    assert refused is not None
    assert "query-secret" not in refused.detail


async def test_a_frame_of_400_mb_is_refused_at_once_and_takes_no_memory(
    upstream: Upstream,
) -> None:
    provider = socket_at(upstream.websocket_url)
    await ask(provider)
    with memory_bounded():
        heard = await ask(provider, fail="giant-line", after=3, size=400 * MIB)
        await upstream.client_gone(attempt=1)
    assert isinstance(heard.error, UpstreamTooLarge)


async def test_the_largest_frame_allowed_arrives_whole() -> None:
    text = "é" * (MIB // 2 - 20)
    heard, _ = await hear(f'{{"delta": "{text}"}}', {"done": True})
    assert heard.text == text


async def test_a_message_in_too_many_pieces_is_refused() -> None:
    heard, _ = await hear({"delta": "Hel"}, ["x"] * 10_000, code=None)
    assert heard.text == "Hel"
    assert isinstance(heard.error, UpstreamTooLarge)


async def test_an_answer_to_an_unknown_model(upstream: Upstream) -> None:
    heard = await listen(socket_at(upstream.websocket_url), prompt("gpt"))
    assert isinstance(heard.error, UpstreamRejected)
    said = "check the URL and the model's name. It said: model 'gpt' not found"
    assert said in heard.error.detail


def test_every_failure_of_the_mock_is_here() -> None:
    right = {"silence", "pings", "keepalive-chunks", "error-frame"}
    assert SOCKET_MIDWAY.keys() - right == IN_MID_ANSWER.keys()
