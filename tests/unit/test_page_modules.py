"""The page's modules: their types, their logic without a browser, and what they bring with them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import system
from tests.programs import program

TESTS = Path(__file__).parents[1] / "page"
PAGE = Path(__file__).parents[2] / "src/llmchat/static/page"
OURS = [path for path in PAGE.rglob("*.js") if not path.is_relative_to(PAGE / "vendor")]
MODULE_LINES = 300
NPM_SECONDS = 90


def run(*command: str | Path, folder: Path) -> None:
    """What it says is what the test says when it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=NPM_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiler that tests/page/package-lock.json names, from npm; kept beside the lock when it
    was installed there by hand."""
    compiler = Path("node_modules/typescript/bin/tsc")
    if (installed := TESTS / compiler).exists():
        return installed
    npm = program("npm")
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(TESTS / name, folder)
    try:
        run(npm, "ci", "--no-audit", "--no-fund", folder=folder)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        if system.none_may_be_missing():
            raise
        pytest.skip(f"npm cannot install TypeScript: {error}")
    return folder / compiler


def test_the_modules_keep_the_types_that_they_declare(typescript: Path) -> None:
    run(program("node"), typescript, "--project", "tsconfig.json", folder=TESTS)


def test_the_state_is_what_the_server_said_however_it_came() -> None:
    tests = sorted(str(path) for path in TESTS.glob("*.test.js"))
    assert tests
    run(program("node"), "--test", *tests, folder=TESTS)


def test_a_module_is_one_noun() -> None:
    long = [path.name for path in OURS if len(path.read_text().splitlines()) > MODULE_LINES]
    assert long == []


def test_no_module_makes_markup_of_text() -> None:
    doors = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
        r"|createPolicy"
    )
    assert [path.name for path in OURS if doors.search(path.read_text())] == []


def test_what_others_wrote_came_unchanged_and_with_its_licence() -> None:
    versions = {
        "marked/marked.esm.js": r"marked v18\.",
        "dompurify/purify.es.mjs": r"DOMPurify 3\.4\.",
        "highlight/core.min.js": r"Highlight\.js v11\.",
    }
    for name, version in versions.items():
        file = PAGE / "vendor" / name
        assert re.search(version, file.read_text()[:400]), name
        assert (file.parent / "LICENSE").stat().st_size > 1000
    assert len(list((PAGE / "vendor/highlight/languages").glob("*.min.js"))) > 30
