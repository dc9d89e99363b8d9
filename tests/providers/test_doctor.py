"""What `llmchat check` says about the models: what is wrong, what to do, and nothing for certain
that it did not try."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from llmchat.catalogue import providers_of, token_counter
from llmchat.config.provider import OllamaSettings, OpenAISettings
from llmchat.config.routes import RouteSettings
from llmchat.doctor import Finding, examine
from llmchat.settings import Settings
from tests.providers.wire import JSON, http, wire
from tests.service import environment
from tests.upstream import Upstream, mock_model, mock_upstream


async def check(
    folder: Path, base_url: str, *, requests: bool = True, default: str | None = None, **more: Any
) -> Sequence[Finding]:
    """What is found about one provider, `mine`, and about the models in general."""
    mine = OpenAISettings.model_validate({"base_url": base_url, "source": "the test", **more})
    settings = Settings(
        providers={"mine": mine}, data_dir=folder, discover=False, default_model=default
    )
    found = await examine(settings, requests=requests)
    return [it for it in found if it.text.startswith(("mine", "The default model"))]


def faults(findings: Sequence[Finding]) -> list[str]:
    return [finding.text for finding in findings if finding.is_fault]


async def test_every_provider_that_is_there_is_asked_for_a_few_tokens(
    tmp_path: Path, upstream: Upstream
) -> None:
    there, answers = await check(tmp_path, upstream.base_url)

    assert there.text.startswith(f"mine ({upstream.base_url}) answers in")
    assert answers.text.startswith("mine/story begins to answer in")
    assert not faults([there, answers])
    (request,) = upstream.completions
    assert (request.body["model"], request.body["max_tokens"]) == ("story", 16)


async def test_no_provider_is_asked_when_that_may_cost_something(
    tmp_path: Path, upstream: Upstream
) -> None:
    findings = await check(tmp_path, upstream.base_url, requests=False)

    assert not faults(findings)
    assert not upstream.completions


async def test_a_model_that_only_thinks_at_first_is_one_that_works(
    tmp_path: Path, upstream: Upstream
) -> None:
    model = mock_model(reasoning=99, first_token_delay=0.1)
    _, answers = await check(tmp_path, upstream.base_url, default=f"mine/{model}", models=[model])

    assert answers.text.startswith(f"mine/{model} begins to answer in")


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        ("http-401", "refused the API key (401): check the key"),
        ("http-404", "does not know the model or the path (404)"),
        ("http-400", "refused the request (400)"),
        ("http-429", "wait, or raise the account's limit"),
        ("http-500", "failed with 500"),
        ("html", "usually ends in /v1"),
        ("error-200", "try again in a moment"),
    ],
)
async def test_a_provider_that_lists_its_models_and_answers_with_none_is_at_fault(
    failure: str, says: str, tmp_path: Path, upstream: Upstream
) -> None:
    model = mock_model(fail=failure, fail_times=99)
    findings = await check(tmp_path, upstream.base_url, models=[model], api_key="sk-secret")

    (fault,) = faults(findings)
    assert fault.startswith(f"mine/{model} does not answer: ")
    assert says in fault
    assert "sk-secret" not in fault


async def test_a_model_that_nobody_named_may_refuse(tmp_path: Path) -> None:
    async with mock_upstream(fail="http-400") as upstream:
        findings = await check(tmp_path, upstream.base_url)
        asked = [request.body["model"] for request in upstream.completions]

    assert not faults(findings)
    assert "mine/echo was only a guess" in findings[-1].text
    assert "name a model in LLM_MODEL" in findings[-1].text
    assert asked == ["story", "echo"]


async def test_a_server_without_a_model_is_told_apart_from_none(tmp_path: Path) -> None:
    async with wire(http('{"data": []}', content_type=JSON)) as empty:
        (there,) = await check(tmp_path, empty.base_url)
    (away,) = await check(tmp_path, empty.base_url)

    assert "serves no model: load one there" in there.text
    assert away.is_fault
    assert "cannot be reached; check that it runs" in away.text


async def test_a_default_model_that_is_not_there_is_tried_and_found_out(
    tmp_path: Path, upstream: Upstream
) -> None:
    there, answers = await check(tmp_path, upstream.base_url, default="mine/llama3")

    assert "mine serves no model llama3, which is the default model; it has" in there.text
    assert faults([answers]) == [answers.text]
    assert answers.text.startswith("mine/llama3 does not answer: ")


async def test_a_model_of_a_route_is_tried_where_no_default_is_meant(
    tmp_path: Path, upstream: Upstream
) -> None:
    mine = OpenAISettings.model_validate({"base_url": upstream.base_url})
    route = RouteSettings(models=(f"mine/{mock_model(fail='http-401')}",))
    settings = Settings(
        providers={"mine": mine}, routes={"smart": route}, data_dir=tmp_path, discover=False
    )
    (fault,) = faults(await examine(settings))
    assert fault.startswith("mine/story?fail=http-401 does not answer: ")


@pytest.mark.parametrize("models", [(), ("llama3",)], ids=["listed", "named"])
async def test_a_default_model_that_ollama_has_not_pulled_is_a_fault_that_needs_no_request(
    models: Sequence[str], tmp_path: Path
) -> None:
    async with mock_upstream() as upstream:
        ollama = OllamaSettings.model_validate({"base_url": upstream.root_url, "models": models})
        settings = Settings(
            providers={"ollama": ollama},
            data_dir=tmp_path,
            discover=False,
            default_model="ollama/llama3",
        )
        (fault,) = faults(await examine(settings, requests=False))
        async with aclosing(providers_of(settings, token_counter())) as factory:
            health = next(it for it in await factory.health() if it.provider == "ollama")

    assert "`ollama pull llama3`. It is the default model; it has story, echo." in fault
    assert (health.status, str(health.detail) in fault) == ("degraded", True)


async def test_a_default_model_of_no_provider_is_a_fault(
    tmp_path: Path, upstream: Upstream
) -> None:
    findings = await check(tmp_path, upstream.base_url, default="llama3")

    (fault,) = faults(findings)
    assert fault.startswith("The default model cannot be used. There is no model 'llama3'")


@pytest.mark.parametrize("flags", [[], ["--no-requests"]], ids=["requests", "no requests"])
async def test_the_command_says_it_and_its_exit_code_too(
    flags: list[str], tmp_path: Path, upstream: Upstream
) -> None:
    for failure, code in (("", 0), ("http-401", 0 if flags else 1)):
        model = mock_model(fail=failure)
        settings = {"LLM_SERVER_URL": upstream.base_url, "LLM_MODEL": f"local/{model}"}
        ran = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("llmchat"), "check", *flags, "--data-dir", str(tmp_path),
            env=environment(settings), stdout=asyncio.subprocess.PIPE, cwd=tmp_path,
        )  # fmt: skip
        output, _ = await ran.communicate()

        assert ran.returncode == code, output.decode()
        assert ("✗" in output.decode()) == bool(code)
    assert len(upstream.completions) == (0 if flags else 2)
