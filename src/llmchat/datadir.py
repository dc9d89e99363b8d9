"""The data directory of an embedded service: one process at a time."""

import errno
import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from llmchat.errors import DataDirLocked, StorageUnavailable


def database_path(data_dir: Path) -> Path:
    return data_dir / "llmchat.db"


def log_path(data_dir: Path) -> Path:
    return data_dir / "log.db"


def restore_note(data_dir: Path) -> Path:
    """What says that a restore is to be finished (see store/restoring.py)."""
    return data_dir / "restore.json"


@contextmanager
def locked(data_dir: Path) -> Generator[None, None, None]:
    """Make the directory if needed, and keep it for this process.

    Two processes would each believe that the other's generations are dead. The lock is the
    kernel's: it goes with the process, however that ends. Raises DataDirLocked, or
    StorageUnavailable when the directory cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(data_dir / "llmchat.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageUnavailable(
            f"The data directory {data_dir.absolute()} cannot be written: {error.strerror}. "
            "Choose another one with --data-dir or LLMCHAT_DATA_DIR."
        ) from error
    try:
        _take(handle, data_dir)
        yield
    finally:
        os.close(handle)


def _take(handle: int, data_dir: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        owner = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise DataDirLocked(
            f"Another llmchat (process {owner}) is using {data_dir.absolute()}. One embedded "
            "service owns its data directory: stop that one, or choose another directory with "
            "--data-dir or LLMCHAT_DATA_DIR."
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
