"""Secrets that the test knows, wherever one can be put: no log, no error and no file has them."""

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import pytest_asyncio

from tests.process import PATIENCE_SECONDS
from tests.raw_http import RawClient
from tests.service import Service, environment
from tests.upstream import mock_model, mock_upstream
from tests.web.locked import SECRET, bearer
from tests.web.quoting import ESCAPES, FORGED, quoting_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

LLMCHAT = Path(sys.executable).with_name("llmchat")
PROMPT = "canary-prompt-4711"
PASSWORD = "canary-password-4711"
PROVIDER_KEY = "sk-canary-provider-4711"
HEADER_KEY = "canary-header-4711"
ADDRESS_KEY = "canary-address-4711"
SECRET_KEY = "canary-secret-key-4711-of-32-characters"
KINDS = ("openai", "openai-responses", "ollama", "anthropic")
HOME = {"Sec-Fetch-Site": "same-origin"}
# What a terminal takes for more than a letter, and what ends a line for some reader of logs.
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
TEXT_LINE = re.compile(r"\d{4}-\d\d-\d\dT\S+Z \[(debug|info|warning|error)\s*\] ")


@dataclass
class Told:
    """A service, the secrets that were told to it, and all errors that it answered with."""

    service: Service
    secrets: dict[str, str] = field(
        default_factory=lambda: {
            "the provider's key": PROVIDER_KEY,
            "a header's key": HEADER_KEY,
            "the address's key": ADDRESS_KEY,
            "LLMCHAT_SECRET_KEY": SECRET_KEY,
        }
    )
    errors: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def hear(self, answer: httpx2.Response) -> Any:
        (self.errors if answer.is_error else self.answers).append(
            f"{answer.status_code} {answer.headers} {answer.text}"
        )
        return answer.json() if answer.content and "json" in answer.headers["content-type"] else {}


def config(folder: Path, *, mock: str, websocket: str, quoting: str) -> Path:
    secrets = f"api_key = '{PROVIDER_KEY}'\nheaders = {{ X-Secret = '{HEADER_KEY}' }}\n"
    tables = [
        f"[providers.{name}-{kind}]\nkind = '{kind}'\nbase_url = '{url}'\n{secrets}"
        for name, url in (("mine", mock), ("mean", quoting), ("gone", "http://127.0.0.1:1/v1"))
        for kind in KINDS
    ]
    path = folder / "llmchat.toml"
    address = f"[providers.mine-websocket]\nkind = 'websocket'\nurls = '{websocket}?key="
    path.write_text("\n".join([*tables, f"{address}{ADDRESS_KEY}'\n{secrets}"]))
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["json", "text"])
async def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Told]:
    """At the lowest level of the log; everything has happened to it already."""
    folder = tmp_path_factory.mktemp(request.param)
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(mock_upstream(tokens=3))
        quoting = await stack.enter_async_context(quoting_server())
        settings = {
            "LLMCHAT_CONFIG": str(
                config(
                    folder,
                    mock=upstream.base_url,
                    websocket=upstream.websocket_url,
                    quoting=quoting,
                )
            ),
            "LLMCHAT_AUTH": "keys",
            "LLMCHAT_SECRET_KEY": SECRET_KEY,
            "LLMCHAT_LOG_FORMAT": request.param,
            "LLM_MAX_RETRIES": "1",
            "LLMCHAT_WRONG_KEYS_PER_MINUTE": "1000000",
            "LOG_LEVEL": "debug",
        }
        service = Service(folder, **settings)
        await stack.enter_async_context(service.running())
        found = Told(service)
        http = await stack.enter_async_context(
            httpx2.AsyncClient(base_url=service.base_url, timeout=PATIENCE_SECONDS)
        )
        await sign_in(found, http)
        await converse(found, http)
        await misplace(found, http)
        await forge(found, http)
        yield found


async def sign_in(told: Told, http: httpx2.AsyncClient) -> None:
    admin = SECRET.search(told.service.log)
    assert admin is not None
    made = await http.post("/api/keys", json={"name": "x", "user": "ann"}, headers=bearer(admin[0]))
    # Its answer is the one that shows a secret.
    key = made.json()["secret"]
    told.secrets["a key"] = key
    told.secrets["a key's own part"] = key.split("-", 3)[3]
    wrong = told.secrets["a wrong key"] = key[:-4] + "zzzz"
    answer = await http.post("/api/session", json={"key": key}, headers=HOME)
    told.secrets["a session"] = answer.cookies["llmchat_session"]
    http.cookies.clear()
    http.headers.update(bearer(key))
    for sent in ({"key": wrong}, {"key": {"x": key}}, {"key": [key], "more": key}, [key], key):
        told.hear(await http.post("/api/session", json=sent, headers=HOME))


async def converse(told: Told, http: httpx2.AsyncClient) -> None:
    """An answer, and each way to get none, from every kind of provider."""
    told.hear(await http.get("/api/llm/health"))
    names = [f"{name}-{kind}" for name in ("mine", "mean", "gone") for kind in KINDS]
    models = [f"{name}/{mock_model(tokens=2)}" for name in [*names, "mine-websocket"]]
    failing = [f"mine-openai/{mock_model(fail=kind)}" for kind in ("http-401", "html", "cut")]
    messages = [{"role": "user", "content": PROMPT}]
    for model in [*models, *failing]:
        told.hear(await http.post("/api/llm/chat", json={"messages": messages, "model": model}))
        body = {"session_id": "mine", "message": PROMPT, "system_prompt": PROMPT, "model": model}
        told.hear(await http.post("/api/llm/chat/session", json=body))
    (conversation,) = told.hear(await http.get("/api/conversations"))["items"]
    sent = told.hear(
        await http.post(
            f"/api/conversations/{conversation['id']}/messages",
            json={"content": PROMPT, "model": models[0]},
        )
    )
    path = f"/api/generations/{sent['generation']['id']}"
    ticket = (await http.post(f"{path}/ticket")).json()["ticket"]
    told.secrets["a ticket"] = ticket
    for query in (ticket, ticket[:-4] + "zzzz"):
        async with httpx2.AsyncClient(base_url=told.service.base_url) as stranger:
            told.hear(await stranger.get(f"{path}/stream", params={"ticket": query}))
            told.hear(await stranger.get("/api/me", params={"ticket": query}))


async def misplace(told: Told, http: httpx2.AsyncClient) -> None:
    """Each secret where none belongs; but not as a name, which errors tell whoever has sent it."""
    paths = ("/api/conversations", "/api/llm/chat", "/api/llm/generate", "/api/keys", "/nowhere")
    for secret in tuple(told.secrets.values()):
        headers = (
            {"Authorization": f"Basic {secret}"},
            {"Authorization": f"Bearer {secret} {secret}"},
            {"Authorization": secret},
            {"Cookie": f"llmchat_session={secret}", "Authorization": ""},
            {"Referer": f"http://x/?key={secret}", "User-Agent": secret, "Origin": secret},
            {"Last-Event-ID": secret, "Accept": secret, "Range": secret},
            {"X-API-Key": secret, "X-Forwarded-For": secret, "X-Request-ID": f"({secret})"},
            {"Host": f"{secret}.example.com"},
        )
        for given in headers:
            told.hear(await http.get("/api/me", headers=given))
        for path in paths:
            told.hear(await http.get(path, params={"key": secret, "limit": secret}))
            told.hear(
                await http.post(
                    path, json={"params": secret, "name": {"x": secret}, "more": secret}
                )
            )
            told.hear(await http.post(path, json=[secret]))
            told.hear(await http.post(path, content=f'{{"key": "{secret}'.encode()))
            typed = {"Content-Type": secret}
            told.hear(await http.post(path, content=secret.encode(), headers=typed))


async def forge(told: Told, http: httpx2.AsyncClient) -> None:
    """Line ends and the codes of terminals, wherever a client may put text."""
    text = f"{ESCAPES}\n{FORGED}"
    for kind in ("mine-openai", "mean-openai", "gone-openai", "demo", "nobody"):
        for model in (f"{kind}/{text}", f"{kind}/\x1b[2J\x9b31m"):
            body = {"prompt": text, "model": model}
            told.hear(await http.post("/api/llm/generate", json=body))
            body = {"session_id": text, "message": text, "model": model}
            told.hear(await http.post("/api/llm/chat/session", json=body))
    for path in (f"/api/llm/chat/session/{quote(text)}", f"/{quote(text)}"):
        told.hear(await http.delete(path))
    for id in (quote(text), quote("conv_\x1b[2J")):
        told.hear(await http.delete(f"/api/conversations/{id}"))
        told.hear(await http.delete(f"/api/keys/{id}"))
    key = http.headers["Authorization"].encode()
    for header in (b"X-Request-ID", b"X-Forwarded-For", b"User-Agent", b"Host"):
        for value in (b"a\rb", b"a\x1b[2J", b"a\x9b31m", b"a\x85b", b"a\r\n b", FORGED.encode()):
            async with await RawClient.connect(told.service.base_url) as raw:
                lines = [b"DELETE /api/conversations/conv_1 HTTP/1.1", b"Authorization: " + key]
                lines.append(header + b": " + value)
                raw.writer.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]))
                await raw.reply()


def lines_of(log: str) -> list[str]:
    """Without what the service says to whoever started it."""
    return [line for line in log.split("\n") if line and not line.startswith("  ")]


async def test_no_secret_is_in_the_log(told: Told) -> None:
    log = told.service.log

    assert {name for name, secret in told.secrets.items() if secret in log} == set()
    assert PROMPT not in log
    # It was written to all the time.
    assert log.count("A generation ended") > 10
    assert log.count("A request failed") > 10
    assert "session.create" in log


async def test_no_secret_is_in_an_error(told: Told) -> None:
    for error in told.errors:
        assert {name for name, secret in told.secrets.items() if secret in error} == set(), error
    assert len(told.errors) > 200
    for answer in told.answers:
        assert {
            secret for secret in (PROVIDER_KEY, HEADER_KEY, SECRET_KEY) if secret in answer
        } == set()


async def test_no_secret_is_in_a_file(told: Told) -> None:
    def having(text: str) -> set[str]:
        # Not read here: see test_keys.py.
        grep = ["grep", "-rlaF", "-e", text, str(told.service.data_dir)]
        found = subprocess.run(grep, check=False, capture_output=True, text=True)
        return {Path(line).name for line in found.stdout.splitlines()}

    assert {name: having(secret) for name, secret in told.secrets.items() if having(secret)} == {}
    assert having(PROMPT), "what is there is found"


async def test_no_client_writes_a_line_of_the_log(told: Told) -> None:
    log = told.service.log

    assert CONTROLS.findall(log) == []
    for line in lines_of(log):
        if told.service.settings["LLMCHAT_LOG_FORMAT"] == "json":
            assert isinstance(json.loads(line), dict), line
        else:
            assert TEXT_LINE.match(line), line
            assert not line.startswith(FORGED), line
    assert "\\x1b[2J" in log or "\\u001b[2J" in log, "it was said, and is harmless"


REFUSED = {
    "OPENAI_BASE_URL": f"http://ann:{PASSWORD}@127.0.0.1/v1",
    "LLM_WEBSOCKET_URL": f"ws://ann:{PASSWORD}@127.0.0.1/",
    "LLMCHAT_SECRET_KEY": PASSWORD,
    "DATABASE_URL": f"mysql://ann:{PASSWORD}@127.0.0.1/x",
    "REDIS_URL": f"http://:{PASSWORD}@127.0.0.1/0",
    "OPENAI_API_KEY": f"{PASSWORD} and more",
}


def said(folder: Path, settings: Mapping[str, str], *arguments: str) -> str:
    """All that a command says, which fails."""
    done = subprocess.run(
        [LLMCHAT, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment({**settings, "LOG_LEVEL": "debug"}),
        cwd=folder,
    )
    assert done.returncode != 0, done.stdout
    return done.stderr + done.stdout


@pytest.mark.parametrize("name", REFUSED)
async def test_a_setting_that_is_refused_is_not_quoted(name: str, tmp_path: Path) -> None:
    told = said(tmp_path, {name: REFUSED[name]}, "check")

    assert name in told
    assert PASSWORD not in told


@pytest.mark.thorough
async def test_a_database_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    urls = {
        "DATABASE_URL": f"postgresql://ann:{PASSWORD}@127.0.0.1:1/x",
        "REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:1/0",
    }
    for command in (["check"], ["serve", "--port", "0"], ["keys", "list"]):
        told = said(tmp_path, urls, *command)
        assert "127.0.0.1" in told
        assert PASSWORD not in told
