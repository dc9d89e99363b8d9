"""The text of `llmchat mock-llm --help`, made from the options and kinds themselves."""

from llmchat.mock import anthropic_wire, ollama_wire
from llmchat.mock.background import RESPONSE_KINDS
from llmchat.mock.faults import KINDS
from llmchat.mock.options import Options
from llmchat.mock.websocket_faults import SOCKET_KINDS

INTRODUCTION = """\
A fake LLM server with the APIs of OpenAI (POST /v1/chat/completions, GET /v1/models), Anthropic
(POST /v1/messages) and Ollama (POST /api/chat, GET /api/tags), and with the protocol of the custom
WebSocket model (ws://…/ws and ws://…/chat). Also POST /v1/responses, with GET /v1/responses/ID and
POST /v1/responses/ID/cancel: these answers go on without a reader, and are kept until the server
ends.

Models: story answers "t0 t1 t2 …", so that lost, doubled or swapped tokens show; echo says the
last message of the user back. Any provider/ before the name is ignored. GET /mock/ledger tells
what was asked, how many tokens were sent, and when clients left.

Options of a single request follow the model's name, for example
story?tokens=1000&rate=50&fail=truncate&after=10

Behind the URL of a WebSocket they are for its handshake: ws://…/ws?fail=http-401. Without a model
in its frame, echo answers. Kinds of failure are told there by frames where HTTP has statuses and
lines; how lines end and the like does not matter there.
"""

LACKING = {"Anthropic": anthropic_wire.LACKS, "Ollama": ollama_wire.LACKS}


def manual() -> str:
    options = {name: field.description or "" for name, field in Options.model_fields.items()}
    return "\n".join(
        [
            *(INTRODUCTION, *table(options), ""),
            *("Kinds of failure (fail=KIND):", *table(KINDS), ""),
            *map(lacking, LACKING),
            *("", "Kinds of failure of /v1/responses:", *table(RESPONSE_KINDS)),
            *("", "Kinds that only a WebSocket has:", *table(SOCKET_KINDS)),
        ]
    )


def lacking(dialect: str) -> str:
    return f"There is no {', '.join(sorted(LACKING[dialect]))} with {dialect}."


def table(rows: dict[str, str]) -> list[str]:
    width = max(map(len, rows))
    return [f"  {name:{width}}  {meaning}" for name, meaning in rows.items()]
