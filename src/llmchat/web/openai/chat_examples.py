"""The question and the answer of `examples`, as OpenAI's clients see them."""

from typing import Any

Example = dict[str, Any]

_MODEL = "demo/echo"
_TEXT = "You said: the quick brown fox"
_ERROR: Example = {
    "message": "There is no model 'gpt-9'.",
    "type": "invalid_request_error",
    "param": "model",
    "code": "model_not_found",
}
_ONE_MODEL: Example = {"id": _MODEL, "object": "model", "created": 0, "owned_by": "demo"}
_COMPLETION: Example = {
    "id": "chatcmpl-8DmOPrLkO6tHQTwKF2VHCrh",
    "object": "chat.completion",
    "created": 1795250589,
    "model": _MODEL,
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "You said: the quick brown fox",
                "refusal": None,
            },
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

_TEXT_COMPLETION: Example = {
    **_COMPLETION,
    "id": "cmpl-8DmOPrLkO6tHQTwKF2VHCrh",
    "object": "text_completion",
    "choices": [{"index": 0, "text": _TEXT, "finish_reason": "stop", "logprobs": None}],
}

BY_SCHEMA: dict[str, Example] = {
    "ChatCompletion": _COMPLETION,
    "OpenAIFailure": {"error": _ERROR},
    "OpenAIModel": _ONE_MODEL,
    "TextCompletion": _TEXT_COMPLETION,
    "OpenAIModels": {"object": "list", "data": [_ONE_MODEL]},
}
