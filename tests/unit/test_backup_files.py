"""A backup takes nobody's place, also without hard links; a restore is whole or has not been,
wherever it is killed."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from llmchat.store import backup, restoring

NAMES = ("llmchat.db", "log.db")
LINKLESS = """
import sys
from pathlib import Path
from llmchat.store import backup

folder, comes = Path(sys.argv[1]), sys.argv[2] == "comes"

def hook(event, args):
    if event == "os.link":
        if comes:
            (folder / "made").write_text("somebody else's")
        raise PermissionError(1, "Operation not permitted")

sys.addaudithook(hook)
backup.back_up({"llmchat.db": folder / "llmchat.db"}, folder / "made", {})
"""
# Every process gets one step further than the one before it.
KILLED = """
import os, shutil, sys
from itertools import count
from pathlib import Path
from llmchat.store import backup

archive, before, worlds = map(Path, sys.argv[1:])

def killed_at(step, data):
    left = step
    def hook(event, args):
        nonlocal left
        opens = event == "open" and str(args[0]).startswith(str(data))
        if opens or event in ("os.remove", "os.rename"):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), 9)
    sys.addaudithook(hook)
    files = {name: data / name for name in ("llmchat.db", "log.db")}
    backup.restore(archive, files, data / "restore.json")
    os._exit(0)

for step in count():
    data = worlds / f"{step:03}"
    shutil.copytree(before, data)
    child = os.fork()
    if child == 0:
        killed_at(step, data)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


def fill(folder: Path, text: str) -> Mapping[str, Path]:
    """The text is in each file's journal only, as after a crash."""
    folder.mkdir()
    files = {name: folder / name for name in NAMES}
    for path in files.values():
        made = path.with_suffix(".made")
        with closing(sqlite3.connect(made, isolation_level=None)) as file:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("CREATE TABLE said (text)")
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            file.execute("INSERT INTO said VALUES (?)", (text,))
            shutil.copy(made, path)
            shutil.copy(f"{made}-wal", f"{path}-wal")
        made.unlink()
    return files


def texts(folder: Path) -> set[str]:
    found = set()
    for name in NAMES:
        with closing(sqlite3.connect(folder / name)) as file:
            found.add(str(file.execute("SELECT * FROM said").fetchall()))
    return found


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_backup_needs_no_hard_links(tmp_path: Path) -> None:
    fill(tmp_path / "data", "kept")
    done = run(LINKLESS, tmp_path / "data", "alone")

    assert done.returncode == 0, done.stderr
    made = tmp_path / "data" / "made"
    assert made.stat().st_mode & 0o777 == 0o600
    assert backup.about(made)["format"] == 1


def test_a_backup_without_hard_links_takes_nobodys_place(tmp_path: Path) -> None:
    fill(tmp_path / "data", "kept")
    done = run(LINKLESS, tmp_path / "data", "comes")

    assert "File exists" in done.stderr
    assert (tmp_path / "data" / "made").read_text() == "somebody else's"


@pytest.fixture
def worlds(tmp_path: Path) -> Path:
    """What each of many killed restores leaves, in their order; the last one was not killed."""
    archive, worlds = tmp_path / "archive", tmp_path / "worlds"
    backup.back_up(fill(tmp_path / "new", "new"), archive, {})
    fill(tmp_path / "before", "old")
    done = run(KILLED, archive, tmp_path / "before", worlds)
    assert done.returncode == 0, done.stderr
    return worlds


def test_a_restore_that_is_killed_anywhere_is_whole_or_has_not_been(
    worlds: Path, tmp_path: Path
) -> None:
    ends = []
    for data in sorted(worlds.iterdir()):
        again = shutil.copytree(data, tmp_path / "again" / data.name)
        note, files = data / "restore.json", {name: data / name for name in NAMES}
        restoring.finish(note, files.values())
        ends.append(texts(data))
        assert sorted(path.name for path in data.iterdir()) == sorted(NAMES), data.name

        # Or by the same command once more.
        note, files = again / "restore.json", {name: again / name for name in NAMES}
        restoring.finish(note, files.values())
        backup.restore(tmp_path / "archive", files, note)
        assert texts(again) == {"[('new',)]"}
    assert {str(end) for end in ends} == {"""{"[('old',)]"}""", """{"[('new',)]"}"""}
    assert ends == sorted(ends, key=lambda end: "old" not in str(end))
