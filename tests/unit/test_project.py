"""What holds for the repository as a whole."""

import ast
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest

import llmchat

ROOT = Path(__file__).parents[2]
SWAGGER = ROOT / "src/llmchat/static/swagger"
FOLDERS = (".ci", "alembic", "bench", "docs", "src", "tests")
MODULES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
TEXT_SUFFIXES = {".css", ".html", ".ini", ".js", ".mako", ".md", ".mjs", ".py", ".toml", ".yaml"}
TEXT_NAMES = {"Dockerfile", "Makefile", ".env.example", ".dockerignore", ".gitignore", "run"}
FILE_LINES = 300
FUNCTION_LINES = 50


def test_every_package_marker_is_empty() -> None:
    markers = [path for path in MODULES if path.name == "__init__.py"]
    assert markers
    # But for the one from which people import what they embed (see below).
    full = [path for path in markers if path.stat().st_size]
    assert full == [ROOT / "src/llmchat/__init__.py"]


def test_what_people_import_is_there_typed_and_loaded_when_it_is_asked_for() -> None:
    tree = ast.parse((ROOT / "src/llmchat/__init__.py").read_text())
    typed = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("llmchat.")
        for alias in node.names
    }
    assert typed == {name: f"llmchat.{place}" for name, place in llmchat._PLACES.items()}
    assert sorted(typed) == llmchat.__all__
    for name, place in typed.items():
        assert getattr(llmchat, name) is getattr(import_module(str(place)), name)
    with pytest.raises(AttributeError, match="no attribute 'Caht'"):
        _ = llmchat.Caht
    code = "import sys, llmchat; print([name for name in sys.modules if 'llmchat.' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_file_is_one_noun_and_a_function_fits_on_a_screen() -> None:
    product = [path for path in MODULES if not path.is_relative_to(ROOT / "tests")]
    too_long = [path.name for path in product if len(path.read_text().splitlines()) > FILE_LINES]
    assert too_long + [name for path in MODULES for name in long_functions(path)] == []


def long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield f"{path.name}:{node.lineno} {node.name} has {lines} lines"


def test_no_module_has_a_name_that_says_nothing() -> None:
    said = {part for path in MODULES for part in path.relative_to(ROOT).with_suffix("").parts}
    assert said & {"utils", "util", "helpers", "common", "core", "misc", "manager"} == set()


def test_nothing_refers_to_a_place_outside_the_repository() -> None:
    outside = re.compile(rf"(?:\.\./|/work/){'shared'}\b")
    assert [path.name for path in text_files() if outside.search(path.read_text())] == []


def text_files() -> Iterator[Path]:
    below = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    for path in chain(ROOT.iterdir(), below):
        is_text = path.suffix in TEXT_SUFFIXES or path.name in TEXT_NAMES
        if is_text and path.is_file() and not path.is_relative_to(SWAGGER):
            yield path


def test_the_same_uv_is_pinned_everywhere() -> None:
    pins = re.findall(
        r"UV_VERSION\s*:?=\s*(\S+)",
        (ROOT / "Makefile").read_text() + (ROOT / "Dockerfile").read_text(),
    )
    assert len(pins) == 2
    assert len(set(pins)) == 1


def test_swagger_ui_is_whole_and_carries_its_licence() -> None:
    assert "SwaggerUIBundle" in (SWAGGER / "swagger-ui-bundle.js").read_text()
    assert ".swagger-ui" in (SWAGGER / "swagger-ui.css").read_text()
    assert (SWAGGER / "favicon-32x32.png").read_bytes().startswith(b"\x89PNG")
    assert "Apache License" in (SWAGGER / "LICENSE").read_text()
    assert (SWAGGER / "NOTICE").is_file()
    assert (SWAGGER / "swagger-ui-bundle.js.LICENSE.txt").is_file()


def test_the_wheel_ships_types_migrations_and_static_files(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling is missing: make test installs it")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*build, str(tmp_path)], cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    shipped = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "llmchat/py.typed",
        "llmchat/static/swagger/swagger-ui-bundle.js",
        "llmchat/migrations/env.py",
        "llmchat/migrations/script.py.mako",
    } <= shipped
    revisions = {path.name for path in (ROOT / "alembic/versions").glob("*.py")}
    prefix = "llmchat/migrations/versions/"
    assert {name.removeprefix(prefix) for name in shipped if name.startswith(prefix)} == revisions
    assert not [name for name in shipped if not name.startswith(("llmchat/", "llmchat-"))]
