"""Examples of what clients of OpenAI's newer dialect get."""

from collections.abc import Mapping
from typing import Any

from llmchat.web.openai.response_object import ECHOED

Example = dict[str, Any]

_MODEL, _ANSWER = "demo/echo", "You said: the quick brown fox"
OPENAI_ITEM: Example = {
    "id": "msg_8DmPJ3GkR5cV1wXyZ2aBcD5",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": _ANSWER, "annotations": [], "logprobs": []}],
}
RESPONSE: Example = {
    "id": "resp_8DmPJ3GkR5cV1wXyZ2aBcD4",
    "object": "response",
    "created_at": 1795250589,
    "completed_at": 1795250590,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "model": _MODEL,
    "output": [OPENAI_ITEM],
    "usage": {
        "input_tokens": 4,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 6,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 10,
    },
    **ECHOED,
}
OPENAI_CONVERSATION: Example = {
    "id": "conv_8DmOPrLkO6tHQTwKF2VHCrh",
    "object": "conversation",
    "created_at": 1795250589,
    "metadata": {"topic": "foxes"},
}


BY_SCHEMA: Mapping[str, Example] = {
    "OpenAIResponse": RESPONSE,
    "DeletedResponse": {"id": RESPONSE["id"], "object": "response", "deleted": True},
    "OpenAIConversation": OPENAI_CONVERSATION,
    "DeletedConversation": {
        "id": OPENAI_CONVERSATION["id"],
        "object": "conversation.deleted",
        "deleted": True,
    },
    "OpenAIItem": OPENAI_ITEM,
    "ItemList": {
        "object": "list",
        "data": [OPENAI_ITEM],
        "first_id": OPENAI_ITEM["id"],
        "last_id": OPENAI_ITEM["id"],
        "has_more": False,
    },
}
