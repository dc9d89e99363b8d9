"""What users of openai-python do, in 1.x, 2.x and 3.x alike; prints what came of it as JSON."""

import base64
import json
import sys

import openai

UPSTREAM = "openai/story?tokens=5&reasoning=2"
CALLING = "openai/story?fail=tool-calls"
ENDLESS = "openai/story?tokens=1000000&rate=50"
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()
HELLO = [{"role": "user", "content": "hello"}]

client = openai.OpenAI(max_retries=0)
locked = openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)


def chat():
    answer = client.chat.completions.create(
        model="demo/echo",
        messages=[{"role": "developer", "content": "Be brief."}, *HELLO],
        temperature=0,
        user="me",
        extra_body={"tokens_per_second": 0},
    )
    choice = answer.choices[0]
    return [choice.message.content, choice.finish_reason, answer.usage.completion_tokens]


def stream():
    text, reasoning, last = "", "", None
    for chunk in client.chat.completions.create(
        model=UPSTREAM, messages=HELLO, stream=True, stream_options={"include_usage": True}
    ):
        if chunk.usage is not None:
            last = chunk.usage.completion_tokens
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reasoning += getattr(choice.delta, "reasoning_content", None) or ""
    return [text, reasoning, last]


def tools():
    asked = client.chat.completions.create(model=CALLING, messages=HELLO, tools=TOOLS)
    message = asked.choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"{call.function.name} is fine"}
        for call in message.tool_calls
    ]
    answer = client.chat.completions.create(
        model="openai/echo", messages=[*HELLO, message, *results], tools=TOOLS
    )
    names = [call.function.name for call in message.tool_calls]
    return [asked.choices[0].finish_reason, names, answer.choices[0].message.content]


def streamed_tools():
    calls = {}
    for chunk in client.chat.completions.create(
        model=CALLING, messages=HELLO, tools=TOOLS, stream=True
    ):
        for piece in chunk.choices[0].delta.tool_calls or []:
            call = calls.setdefault(piece.index, {"name": piece.function.name, "arguments": ""})
            call["arguments"] += piece.function.arguments
    return [[call["name"], json.loads(call["arguments"])] for call in calls.values()]


def image():
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ]
    answer = client.chat.completions.create(
        model="demo/echo", messages=[{"role": "user", "content": parts}]
    )
    return answer.choices[0].message.content


def models():
    listed = [model.id for model in client.models.list()]
    return ["demo/echo" in listed, client.models.retrieve("demo/echo").id]


def headers():
    raw = locked.chat.completions.with_raw_response.create(model="demo/echo", messages=HELLO)
    return [raw.headers["x-ratelimit-limit-requests"], bool(raw.headers["openai-processing-ms"])]


def error_of(**asked):
    try:
        client.chat.completions.create(**{"model": "demo/echo", "messages": HELLO, **asked})
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.code, error.param]


def logprobs():
    answer = client.chat.completions.create(
        model="openai/story?tokens=3", messages=HELLO, logprobs=True, top_logprobs=0
    )
    return [token.token for token in answer.choices[0].logprobs.content]


def text():
    asked = {"model": "openai/story?tokens=3", "prompt": "hello"}
    whole = client.completions.create(**asked)
    pieces = client.completions.create(**asked, stream=True)
    text = "".join(choice.text for piece in pieces for choice in piece.choices)
    return [whole.choices[0].text, text, whole.usage.completion_tokens]


def unknown_model():
    return error_of(model="nobody/knows")


def two_answers():
    return error_of(n=2)


def nothing_said():
    return error_of(messages=[])


def failed_upstream():
    return error_of(model="openai/story?fail=http-401")


def failed_in_mid_stream():
    text = ""
    try:
        for chunk in client.chat.completions.create(
            model="openai/story?tokens=20&after=3&fail=cut", messages=HELLO, stream=True
        ):
            text += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        return [text, type(error).__name__, error.code]


def bad_key():
    wrong = openai.OpenAI(base_url=sys.argv[1], api_key="sk-llmchat-wrong", max_retries=0)
    try:
        wrong.models.list()
    except openai.AuthenticationError as error:
        return [error.status_code, error.code]


def rate_limit():
    for _ in range(20):
        try:
            locked.chat.completions.create(model="demo/echo", messages=HELLO)
        except openai.RateLimitError as error:
            return [error.code, int(error.response.headers["retry-after-ms"]) > 0]
    return None


def cancel():
    stream = client.chat.completions.create(model=ENDLESS, messages=HELLO, stream=True)
    for number, _chunk in enumerate(stream):
        if number == 3:
            stream.close()
            return "closed"
    return None


TOLD = [chat, stream, tools, streamed_tools, image, models, headers, unknown_model, two_answers]
TOLD += [
    nothing_said,
    failed_upstream,
    failed_in_mid_stream,
    bad_key,
    rate_limit,
    logprobs,
    text,
    cancel,
]
print(json.dumps({"version": openai.__version__, **{ask.__name__: ask() for ask in TOLD}}))
