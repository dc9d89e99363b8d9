"""Base URLs of model servers, as people write them."""

import pytest

from llmchat.config.urls import http_url, ollama_url, server_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://x", "http://x"),
        ("https://x.example:8443/v1//", "https://x.example:8443/v1"),
        ("HTTP://[::1]:80/a", "HTTP://[::1]:80/a"),
    ],
)
def test_a_base_url(text: str, url: str) -> None:
    assert http_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "localhost:8080", "ftp://x", "ws://x", "http://", "http:///v1", "//x"),
        *("http://x:port", "http://x:99999", "http://x:0", "http://[::1", "http://x y"),
        *("http://x\n", "http://x\x00", "http://u:p@x", "http://u@x", "http://x?a=b"),
        *("http://x/#a", "http://x?", "unix:///x"),
    ],
)
def test_no_base_url(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a URL such as"):
        http_url(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://x:8080", "http://x:8080/v1"),
        ("http://x:8080/", "http://x:8080/v1"),
        ("http://x:8080/v1", "http://x:8080/v1"),
        ("http://x:8080/v1/", "http://x:8080/v1"),
        ("http://x/openai/v3", "http://x/openai/v3"),
        ("http://x/v1beta", "http://x/v1beta"),
        ("http://x/llm", "http://x/llm/v1"),
        ("http://v1", "http://v1/v1"),
    ],
)
def test_a_server_with_or_without_version(text: str, url: str) -> None:
    assert server_url(text) == url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("gpu", "http://gpu:11434"),
        ("gpu:80", "http://gpu:80"),
        (":8000", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:1", "http://127.0.0.1:1"),
        ("10.0.0.0", "http://10.0.0.0:11434"),
        ("::", "http://[::1]:11434"),
        ("[::]:1", "http://[::1]:1"),
        ("::1", "http://[::1]:11434"),
        ("[fe80::1]", "http://[fe80::1]:11434"),
        ("gpu/ollama", "http://gpu:11434/ollama"),
        ("http://gpu", "http://gpu"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("http://0.0.0.0", "http://127.0.0.1"),
        ("https://gpu/v1/", "https://gpu"),
        ("gpu/v1", "http://gpu:11434"),
        ("http://gpu:11434/api", "http://gpu:11434"),
        ("http://gpu/v1/ollama", "http://gpu/v1/ollama"),
    ],
)
def test_ollama_as_its_own_tools_take_it(text: str, url: str) -> None:
    assert ollama_url(text) == url


@pytest.mark.parametrize("text", ["gpu:port", "ftp://gpu", "gpu:99999", "a b", "u:p@gpu"])
def test_no_ollama(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a URL such as"):
        ollama_url(text)
