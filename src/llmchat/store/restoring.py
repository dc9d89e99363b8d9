"""New files in place of old ones: all of them or none, also when the process is killed meanwhile.

Each is made beside its place. A note then says that all are whole: from that moment they hold, and
whoever finds the note puts into place what is not there yet.
"""

import json
import os
from collections.abc import Collection
from pathlib import Path

from llmchat.errors import StorageUnavailable

_JOURNALS = ("-wal", "-shm", "-journal")


def new_of(path: Path) -> Path:
    """Where the file is made that is to take this one's place."""
    return path.with_name(f"{path.name}.restored")


def decide(note: Path, paths: Collection[Path]) -> None:
    """The new files of these are whole and hold from now on; `finish` puts them into place. Raises
    OSError."""
    for path in paths:
        sync(new_of(path))
        sync(path.parent)
    # A path from here: a volume may be mounted elsewhere at the next start.
    names = [os.path.relpath(path, note.parent) for path in paths]
    written = new_of(note)
    written.write_text(json.dumps(names))
    sync(written)
    written.replace(note)
    sync(note.parent)


def holding(note: Path, path: Path) -> Path:
    """The file with what is in this place, or is when `finish` is through. Raises OSError."""
    new = new_of(path)
    return new if note.exists() and new.exists() else path


def finish(note: Path, paths: Collection[Path]) -> bool:
    """Whether there was a note; then all new files are in their places. Without one, what was made
    of those for `paths` goes. Nobody may have the files open. Raises StorageUnavailable."""
    try:
        if not note.exists():
            for path in (*paths, note):
                new_of(path).unlink(missing_ok=True)
            return False
        for name in json.loads(note.read_text()):
            _replace(note.parent / name)
        note.unlink()
        sync(note.parent)
    except OSError as error:
        raise StorageUnavailable(
            f"The restore into {note.parent} was cut off, and cannot be ended: "
            f"{error.filename or note}: {error.strerror}."
        ) from error
    return True


def refuse_half(note: Path) -> None:
    """Raises StorageUnavailable while a restore is to be finished."""
    if note.exists():
        raise StorageUnavailable(
            f"A restore into {note.parent} was cut off: `llmchat serve` ends it, and so does "
            "`llmchat db restore` once more."
        )


def sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(path: Path) -> None:
    if not new_of(path).exists():
        return
    # SQLite would play the old file's journal into the new one.
    for journal in _JOURNALS:
        path.with_name(path.name + journal).unlink(missing_ok=True)
    new_of(path).replace(path)
    sync(path.parent)
