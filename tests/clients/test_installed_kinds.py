"""Kinds of providers from packages of other authors, in a real `llmchat serve` and `check`.

tests/clients/installed/ is what pip leaves of them in a folder of the Python path.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.providers.wire import http, wire
from tests.service import Service, environment

INSTALLED = Path(__file__).with_name("installed")
KEY = "sk-4f9a-quite-secret"


def service_with(folder: Path, table: str) -> Service:
    (folder / "llmchat.toml").write_text(f"[providers.mine]\n{table}\n")
    return Service(folder, PYTHONPATH=str(INSTALLED))


async def test_it_answers_like_any_other(tmp_path: Path) -> None:
    async with wire(http("Grüezi, ", content_type="text/plain") + b"Welt") as upstream:
        table = f'kind = "plain-text"\nurl = "{upstream.base_url}"\nvoice = "loud"'
        service = service_with(tmp_path, table)
        async with service.running(), service.client() as client:
            listed = (await client.http.get("/api/llm/models")).json()
            sent = await client.send(await client.conversation(), "hello")
            reader = await client.read(sent.generation_id)

    assert listed["default"] == "mine/text"
    assert (reader.text, reader.status) == ("Grüezi, Welt", "complete")
    [request] = upstream.requests
    assert request.path == "/v1/write"
    assert b'"voice":"loud"' in request.body.replace(b": ", b":")


async def test_what_it_raises_reaches_nobody(tmp_path: Path) -> None:
    service = service_with(tmp_path, f'kind = "rude"\napi_key = "{KEY}"')
    async with service.running(), service.client() as client:
        conversation = await client.conversation()
        sent = await client.send(conversation, model="mine/raises")
        reader = await client.read(sent.generation_id)
        message = await client.message(conversation, sent.reply_id)
        listed = (await client.http.get("/api/llm/models")).json()
        health = (await client.http.get("/api/llm/health")).text
        asked = {"prompt": "hello", "model": "mine/raises"}
        called = await client.http.post("/api/llm/generate", json=asked)
        said = await client.send(conversation, model="mine/ends")
        fit = await client.read(said.generation_id)
        assert await service.terminate() == 0

    sentence = "The provider mine failed with KeyError; the log of the server says more."
    assert (reader.status, message["error"]["detail"]) == ("failed", sentence)
    assert message["content"] == fit.text == "half " + 2 * "\N{REPLACEMENT CHARACTER}"
    assert (called.status_code, called.json()["detail"]) == (503, sentence)
    assert "mine/raises" not in str(listed)
    assert "The provider mine failed with OSError" in health
    assert r"KeyError: '\u2026'" in service.log
    assert KEY not in service.log + health + called.text


@pytest.mark.parametrize(
    ("command", "table", "sentence"),
    [
        (
            "serve",
            'kind = "away"',
            "no_such_module:Provider of the package troubled-llm failed with ModuleNotFoundError:",
        ),
        (
            "check",
            f'kind = "raising"\napi_key = "{KEY}"',
            "providers.mine: troubled_llm:raising of the package troubled-llm failed with",
        ),
        (
            "check",
            'kind = "other"',
            "gave an object that is no Provider: it has no prefills, resumes, stream, models,",
        ),
        ("check", 'kind = "plain-text"', "failed with KeyError: 'voice'."),
        (
            "serve",
            'kind = "plane-text"',
            '"demo", "away", "other", "plain-text", "raising", "rude"',
        ),
    ],
)
def test_one_that_cannot_be_used_is_a_sentence(
    tmp_path: Path, command: str, table: str, sentence: str
) -> None:
    (tmp_path / "llmchat.toml").write_text(f"[providers.mine]\n{table}\n")
    ended = subprocess.run(
        [Path(sys.executable).with_name("llmchat"), command],
        cwd=tmp_path,
        env=environment({"PYTHONPATH": str(INSTALLED)}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert ended.returncode == 1
    assert sentence in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert KEY not in ended.stdout + ended.stderr


def test_the_page_about_it_shows_all_of_it() -> None:
    page = (Path(__file__).parents[2] / "docs/providers.md").read_text(encoding="utf-8")
    _, _, code = (INSTALLED / "plain_text_llm.py").read_text(encoding="utf-8").partition("\n\n")
    assert f"```python\n{code}```" in page
