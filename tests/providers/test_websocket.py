"""The custom WebSocket model: what it is sent, and which models it has."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from llmchat.domain import Image, Params, Role
from llmchat.errors import UpstreamRejected
from llmchat.events import ToolCall
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.websocket_dialect import Dialect
from tests.providers.asking import KEY, SAID, listen, prompt
from tests.providers.socket_server import DONE, Message, hear, socket_at
from tests.upstream import Upstream, mock_model

HELLO: list[Message] = [{"delta": "Hel", "done": False}, {"delta": "lo", "done": False}]


class TestRequest:
    async def test_is_one_frame_with_all_of_the_wire(self) -> None:
        params = Params(temperature=0.5, max_tokens=9)
        _, served = await hear(*HELLO, DONE, to=prompt("m-7b", params))

        (frame,) = served.requests
        sent_at = datetime.fromisoformat(frame.pop("timestamp"))
        assert abs(datetime.now(UTC) - sent_at) < timedelta(minutes=10)
        assert sent_at.tzinfo is not None
        assert frame == {
            "message": SAID,
            "model": "m-7b",
            "metadata": {"session_context": {}},
            "messages": [{"role": "user", "content": SAID}],
            "settings": {"temperature": 0.5, "max_tokens": 9, "stream": True},
        }

    async def test_says_who_asks(self) -> None:
        _, served = await hear(*HELLO, DONE, headers={"x-client-id": "a robot"})

        sent = {name.lower(): value for name, value in served.handshakes[0].items()}
        assert (sent["x-api-version"], sent["x-client-id"]) == ("v1", "a robot")

    async def test_has_the_key_and_the_headers_of_the_settings(self) -> None:
        headers = {"X-API-Version": "v2", "X-Client-ID": "llmchat"}
        _, served = await hear(*HELLO, DONE, headers=headers)

        (sent,) = served.handshakes
        assert sent["Authorization"] == f"Bearer {KEY}"
        assert headers.items() <= sent.items()
        assert "Sec-WebSocket-Extensions" not in sent
        assert sent["User-Agent"] == "llmchat"

    @pytest.mark.parametrize("headers", [{}, {"authorization": "Token t"}])
    async def test_sends_no_key_of_its_own_without_one_or_beside_another(
        self, headers: dict[str, str]
    ) -> None:
        _, served = await hear(*HELLO, DONE, api_key=KEY if headers else None, headers=headers)

        sent = [
            value for name, value in served.handshakes[0].items() if name.lower() == "authorization"
        ]
        assert sent == list(headers.values())

    async def test_has_every_parameter_and_what_is_extra(self) -> None:
        params = Params(
            top_p=0.9,
            stop=["END"],
            seed=7,
            skip_thinking=True,
            response_format={"type": "json_object"},
            tools=[{"type": "function", "function": {"name": "f"}}],
            tool_choice="auto",
            extra={"top_k": 5, "seed": 1},
        )
        _, served = await hear(*HELLO, DONE, to=prompt("m", params))

        assert served.requests[0]["settings"] == {
            "top_k": 5,
            "seed": 7,
            "top_p": 0.9,
            "stop": ["END"],
            "skip_thinking": True,
            "response_format": {"type": "json_object"},
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "tool_choice": "auto",
            "stream": True,
        }

    async def test_says_nothing_of_thinking_that_is_wanted(self) -> None:
        _, served = await hear(*HELLO, DONE, to=prompt("m", Params(skip_thinking=False)))
        assert served.requests[0]["settings"] == {"stream": True}

    async def test_the_whole_conversation_is_in_it_and_the_newest_question_beside_it(self) -> None:
        messages = [
            PromptMessage(Role.SYSTEM, "be brief"),
            PromptMessage(Role.USER, "look", parts=("look", Image("data:image/png;base64,x"))),
            PromptMessage(Role.ASSISTANT, "", tool_calls=[ToolCall(0, "c1", "clock", "{}")]),
            PromptMessage(Role.TOOL, "noon", tool_call_id="c1"),
        ]
        _, served = await hear(*HELLO, DONE, to=Prompt("m", messages))

        (frame,) = served.requests
        assert frame["message"] == "look"
        function = {"name": "clock", "arguments": "{}"}
        assert frame["messages"] == [
            {"role": "system", "content": "be brief"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,x"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": function}],
            },
            {"role": "tool", "content": "noon", "tool_call_id": "c1"},
        ]

    @pytest.mark.parametrize(
        ("models", "asked", "sent"),
        [((), "default", None), ((), "other", "other"), (("default",), "default", "default")],
    )
    async def test_names_no_model_where_there_is_but_one(
        self, models: tuple[str, ...], asked: str, sent: str | None
    ) -> None:
        _, served = await hear(*HELLO, DONE, to=prompt(asked), models=models)
        assert served.requests[0].get("model") == sent

    async def test_of_another_dialect_is_configuration(self) -> None:
        dialect = Dialect(
            message="input.text",
            model="input.model",
            timestamp="",
            metadata="",
            messages="",
            settings="",
            max_tokens="options.num_predict",
            temperature="options.temperature",
            stream="",
        )
        params = Params(temperature=0.5, max_tokens=9, extra={"options": {"mirostat": 1}, "x": 2})
        _, served = await hear(*HELLO, DONE, to=prompt("m", params), dialect=dialect)

        assert served.requests == [
            {
                "input": {"text": SAID, "model": "m"},
                "options": {"mirostat": 1, "num_predict": 9, "temperature": 0.5},
                "x": 2,
            }
        ]
        assert params.extra == {"options": {"mirostat": 1}, "x": 2}

    async def test_carries_the_metadata_of_the_settings(self) -> None:
        metadata = {"tenant": "a"}
        _, served = await hear(*HELLO, DONE, metadata=metadata)
        assert served.requests[0]["metadata"] == {"session_context": {}, "tenant": "a"}

    @pytest.mark.parametrize("extra", [{"x": float("inf")}, {"x": "\ud800"}])
    async def test_what_no_json_can_carry_is_not_sent(self, extra: dict[str, Any]) -> None:
        heard, served = await hear(*HELLO, DONE, to=prompt("m", Params(extra=extra)))
        assert isinstance(heard.error, UpstreamRejected)
        assert "cannot be written as JSON" in heard.error.detail
        assert served.handshakes == []

    async def test_of_a_megabyte_is_sent_whole(self, upstream: Upstream) -> None:
        params = Params(extra={"user": "é" * 1_000_000})
        heard = await listen(
            socket_at(upstream.websocket_url), prompt(mock_model(tokens=1), params)
        )
        assert heard.text == "t0 "
        assert upstream.completions[0].body["settings"]["user"] == "é" * 1_000_000


class TestModels:
    @pytest.mark.parametrize(("named", "offered"), [((), ["default"]), (("a", "b"), ["a", "b"])])
    async def test_are_those_of_the_settings(
        self, upstream: Upstream, named: tuple[str, ...], offered: list[str]
    ) -> None:
        found = await socket_at(upstream.websocket_url, models=named).models()
        assert [(model.id, model.provider) for model in found] == [(id, "mine") for id in offered]
        (handshake,) = upstream.handshakes
        assert handshake.headers["authorization"] == f"Bearer {KEY}"
        assert upstream.completions == []
