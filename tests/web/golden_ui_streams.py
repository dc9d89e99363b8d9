"""Logs, and the exact UI message streams that they become: files in ui_streams/."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmchat.domain import Message, Role, Status
from llmchat.errors import UpstreamTruncated
from llmchat.events import Delta, Event, Failed, Finished, Reset, Started, ToolCall, Usage
from llmchat.ids import ConversationId, GenerationId, MessageId

FOLDER = Path(__file__).parent / "ui_streams"
STARTED = Started("gen_1", "msg_1", "demo/echo", 1)
USAGE = Usage(input_tokens=3, output_tokens=5, reasoning_tokens=2, cached_tokens=1)
DONE = Finished("complete", "stop", USAGE)


@dataclass(frozen=True, slots=True)
class Golden:
    """`batches` are what a reader gets at once; `text` and `errors` are what a client makes of all
    of it."""

    name: str
    text: str
    batches: Sequence[Sequence[Event]]
    before: Sequence[Message] = ()
    errors: Sequence[str] = ()

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name.replace(',', '').replace(' ', '_')}.txt"

    @property
    def frames(self) -> bytes:
        return self.path.read_bytes()


def message(role: Role, content: str, **fields: Any) -> Message:
    return Message(
        id=MessageId("msg_0"),
        conversation_id=ConversationId("conv_1"),
        parent_id=None,
        role=role,
        content=content,
        reasoning=fields.pop("reasoning", ""),
        status=fields.pop("status", Status.COMPLETE),
        model="demo/echo",
        generation_id=GenerationId("gen_0"),
        usage=fields.pop("usage", None),
        error=fields.pop("error", None),
        siblings=(),
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
        **fields,
    )


CALL = ToolCall(0, "call_1", "weather", '{"city":"Bern"}')
STEPS = (
    message(Role.ASSISTANT, "Let me see. ", reasoning="Bern.", tool_calls=(CALL,)),
    message(Role.TOOL, '{"degrees": 21}', tool_call_id="call_1"),
)

_ALL = [
    Golden("an answer", "Hello wörld", [[STARTED, Delta("Hello "), Delta("wörld")], [DONE]]),
    Golden("no text at all", "", [[STARTED, DONE]]),
    Golden(
        "thinking, then an answer",
        "Yes.",
        [[STARTED, Delta("Hm", "reasoning"), Delta("", mark="x"), Delta("Yes.")], [DONE]],
    ),
    Golden(
        "line ends of careless clients", "a\x85b\u2028c", [[STARTED, Delta("a\x85b\u2028c"), DONE]]
    ),
    Golden(
        "calls of tools",
        "I ask.",
        [
            [STARTED, Delta("I ask."), ToolCall(0, "call_1", "weather", "")],
            [ToolCall(0, None, None, '{"city":'), ToolCall(0, None, None, '"Bern"}')],
            [ToolCall(1, "call_2", "clock", ""), Finished("complete", "tool_calls", USAGE)],
        ],
    ),
    Golden(
        "calls without ids, twice the same, and broken off",
        "",
        [
            [STARTED, ToolCall(0, None, "weather", "{}")],
            [ToolCall(1, "call_1", "clock", "{}"), ToolCall(2, "call_1", "clock", '{"zone": "Eu')],
            [Finished("complete", "length", USAGE)],
        ],
    ),
    Golden(
        "another attempt, seen live",
        "Again.",
        [
            [STARTED, Delta("Hm", "reasoning"), Delta("Hel")],
            [Reset(2, "fallback", "")],
            [Delta("Again."), DONE],
        ],
    ),
    Golden(
        "another attempt, replayed",
        "Again.",
        [[STARTED, Delta("Hel"), Reset(2, "fallback", "Ag"), Delta("ain.")], [DONE]],
    ),
    Golden("stopped", "Hel", [[STARTED, Delta("Hel")], [Finished("stopped", None, USAGE)]]),
    Golden(
        "failed",
        "Hel",
        [[STARTED, Delta("Hel")], [Failed("failed", UpstreamTruncated("It broke off.").problem())]],
        errors=["It broke off."],
    ),
    Golden(
        "behind the results of tools",
        "Let me see. 21 degrees.",
        [[STARTED, Delta("21 degrees."), DONE]],
        before=STEPS,
    ),
]
GOLDEN = {golden.name: golden for golden in _ALL}
