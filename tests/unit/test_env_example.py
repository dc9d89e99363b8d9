"""`.env.example` has every setting, no other name, and the defaults that the program has."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from llmchat.settings import Settings, known_variables, load_settings, variables_of_fields

EXAMPLE = Path(__file__).parents[2] / ".env.example"
SETTING = re.compile(r"#([A-Za-z0-9_]+)=(.*)")


@dataclass(frozen=True)
class Entry:
    name: str
    value: str
    comment: str


def entries(text: str) -> Iterator[Entry]:
    """Every setting, with the comment above it or above the settings that it follows."""
    for block in re.split(r"\n{2,}", text):
        comment: list[str] = []
        after_setting = False
        for line in block.splitlines():
            if setting := SETTING.fullmatch(line):
                after_setting = True
                yield Entry(setting[1], setting[2], " ".join(comment))
            else:
                comment = [*([] if after_setting else comment), line.removeprefix("# ")]
                after_setting = False


TEXT = EXAMPLE.read_text(encoding="utf-8")
ENTRIES = list(entries(TEXT))
SENTENCES = {
    name: Settings.model_fields[field].description or ""
    for field, env in variables_of_fields().items()
    for name in env.names
}


def test_names_every_setting_once_and_nothing_else() -> None:
    assert sorted(entry.name for entry in ENTRIES) == sorted(known_variables())


def test_every_line_is_a_comment_or_a_setting_that_is_commented_out() -> None:
    lines = [line for line in TEXT.splitlines() if line]
    assert [
        it for it in lines if not (it == "#" or it.startswith("# ") or SETTING.fullmatch(it))
    ] == []
    assert [it for it in lines if len(it) > 100] == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_explains_a_setting_as_the_program_does(entry: Entry) -> None:
    sentence = SENTENCES.get(entry.name, "A.").removesuffix(".")
    assert sentence in entry.comment or entry.name not in SENTENCES
    assert entry.comment.endswith(".")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_shows_the_default(tmp_path: Path, entry: Entry) -> None:
    alone = load_settings(environ={entry.name: entry.value}, cwd=tmp_path)
    assert alone == Settings()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_leaves_out_no_default(entry: Entry) -> None:
    field = next((it for it, env in variables_of_fields().items() if entry.name in env.names), None)
    default = Settings.model_fields[field].default if field else None
    assert (entry.value == "") == (default is None)


def test_loads_with_every_line_uncommented(tmp_path: Path) -> None:
    text = SETTING.sub(r"\1=\2", TEXT)
    assert "\nLLMCHAT_PORT=8000\n" in text
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    settings = load_settings(environ={}, cwd=tmp_path)
    assert settings == Settings()
    assert settings.resolved_providers() == Settings().resolved_providers()


def test_is_what_dotenv_takes_it_for(tmp_path: Path) -> None:
    """Each line sets what it seems to set: one that is changed changes a setting."""
    (tmp_path / ".env").write_text(TEXT.replace("#LLMCHAT_PORT=8000", "LLMCHAT_PORT=1"))
    assert load_settings(environ={}, cwd=tmp_path).port == 1
