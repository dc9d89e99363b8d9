"""A copy of SQLite files of one moment in one archive, taken while they are written; and back."""

import json
import os
import shutil
import sqlite3
import zipfile
import zlib
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Literal

from llmchat.errors import StorageUnavailable
from llmchat.store.restoring import decide, finish, new_of, sync

_FORMAT = 1
_ABOUT = "about.json"
_BUSY_SECONDS = 10


def back_up(files: Mapping[str, Path], target: Path, about: Mapping[str, str]) -> None:
    """The files, by their names in the archive, of one moment: in their order, no more than an
    instant apart, and what was committed before is whole. `about` goes with them. Raises
    StorageUnavailable; there is then no archive."""
    if target.exists():
        raise StorageUnavailable(f"There is a file {target} already: choose another name.")
    with _translated(target), TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder:
        copies = _copy(files, Path(folder))
        made = Path(folder) / "archive"
        with (
            _new(made) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            at = datetime.now(UTC).isoformat(timespec="seconds")
            archive.writestr(_ABOUT, json.dumps({"format": _FORMAT, "at": at, **about}))
            for name, copy in copies.items():
                archive.write(copy, name)
        sync(made)
        _publish(made, target)
        sync(target.parent)


def about(archive: Path) -> Mapping[str, Any]:
    """What is said of a backup. Raises StorageUnavailable for what is none."""
    with _opened(archive) as opened:
        return _about(opened, archive)


def restore(archive: Path, files: Mapping[str, Path], note: Path) -> None:
    """Put each file of a backup in its place, all or none; what is there is replaced. Killed at a
    moment when some are in their place, it leaves the `note` (see restoring.finish). Nobody may
    have them open. Raises StorageUnavailable."""
    with _opened(archive) as opened, _translated(archive), ExitStack() as stack:
        _about(opened, archive)
        for name, path in files.items():
            copy = new_of(path)
            stack.callback(copy.unlink, missing_ok=True)
            with opened.open(name) as source, _new(copy, "wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            _check(copy)
        # From here on what was made is not ours to remove.
        stack.pop_all()
        decide(note, files.values())
        finish(note, files.values())


def _new(path: Path, mode: Literal["xb", "wb"] = "xb") -> BinaryIO:
    """For its owner alone: whoever reads it reads all that anybody ever said here."""
    return open(path, mode, opener=lambda path, flags: os.open(path, flags, 0o600))


def _publish(made: Path, target: Path) -> None:
    """Unlike a rename, this does not take the place of what has come meanwhile."""
    try:
        os.link(made, target)
    except FileExistsError:
        raise
    except OSError:
        # FAT and some shares have no hard links.
        with made.open("rb") as source, _new(target) as sink:
            try:
                shutil.copyfileobj(source, sink, 1 << 20)
                sink.flush()
                os.fsync(sink.fileno())
            except BaseException:
                target.unlink(missing_ok=True)
                raise


def _copy(files: Mapping[str, Path], folder: Path) -> Mapping[str, Path]:
    with ExitStack() as stack:
        sources = {name: stack.enter_context(_source(path)) for name, path in files.items()}
        # All begin before the first is copied, which may take minutes. While a read transaction
        # is open its file stays what it was for this reader, whoever writes.
        for source in sources.values():
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        copies = {name: folder / name for name in files}
        for name, source in sources.items():
            with closing(sqlite3.connect(copies[name])) as copy:
                source.backup(copy)
                # One file, without a journal beside it.
                copy.execute("PRAGMA journal_mode = DELETE")
            _check(copies[name])
    return copies


@contextmanager
def _source(path: Path) -> Generator[sqlite3.Connection, None, None]:
    if not path.exists():
        raise StorageUnavailable(f"There is no {path}: nothing has been served from there.")
    source = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    with closing(source):
        source.execute("PRAGMA query_only = ON")
        # Only the service itself ever checkpoints: see tokenlog/logfile.py.
        source.execute("PRAGMA wal_autocheckpoint = 0")
        yield source


def _check(path: Path) -> None:
    with closing(sqlite3.connect(path)) as copy:
        (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StorageUnavailable(f"The copy of {path.name} is damaged: {found}.")


@contextmanager
def _opened(path: Path) -> Generator[zipfile.ZipFile, None, None]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except OSError as error:
        raise StorageUnavailable(f"{path} cannot be read: {error.strerror}.") from error
    except (zipfile.BadZipFile, KeyError) as error:
        raise StorageUnavailable(f"{path} is no whole backup of llmchat: {error}.") from error


def _about(opened: zipfile.ZipFile, path: Path) -> Mapping[str, Any]:
    try:
        said: Mapping[str, Any] = json.loads(opened.read(_ABOUT))
    except ValueError as error:
        raise StorageUnavailable(f"{path} is no backup of llmchat: {error}.") from error
    if said.get("format") != _FORMAT:
        raise StorageUnavailable(
            f"{path} has format {said.get('format')}, and this version reads {_FORMAT}."
        )
    return said


@contextmanager
def _translated(path: Path) -> Generator[None, None, None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageUnavailable(f"The database cannot be copied: {error}.") from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise StorageUnavailable(f"{path} is no whole backup: {error}.") from error
    except OSError as error:
        raise StorageUnavailable(
            f"{error.filename or path} cannot be written: {error.strerror}."
        ) from error
