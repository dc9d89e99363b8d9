"""openai-python's own tests of its API, out of its source package, with our server in the place of
its mock. Nothing in them is changed but the names of the models."""

import asyncio
import importlib.metadata
import re
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.clients.environments import run_uv
from tests.service import Service, environment

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.embedded,
    pytest.mark.thorough,
]

RUN_SECONDS = 120
MODEL = re.compile(r'"gpt-[\w.-]+"')
OUTCOME = re.compile(
    r"^(PASSED|FAILED|ERROR) tests/api_resources/(\S+)::\w+::(\w+)\[", re.MULTILINE
)
WAYS = ("method", "raw_response", "streaming_response")
NO_TOKEN = "asks for an answer of at most 0 tokens, which is refused here"
NOT_STORED = "stored chat completions are turns of conversations here, and not listed under /v1"
NOT_APPLICABLE: Mapping[str, Mapping[str, str]] = {
    "chat/test_completions.py": {
        "test_method_create_with_all_params_overload_1": NO_TOKEN,
        "test_method_create_with_all_params_overload_2": NO_TOKEN,
        **{
            f"test_{way}_{call}": NOT_STORED
            for way in WAYS
            for call in ("retrieve", "update", "list", "delete")
        },
        "test_method_list_with_all_params": NOT_STORED,
    },
    "test_completions.py": {
        f"test_method_create_with_all_params_overload_{number}": "`best_of`, `echo`, `logprobs` and"
        " `suffix` are refused here"
        for number in (1, 2)
    },
    "test_models.py": {
        f"test_{way}_delete": "models belong to their servers, and are not deleted here"
        for way in WAYS
    },
}
"""By their files, those that fail, and why. All others pass. Not run at all is test_responses.py:
it asks for responses without an input, and for one whose id only its mock knows."""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The folder of the source package, of the version that is installed here."""
    version = importlib.metadata.version("openai")
    run_uv(
        *("tool", "run", "pip", "download", "--quiet", "--no-deps", "--no-binary", "openai"),
        *("--dest", str(tmp_path), f"openai=={version}"),
    )
    with tarfile.open(tmp_path / f"openai-{version}.tar.gz") as archive:
        tests = [it for it in archive if it.name.startswith(f"openai-{version}/tests/")]
        archive.extractall(tmp_path, tests, filter="data")
    folder = tmp_path / f"openai-{version}"
    for name in NOT_APPLICABLE:
        file = folder / "tests" / "api_resources" / name
        file.write_text(MODEL.sub('"demo/echo"', file.read_text("utf-8")), "utf-8")
    return folder


async def test_those_that_apply_pass(package: Path, tmp_path: Path) -> None:
    async with Service(tmp_path).running() as service:
        told = await _run(package, service.base_url)

    failed = {name: set[str]() for name in NOT_APPLICABLE}
    passed = {name: set[str]() for name in NOT_APPLICABLE}
    for outcome, file, test in OUTCOME.findall(told):
        (passed if outcome == "PASSED" else failed)[file].add(test)
    assert failed == {name: set(tests) for name, tests in NOT_APPLICABLE.items()}, told
    for name, tests in passed.items():
        assert tests - failed[name], name


async def _run(package: Path, base_url: str) -> str:
    files = [f"tests/api_resources/{name}" for name in NOT_APPLICABLE]
    # Their own configuration asks for more plugins than it takes to run these.
    options = ["-c", "/dev/null", "--rootdir", ".", "-p", "no:cacheprovider", "--tb=no", "-rA"]
    options += ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=session"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", *options, *files),
        env=environment({}) | {"TEST_API_BASE_URL": f"{base_url}/v1"},
        cwd=package,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(RUN_SECONDS):
            told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return told.decode()
