"""OpenAI chat completion chunks as HTTP chunks, made once per token number and then only copied."""

from __future__ import annotations

from bench.tokens import stamped, token

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_START = (
    b'{"id":"chatcmpl-Bq2m8ZrT4nKd7Wc1XyPa","object":"chat.completion.chunk",'
    b'"created":1795220629,"model":"mock","system_fingerprint":"fp_44709d6fcb","choices":'
)


def _frame(data: bytes) -> bytes:
    payload = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(payload), payload)


def _choice(delta: bytes, finish: bytes = b"null") -> bytes:
    choice = b'[{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}]' % (delta, finish)
    return _frame(_START + choice + b',"usage":null}')


def _content(text: bytes) -> bytes:
    return _choice(b'{"content":"%s"}' % text)


OPENING = HEAD + _choice(b'{"role":"assistant","content":""}')
_chunks: list[bytes] = []


def chunk(number: int) -> bytes:
    """The chunk of one numbered token."""
    while len(_chunks) <= number:
        _chunks.append(_content(token(len(_chunks))))
    return _chunks[number]


def stamped_chunk(now_ns: int) -> bytes:
    """The chunk of the one token that carries the sender's clock."""
    return _content(stamped(now_ns))


def ending(count: int, with_usage: bool) -> bytes:
    """The finish reason, the usage where it was asked for, and the end of the body."""
    usage = b'{"prompt_tokens":8,"completion_tokens":%d,"total_tokens":%d}' % (count, count + 8)
    last = _frame(_START + b'[],"usage":' + usage + b"}") if with_usage else b""
    return _choice(b"{}", b'"stop"') + last + _frame(b"[DONE]") + b"0\r\n\r\n"
