"""The conversation of `examples`, as the AI SDK's clients see it."""

from typing import Any

_GENERATION = "gen_8DmOPrLkO6tHQTwKF2VHCrh"
_USAGE: dict[str, Any] = {
    "inputTokens": 4,
    "outputTokens": 6,
    "totalTokens": 10,
    "reasoningTokens": 0,
    "cachedInputTokens": 0,
    "costUsd": None,
    "estimated": False,
}
_MESSAGE: dict[str, Any] = {
    "id": "msg_8DmOPrLh6IjliRbyIhIdWaN",
    "role": "assistant",
    "parts": [
        {"type": "step-start"},
        {"type": "text", "text": "You said: the quick brown fox", "state": "done"},
    ],
    "metadata": {
        "createdAt": "2026-11-21T08:43:35.177575+00:00",
        "generationId": _GENERATION,
        "model": "demo/echo",
        "status": "complete",
        "usage": _USAGE,
    },
}
_HISTORY: dict[str, Any] = {
    "id": "fox-chat",
    "conversation_id": "conv_8DmOO6h2o06nVqsCmQgH4N7",
    "generating": False,
    "messages": [_MESSAGE],
}

BY_SCHEMA: dict[str, dict[str, Any]] = {
    "UIHistory": _HISTORY,
    "UIMessage": _MESSAGE,
    "UIStopped": {"stopped": [_GENERATION]},
}
