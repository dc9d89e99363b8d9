"""One small conversation, as every answer that shows it would: what /docs has for examples."""

from collections.abc import Mapping
from typing import Any

from llmchat.web import examples_ui
from llmchat.web.openai import response_examples

_CONVERSATION_ID = "conv_8DmOO6h2o06nVqsCmQgH4N7"
_QUESTION_ID = "msg_8DmOPrLbgskYbvK7m5CJMwO"
_ANSWER_ID = "msg_8DmOPrLh6IjliRbyIhIdWaN"
_GENERATION_ID = "gen_8DmOPrLkO6tHQTwKF2VHCrh"
_MODEL = "demo/echo"
_ANSWER = "You said: the quick brown fox"
_LAST_EVENT_ID = 8

Example = dict[str, Any]

IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGA"
    "hKmMIQAAAABJRU5ErkJggg=="
)
"""The smallest of pictures: one dot."""

USAGE: Example = {
    "input_tokens": 4,
    "output_tokens": 6,
    "reasoning_tokens": 0,
    "cached_tokens": 0,
    "cost_usd": None,
    "estimated": False,
}

CONVERSATION: Example = {
    "id": _CONVERSATION_ID,
    "title": "Foxes",
    "system_prompt": "Answer in one sentence.",
    "model": _MODEL,
    "params": {"temperature": 0.2},
    "metadata": {"topic": "animals"},
    "archived": False,
    "pinned": False,
    "active_leaf": _ANSWER_ID,
    "role": "owner",
    "generating": True,
    "created_at": "2026-11-21T08:43:09.283352Z",
    "updated_at": "2026-11-21T08:43:35.177575Z",
}
CONVERSATION_DETAIL: Example = {
    **CONVERSATION,
    "active_generations": [{"id": _GENERATION_ID, "message_id": _ANSWER_ID}],
}

QUESTION: Example = {
    "id": _QUESTION_ID,
    "conversation_id": _CONVERSATION_ID,
    "parent_id": None,
    "role": "user",
    "content": "the quick brown fox",
    "reasoning": "",
    "tool_calls": [],
    "tool_call_id": None,
    "status": "complete",
    "model": None,
    "generation_id": None,
    "usage": None,
    "error": None,
    "siblings": [_QUESTION_ID],
    "timing": None,
    "feedback": None,
    "created_at": "2026-11-21T08:43:35.177575Z",
}
REPLY: Example = {
    **QUESTION,
    "id": _ANSWER_ID,
    "parent_id": _QUESTION_ID,
    "role": "assistant",
    "content": "",
    "status": "streaming",
    "model": _MODEL,
    "generation_id": _GENERATION_ID,
    "siblings": [_ANSWER_ID],
}
TIMING: Example = {"first_token_seconds": 0.4, "reasoning_seconds": None, "total_seconds": 1.2}
ANSWER: Example = {
    **REPLY,
    "content": _ANSWER,
    "status": "complete",
    "usage": USAGE,
    "timing": TIMING,
}
FEEDBACK: Example = {"rating": 1, "comment": "Short and right."}

GENERATION: Example = {
    "id": _GENERATION_ID,
    "conversation_id": _CONVERSATION_ID,
    "message_id": _ANSWER_ID,
    "status": "queued",
    "model": _MODEL,
    "attempt": 1,
    "finish_reason": None,
    "usage": None,
    "error": None,
    "created_at": "2026-11-21T08:43:35.177575Z",
    "started_at": None,
    "first_token_at": None,
    "ended_at": None,
    "timing": None,
}
GENERATION_DETAIL: Example = {
    **GENERATION,
    "timing": TIMING,
    "status": "complete",
    "finish_reason": "stop",
    "usage": USAGE,
    "started_at": "2026-11-21T08:43:35.177575Z",
    "first_token_at": "2026-11-21T08:43:35.178902Z",
    "ended_at": "2026-11-21T08:43:35.346218Z",
    "text": _ANSWER,
    "reasoning": "",
    "tool_calls": [],
    "last_event_id": _LAST_EVENT_ID,
}

ACCEPTED: Example = {
    "message": QUESTION,
    "reply": REPLY,
    "generation": GENERATION,
    "stream_url": f"/api/generations/{_GENERATION_ID}/stream",
}
STOPPED: Example = {"status": "stopped", "last_event_id": _LAST_EVENT_ID}
MATCH: Example = {
    "message_id": _QUESTION_ID,
    "snippet_parts": [
        {"text": "the quick brown ", "hit": False},
        {"text": "fox", "hit": True},
    ],
}
LISTED: Example = {**CONVERSATION, "match": MATCH}
CONVERSATION_PAGE: Example = {"items": [LISTED], "next_cursor": None}
MESSAGE_PAGE: Example = {"items": [QUESTION, ANSWER], "next_cursor": None}

GENERATED: Example = {
    "text": _ANSWER,
    "model": _MODEL,
    "finish_reason": "stop",
    "usage": USAGE,
}
CHATTED: Example = {
    "message": {"role": "assistant", "content": _ANSWER, "reasoning": "", "tool_calls": []},
    "model": _MODEL,
    "finish_reason": "stop",
    "usage": USAGE,
}
SESSION_ANSWER: Example = {
    "success": True,
    "session_id": "fox-1",
    "response": _ANSWER,
    "message_id": _ANSWER_ID,
    "usage": USAGE,
}
SESSION_HISTORY: Example = {
    "success": True,
    "session_id": "fox-1",
    "messages": [QUESTION, ANSWER],
}

TOOL_MESSAGES: list[Any] = [
    {"role": "user", "content": "How warm is it in Bern?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city": "Bern"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "21 °C"},
]

MODEL_LIST: Example = {
    "items": [
        {
            "id": _MODEL,
            "provider": "demo",
            "available": True,
            "context_window": 1_000_000,
            "price": None,
        }
    ],
    "default": _MODEL,
}
MODELS_HEALTH: Example = {
    "success": True,
    "providers": [
        {
            "provider": "demo",
            "status": "healthy",
            "latency_ms": 0.1,
            "circuit": "closed",
            "url": "built in",
            "model": _MODEL,
            "detail": None,
        }
    ],
}
HEALTH: Example = {
    "status": "ok",
    "version": "0.1.0",
    "durability": "process",
    "reasons": [],
    "warnings": [],
}
READY: Example = {"status": "ready", "reasons": [], "warnings": []}
NOT_READY: Example = {
    "status": "not ready",
    "reasons": ["The server is shutting down."],
    "warnings": [],
}

_KEY_ID = "key_8DmmzVBQlBZi0Fy6F7E4gu2"
KEY: Example = {
    "id": _KEY_ID,
    "user": "ann",
    "name": "Ann's laptop",
    "scopes": ["chat"],
    "created_at": "2026-11-21T08:40:11.114203Z",
    "expires_at": None,
    "last_used_at": "2026-11-21T08:43:02.530211Z",
    "revoked_at": None,
    "tokens_per_day": 100000,
    "tokens_per_month": None,
    "usd_per_day": None,
    "usd_per_month": 20.0,
}
# Not of the form of a secret: nothing that looks for leaked ones should find this.
CREATED_KEY: Example = {**KEY, "last_used_at": None, "secret": "sk-llmchat-…"}
CALLER: Example = {"user": "ann", "scopes": ["chat"], "key_id": _KEY_ID}

TICKET: Example = {
    "ticket": "eyJrZXkiOiJrZXlf….b2xk",
    "stream_url": f"/api/generations/{_GENERATION_ID}/stream?ticket=eyJrZXkiOiJrZXlf….b2xk",
    "expires_at": "2026-11-21T08:58:35.177575Z",
}

MEMBER: Example = {
    "user": "bob",
    "role": "viewer",
    "created_at": "2026-11-21T08:44:50.380114Z",
}
LINK: Example = {
    "id": "link_8DmOQ1xTqTJkPZC4ZK4sWnB",
    "url": "/api/shared/Zm94LWxpbms",
    "secret": "Zm94LWxpbms",
}
SHARED: Example = {"title": "Foxes", "messages": [QUESTION, ANSWER], "next_cursor": None}

_SPENT: Example = {
    "input_tokens": 4,
    "cached_tokens": 0,
    "output_tokens": 6,
    "reasoning_tokens": 0,
    "cost_usd": None,
    "generations": 1,
    "estimated": False,
}
USAGE_REPORT: Example = {"items": [{**_SPENT, "model": _MODEL}], "total": _SPENT}
OPENAI_ERROR: Example = {
    "message": "There is no model 'gpt-9'.",
    "type": "invalid_request_error",
    "param": "model",
    "code": "model_not_found",
}
OPENAI_MODEL: Example = {"id": _MODEL, "object": "model", "created": 0, "owned_by": "demo"}
CHAT_COMPLETION: Example = {
    "id": "chatcmpl-8DmOPrLkO6tHQTwKF2VHCrh",
    "object": "chat.completion",
    "created": 1795250589,
    "model": _MODEL,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": _ANSWER, "refusal": None},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ],
    "usage": {
        "prompt_tokens": 4,
        "completion_tokens": 6,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    },
}
TEXT_COMPLETION: Example = {
    **CHAT_COMPLETION,
    "id": "cmpl-8DmOPrLkO6tHQTwKF2VHCrh",
    "object": "text_completion",
    "choices": [{"index": 0, "text": _ANSWER, "finish_reason": "stop", "logprobs": None}],
}

_FILED = ("id", "parent_id", "role", "content", "created_at")
FILE: Example = {
    "format": "llmchat.conversation",
    "version": 1,
    "conversation": {
        **{name: CONVERSATION[name] for name in ("title", "model", "created_at", "updated_at")},
        "metadata": {"topic": "animals"},
    },
    "active_leaf": _ANSWER_ID,
    "messages": [
        {name: QUESTION[name] for name in _FILED},
        {**{name: ANSWER[name] for name in _FILED}, "model": _MODEL, "feedback": {"rating": 1}},
    ],
}

BY_SCHEMA: Mapping[str, Example] = {
    **response_examples.BY_SCHEMA,
    "ChatCompletion": CHAT_COMPLETION,
    "TextCompletion": TEXT_COMPLETION,
    "OpenAIFailure": {"error": OPENAI_ERROR},
    "OpenAIModel": OPENAI_MODEL,
    "OpenAIModels": {"object": "list", "data": [OPENAI_MODEL]},
    "Accepted": ACCEPTED,
    "Caller": CALLER,
    "Ticket": TICKET,
    "CreatedKey": CREATED_KEY,
    "CreatedLink": LINK,
    "MemberList": {"items": [MEMBER]},
    "SharedConversation": SHARED,
    "Key": KEY,
    "KeyList": {"items": [KEY]},
    "Chatted": CHATTED,
    "ConversationDetail": CONVERSATION_DETAIL,
    "ConversationMember": MEMBER,
    "ConversationPage": CONVERSATION_PAGE,
    "Deleted": {"deleted": [_CONVERSATION_ID]},
    "Feedback": FEEDBACK,
    "File": FILE,
    "Generated": GENERATED,
    "Generation": GENERATION,
    "GenerationDetail": GENERATION_DETAIL,
    "Health": HEALTH,
    "ListedConversation": LISTED,
    "Match": MATCH,
    "Message": ANSWER,
    "MessagePage": MESSAGE_PAGE,
    "ModelList": MODEL_LIST,
    "ModelsHealth": MODELS_HEALTH,
    "Ready": READY,
    "SessionAnswer": SESSION_ANSWER,
    "SessionHistory": SESSION_HISTORY,
    "Stopped": STOPPED,
    **examples_ui.BY_SCHEMA,
    "Usage": USAGE,
    "UsageReport": USAGE_REPORT,
}
