"""The document at /openapi.json: what the code of the routes does not say by itself."""

import copy
import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route

from llmchat.web import examples
from llmchat.web.openai import documents as openai_documents
from llmchat.web.problems import documented

DESCRIPTION = """
Chat answers that survive: **every generation is a durable log**.

1. `POST /api/conversations` begins a conversation.
2. `POST /api/conversations/{id}/messages` stores your message and answers before the first token,
   with a `stream_url`.
3. `GET` that URL, from as many places as you like. After a reload, a lost network or a crash of the
   server, come back with the last `id` that you saw: you get exactly what follows.

```
curl -N http://127.0.0.1:8000/api/generations/gen_…/stream -H 'Last-Event-ID: 42'
```

All of it can be tried out here: the models `demo/echo`, `demo/story` and `demo/markdown` need
neither a key nor a network.

A server that is not open wants an API key: `Authorization: Bearer sk-llmchat-…`.

A WebSocket at `/api/ws` has rooms for several people, and is no part of this document: see
docs/websocket.md in the project.

Errors are problem details (RFC 9457): compare their `type`, which never changes. Every answer has
an `X-Request-ID`; send your own, and it is used.
"""

TAGS = [
    {
        "name": "conversations",
        "description": "Trees of messages: an edit or another answer branches.",
    },
    {
        "name": "generations",
        "description": "The work that writes an answer: start, follow, stop it.",
    },
    {
        "name": "sessions",
        "description": "Conversations by your own name; a call waits for its answer.",
    },
    {
        "name": "chats",
        "description": "For the AI SDK's `useChat`: its requests, its streams.",
    },
    {"name": "plain calls", "description": "One call, one whole answer; nothing is stored."},
    {
        "name": "openai",
        "description": "OpenAI's API, for its clients: set their base URL to this server's `/v1`.",
    },
    {"name": "sharing", "description": "Who else reads or writes in a conversation."},
    {
        "name": "templates",
        "description": "System prompts with names, in versions, for everybody to begin with.",
    },
    {"name": "experiments", "description": "Which version of a template does better."},
    {"name": "models", "description": "What can answer, and whether it does."},
    {"name": "keys", "description": "Who may call, and who calls."},
    {"name": "usage", "description": "What was used up, and what it cost."},
    {"name": "admin", "description": "Who is there, what is being written; for admins."},
    {"name": "health", "description": "For those who operate the server."},
]

_GENERATION_EVENTS = """retry: 1000

id: 1
event: started
data: {"offset":[1,1],"generation_id":"gen_…","message_id":"msg_…","model":"demo/echo","attempt":1}

id: 4
event: delta
data: {"offset":[2,4],"channel":"answer","text":"You said: hello"}

id: 5
event: finished
data: {"offset":[5,5],"status":"complete","finish_reason":"stop","usage":{…}}
"""

_CONVERSATION_EVENTS = """retry: 1000

event: snapshot
data: {"conversation":{…},"generations":[]}

event: message
data: {"id":"msg_…","role":"user","content":"hello",…}

event: started
data: {"generation_id":"gen_…","offset":[1,1],"message_id":"msg_…","model":"demo/echo","attempt":1}

event: delta
data: {"generation_id":"gen_…","offset":[2,4],"channel":"answer","text":"You said: hello"}

event: finished
data: {"generation_id":"gen_…","offset":[5,5],"status":"complete","finish_reason":"stop",…}
"""


def _stream(description: str, example: str) -> dict[str, Any]:
    content = {"schema": {"type": "string"}, "example": example}
    return {"description": description, "content": {"text/event-stream": content}}


GENERATION_STREAM = _stream(
    "The generation's events, then its end: `finished` or `failed`. `offset` is the first and the "
    "last event that one covers, so that nothing can be missing unseen; `heartbeat` comes in "
    "silence, and after `reset` the answer begins again with its `text`. A `tool_call` is a piece "
    "of a call: the first of an `index` has `id` and `name`, the `arguments` go on in the others.",
    _GENERATION_EVENTS,
)
CONVERSATION_STREAM = _stream(
    "A snapshot, then everything that happens, for as long as you like.", _CONVERSATION_EVENTS
)

_UI_CHUNKS = """data: {"type":"start","messageId":"msg_…","messageMetadata":{"model":"demo/echo",…}}

data: {"type":"start-step"}

data: {"type":"text-start","id":"t1"}

data: {"type":"text-delta","id":"t1","delta":"You said: hello"}

data: {"type":"text-end","id":"t1"}

data: {"type":"finish-step"}

data: {"type":"finish","finishReason":"stop","messageMetadata":{"usage":{…}}}

data: [DONE]
"""
UI_STREAM: dict[str, Any] = {
    "description": "The AI SDK's UI message stream, version 1. `start` `{messageId}` begins the "
    "answer, `start-step` and `finish-step` each of its steps; `text-start`, `text-delta` "
    "`{id, delta}` and `text-end` its text, `reasoning-…` what the model thinks; "
    "`tool-input-start` `{toolCallId, toolName}`, `tool-input-delta` `{inputTextDelta}`, "
    "`tool-input-available` `{input}` or `tool-input-error` a call, `tool-output-available` "
    "`{output}` what came of it. "
    "It ends with `finish` `{finishReason, messageMetadata}`, with `abort` when it was stopped, or "
    "with `error` `{errorText}`. `reset-step` takes back what the step has shown: another attempt "
    "writes it again.",
    # Without a schema: whoever checks this media type wants one of its events, not of the text.
    "content": {"text/event-stream": {"example": _UI_CHUNKS}},
}

# Without its media type: the console would ask for the first one that it finds, and never get 202.
STREAM_INSTEAD = {
    "description": "With `Accept: text/event-stream`: `GET /api/generations/{id}/stream` at once.",
}
ACCEPTED = {
    "description": "The message is stored, and its answer is being written or waits for its turn.",
    "headers": {"Location": {"description": "The generation.", "schema": {"type": "string"}}},
}

_IDS = {
    "/api/conversations": "The `id` of a conversation, as `POST /api/conversations` gives it.",
    "/api/messages": "The `id` of an answer, as the messages of its conversation show it.",
    "/api/chat": "Your own name for the chat, or the `id` of its conversation.",
    "/v1/responses": "The `id` of a response, or that of a generation with `resp_` for `gen_`.",
    "/v1/conversations": "The `id` of a conversation, wherever it was begun.",
    "/api/keys": "The `id` of a key, as the list of keys shows it.",
    "/api/admin": "The `id` of anybody's generation, as `GET /api/admin/generations` shows it.",
    "/api/generations": "The `id` of a generation, as the answer to a send names it.",
}
_GUARDED = ("/api/", "/metrics")
_WITHOUT_A_KEY = ("/api/session", "/api/shared/{secret}")
_SECURITY_SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key of this server: `sk-llmchat-…`. An open server looks at none.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "llmchat_session",
        "description": "What `POST /api/session` gives to this server's own page.",
    },
}
_FIRST_SENTENCE = re.compile(r"(.*?)\.(?:\s+|$)(.*)", re.DOTALL)


class Documented(FastAPI):
    """An application whose operations are titled by the first sentence of their docstring."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._by_hand: dict[str, dict[str, Any]] = {}

    def add_plain_route(self, route: Route, operation: dict[str, Any]) -> None:
        """A GET that the framework neither reads the parameters of nor documents."""
        self.router.routes.append(route)
        self._by_hand[route.path] = {"get": operation}

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            document["paths"].update(copy.deepcopy(self._by_hand))
            # Not in the models: the framework would leave out every member that is null.
            for name, example in examples.BY_SCHEMA.items():
                document["components"]["schemas"][name]["examples"] = [example]
            document["components"]["securitySchemes"] = _SECURITY_SCHEMES
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    _complete(path, operation)
                    if path.startswith(_GUARDED) and path not in _WITHOUT_A_KEY:
                        _guard(operation)
                    elif path.startswith("/v1/"):
                        openai_documents.complete(operation)
        assert self.openapi_schema is not None
        return self.openapi_schema


def operation_id(route: Any) -> str:
    """Like `conversations_create`: the first word of the tag, and the function."""
    tag = route.tags[0] if route.tags else "page"
    return f"{str(tag).split()[0]}_{route.name}"


def _guard(operation: dict[str, Any]) -> None:
    """The document of a route that asks who calls."""
    operation["security"] = [{"key": []}, {"cookie": []}]
    for status, response in documented(401, 403, 429).items():
        operation["responses"][str(status)] = response


def _complete(path: str, operation: dict[str, Any]) -> None:
    titled = _FIRST_SENTENCE.fullmatch(operation["description"])
    if titled is not None:
        operation["summary"] = " ".join(titled[1].split())
        operation["description"] = titled[2] or operation["summary"] + "."
    for status, response in operation["responses"].items():
        if response["description"] == "Successful Response":
            response["description"] = HTTPStatus(int(status)).phrase
    for parameter in operation.get("parameters", []):
        if parameter["name"] == "id" and parameter["in"] == "path" and path.startswith(tuple(_IDS)):
            parameter["description"] = _IDS["/".join(path.split("/")[:3])]
