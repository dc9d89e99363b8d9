"""One small conversation, as every answer that shows it would: what /docs has for examples."""

from collections.abc import Mapping
from typing import Any

from llmchat.web import examples_callers, examples_templates, examples_ui
from llmchat.web.openai import chat_examples, response_examples

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
    "opening": None,
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
    "reply_mode": "always",
    "template": None,
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
    "author": "ann",
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
    "author": None,
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
    "mqtt": None,
}
READY: Example = {"status": "ready", "reasons": [], "warnings": []}
NOT_READY: Example = {
    "status": "not ready",
    "reasons": ["The server is shutting down."],
    "warnings": [],
}

SHARED: Example = {"title": "Foxes", "messages": [QUESTION, ANSWER], "next_cursor": None}

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
    **chat_examples.BY_SCHEMA,
    **response_examples.BY_SCHEMA,
    **examples_callers.BY_SCHEMA,
    **examples_templates.BY_SCHEMA,
    **examples_ui.BY_SCHEMA,
    "Accepted": ACCEPTED,
    "SharedConversation": SHARED,
    "Chatted": CHATTED,
    "ConversationDetail": CONVERSATION_DETAIL,
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
    "Usage": USAGE,
}
